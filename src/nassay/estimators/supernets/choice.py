"""Where a super-network chooses: all options of one choice, and how an input goes through them.

Three ways, by what is selected for the choice:
- an index: one path, the others are neither computed nor kept in memory (SPOS, Guo et al. 2020, arXiv:1904.00420);
- an index for each item of the batch: a batch of paths, each option sees its items only;
- a weight for each option: their weighted sum (DARTS, Liu et al. 2018, arXiv:1806.09055, eq. 2), the options of weight
  zero not computed.

What goes through is one map, or in a neck a list of maps.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from nassay.spaces.base import Options

Maps = Tensor | list[Tensor]
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

    @property
    def connects(self) -> bool:
        """False where the selected option is no connection: a cell then does without it, as the network alone does."""
        selected = None if self.held.selection is None else self.held.selection[self.position]
        return not isinstance(selected, int) or getattr(self.options[selected], "connects", True)

    def forward(self, x: Maps) -> Maps:
        """(B, C, H, W), or a list of such maps -> what the selected options make of it."""
        assert self.held.selection is not None, "a choice runs inside its super-network only"
        selected = self.held.selection[self.position]
        if isinstance(selected, int):
            chosen: Maps = self.options[selected](x)
            return chosen
        return self._mixture(x, selected) if selected.is_floating_point() else self._paths(x, selected)

    def _mixture(self, x: Maps, weights: Tensor) -> Maps:
        """Weighted sum of the options' outputs, weights (options,)."""
        wanted = [i for i, w in enumerate(weights.tolist()) if w != 0]

        def weighted(parts: Sequence[Tensor]) -> Tensor:
            terms = [weights[i] * part for i, part in zip(wanted, parts, strict=True)]
            return sum(terms[1:], terms[0])

        return _map_by_map(weighted, [self.options[i](x) for i in wanted])

    def _paths(self, x: Maps, indices: Tensor) -> Maps:
        """Each item of the batch through its own option, indices (B,) int64."""
        order = torch.argsort(indices, stable=True)
        counts = torch.bincount(indices, minlength=len(self.options)).tolist()
        shares = zip(self.options, torch.split(order, counts), strict=True)
        outputs = [option(_items(x, rows)) for option, rows in shares if len(rows)]
        return _map_by_map(lambda parts: torch.cat(list(parts))[torch.argsort(order)], outputs)


def _items(x: Maps, rows: Tensor) -> Maps:
    """Some items of a batch."""
    return x[rows] if isinstance(x, Tensor) else [level[rows] for level in x]


def _map_by_map(joined: Callable[[Sequence[Tensor]], Tensor], outputs: Sequence[Maps]) -> Maps:
    """What several options put out, joined into one; level by level where they are lists of maps."""
    tensors = [output for output in outputs if isinstance(output, Tensor)]
    if tensors:
        return joined(tensors)
    return [joined(level) for level in zip(*outputs, strict=True)]
