"""The one convention of built networks: a stem, blocks, a tail, perhaps a neck, and a head, run in this order.

Estimators rely on two attributes only, by duck typing, so that a user's own module may offer them too:
`stages`, the modules whose outputs are the primary block features (stem first), and `trunk`, the module whose
output is the feature map before pooling.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class PooledLinear(nn.Sequential):
    """Global average pooling and a linear layer: (B, C, H, W) -> (B, num_outputs)."""

    def __init__(self, channels: int, num_outputs: int, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten(1)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        super().__init__(*layers, nn.Linear(channels, num_outputs))


class PyramidHead(nn.Module):
    """A head that reads feature maps of several sizes, a list of (B, C, H, W) from the finest to the trunk's."""


class Network(nn.Module):
    """A built architecture: `head(tail(blocks(stem(x))))`.

    A `PyramidHead` reads the last map of every size that there is on the way, after the neck if there is one.

    Args:
        stem: (B, C, H, W) -> first feature map.
        blocks: the searched blocks, each from feature map to feature map.
        tail: what stands between the last block and the head (norm and activation, or a 1x1 convolution).
        head: feature map -> outputs, or a `PyramidHead`.
        neck: mixes the maps of all sizes, list -> list; None for no such thing.
    """

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module],
        tail: nn.Module,
        head: nn.Module,
        neck: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)
        self.tail = tail
        self.neck = neck
        self.head = head

    @property
    def stages(self) -> list[nn.Module]:
        """The stem and every block that does something: their outputs are the primary block features."""
        return [self.stem, *(block for block in self.blocks if not isinstance(block, nn.Identity))]

    @property
    def trunk(self) -> nn.Module:
        """The module whose output is the feature map before pooling."""
        return self.tail

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> outputs of the head, (B, num_outputs) for the default head."""
        if self.neck is None and not isinstance(self.head, PyramidHead):
            outputs: Tensor = self.head(self.tail(self.blocks(self.stem(x))))
            return outputs
        return read_maps(self.pyramid(x), self.neck, self.head)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> the last map of each size, before the neck, the finest first, the trunk's last."""
        maps: list[Tensor] = []
        for stage in (*self.stages, self.tail):
            x = stage(x)
            if maps and maps[-1].shape[-2:] == x.shape[-2:]:
                maps.pop()
            maps.append(x)
        return maps


def read_maps(maps: list[Tensor], neck: nn.Module | None, head: nn.Module) -> Tensor:
    """What a head makes of maps of all sizes, the finest first, after the neck; a plain head reads the last one."""
    maps = maps if neck is None else neck(maps)
    outputs: Tensor = head(maps if isinstance(head, PyramidHead) else maps[-1])
    return outputs
