"""How much of a network, and of the data, proxies are shown: all that the papers show them, or as little as will do."""

from dataclasses import asdict, dataclass

from nassay.errors import UserError

FEWEST, MOST = 4, 64  # inputs; 64 in most papers


@dataclass(frozen=True)
class ProbeSettings:
    """What a proxy's price depends on beside the network.

    Attributes:
        batch_size: inputs that networks are shown.
        largest_side: of these inputs, in pixels: larger images are shown smaller, or, where that would change what is
            searched (`Space.searches_resolution`), fewer.
        depth_percent: of each run of equal blocks (such as the cells of a stage), how many are built, rounded up: a
            block more of the same tells little and costs as much as the first.
        least_pixels: that inputs have together; of small images there are more, up to 64, as statistics over a map need
            a number of places.

    Raises:
        UserError: a number is out of range.
    """

    batch_size: int = MOST
    largest_side: int = 64
    depth_percent: int = 100
    least_pixels: int = 0

    def __post_init__(self) -> None:
        if self.batch_size < 2 or self.largest_side < 1 or not 1 <= self.depth_percent <= 100:
            raise UserError(f"Two inputs, one pixel and 1 to 100 percent of the depth are needed, found {self}.")

    @classmethod
    def fast(cls) -> "ProbeSettings":
        """The settings for ranking whole search spaces, the same for every space.

        Chosen by `benchmarks/fast_settings.py`.
        """
        return cls(batch_size=16, depth_percent=60, least_pixels=16 * 32 * 32)

    def inputs(self, shape: tuple[int, int, int]) -> int:
        """How many inputs networks are shown.

        Args:
            shape: (C, H, W) of one, as shown.
        """
        pixels = shape[1] * shape[2]
        needed = -(-self.least_pixels // pixels)
        affordable = max(FEWEST, self.batch_size * self.largest_side**2 // pixels)
        return min(affordable, max(self.batch_size, min(needed, MOST)))

    def as_dict(self) -> dict[str, int]:
        """By name; what changes nothing is left out."""
        idle = {"depth_percent": 100, "least_pixels": 0}
        return {key: value for key, value in asdict(self).items() if idle.get(key) != value}
