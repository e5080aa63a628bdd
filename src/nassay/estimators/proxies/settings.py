"""How much of a network, and of the data, proxies are shown: all that the papers show them, or as little as will do."""

from dataclasses import asdict, dataclass

from nassay.errors import UserError


@dataclass(frozen=True)
class ProbeSettings:
    """What a proxy's price depends on beside the network.

    Attributes:
        batch_size: inputs that networks are shown; 64 as in most papers.
        largest_side: of these inputs, in pixels: larger images are shown smaller.
        depth_percent: of each run of equal blocks (such as the cells of a stage), how many are built, rounded up: a
            block more of the same tells little and costs as much as the first.

    Raises:
        UserError: a number is out of range.
    """

    batch_size: int = 64
    largest_side: int = 64
    depth_percent: int = 100

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.largest_side < 1 or not 1 <= self.depth_percent <= 100:
            raise UserError(f"Two inputs, one pixel and 1 to 100 percent of the depth are needed, found {self}.")

    @classmethod
    def fast(cls) -> "ProbeSettings":
        """The settings for ranking whole search spaces, the same for every space."""
        return cls(batch_size=16, depth_percent=60)

    def as_dict(self) -> dict[str, int]:
        """By name; a depth of all blocks, which is not worth saying, is left out."""
        return {key: value for key, value in asdict(self).items() if (key, value) != ("depth_percent", 100)}
