"""The one convention of built networks: a stem, blocks, a tail and a head, run in this order.

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


class Network(nn.Module):
    """A built architecture: `head(tail(blocks(stem(x))))`.

    Args:
        stem: (B, C, H, W) -> first feature map.
        blocks: the searched blocks, each from feature map to feature map.
        tail: what stands between the last block and the head (norm and activation, or a 1x1 convolution).
        head: feature map -> outputs.
    """

    def __init__(self, stem: nn.Module, blocks: Sequence[nn.Module], tail: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.Sequential(*blocks)
        self.tail = tail
        self.head = head

    @property
    def stages(self) -> list[nn.Module]:
        """The stem and every block: their outputs are the primary block features."""
        return [self.stem, *self.blocks]

    @property
    def trunk(self) -> nn.Module:
        """The module whose output is the feature map before pooling."""
        return self.tail

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> outputs of the head, (B, num_outputs) for the default head."""
        return self.head(self.tail(self.blocks(self.stem(x))))
