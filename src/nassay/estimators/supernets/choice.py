"""Where a super-network chooses: all options of one choice, and how an input goes through them.

Three ways, by what is selected for the choice:
- an index: one path, the others are neither computed nor kept in memory (SPOS, Guo et al. 2020, arXiv:1904.00420);
- an index for each item of the batch: a batch of paths, each option sees its items only;
- a weight for each option: their weighted sum (DARTS, Liu et al. 2018, arXiv:1806.09055, eq. 2), the options of weight
  zero not computed.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nassay.spaces.base import Options

Selected = int | Tensor
Selection = Sequence[Selected]


class Held:
    """What is selected for every choice of a super-network, during one forward pass."""

    def __init__(self) -> None:
        self.selection: Selection | None = None


class Choice(nn.Module):
    """All options of one choice.

    Args:
        held: the super-network's selection.
        position: which choice this is.
        options: from a number of channels to one module an option.
        channels: of the input.
    """

    def __init__(self, held: Held, position: int, options: Options, channels: int) -> None:
        super().__init__()
        self.held, self.position = held, position
        self.options = nn.ModuleList(options(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> what the selected options make of it."""
        assert self.held.selection is not None, "a choice runs inside its super-network only"
        selected = self.held.selection[self.position]
        if isinstance(selected, int):
            chosen: Tensor = self.options[selected](x)
            return chosen
        return self._mixture(x, selected) if selected.is_floating_point() else self._paths(x, selected)

    def _mixture(self, x: Tensor, weights: Tensor) -> Tensor:
        """Weighted sum of the options' outputs, weights (options,)."""
        wanted = [i for i, w in enumerate(weights.tolist()) if w != 0]
        terms = [weights[i] * self.options[i](x) for i in wanted]
        return sum(terms[1:], terms[0])

    def _paths(self, x: Tensor, indices: Tensor) -> Tensor:
        """Each item of the batch through its own option, indices (B,) int64."""
        order = torch.argsort(indices, stable=True)
        counts = torch.bincount(indices, minlength=len(self.options)).tolist()
        parts = torch.split(x[order], counts)
        outputs = [option(part) for option, part in zip(self.options, parts, strict=True) if len(part)]
        return torch.cat(outputs)[torch.argsort(order)]
