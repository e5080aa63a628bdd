"""P-DARTS: a differentiable search in stages, each with fewer options on a deeper network.

Chen et al. 2019, arXiv:1904.12760, and the authors' code: three stages with 8, 5 and 3 operations and 5, 11 and 17
cells; in the first two fifths of a stage the logits rest; skip connections are dropped out, less and less within a
stage, more from stage to stage; the network has at most two of them, others give way to what is next likely.

Here the stages are thirds of one training, and the shares of options and of cells are the paper's: blocks whose output
has their input's shape are left out, at each size as many as the share asks for, none in the last stage. The logits
start again in each stage, as there; the weights go on, where the paper begins with new ones. The limit on skips is the
paper's for its normal cell; here it holds for each kind of cell.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from math import ceil, exp
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.estimators.supernets.differentiable import DifferentiableSearch
from nassay.estimators.supernets.relaxations import Relaxation
from nassay.estimators.supernets.supernet import SuperNet
from nassay.spaces.base import Architecture, Space
from nassay.spaces.network import Network
from nassay.tasks.base import Task

OPTIONS = (1.0, 5 / 8, 3 / 8)  # share of the options that are left in each stage
DEPTHS = (5 / 17, 11 / 17, 1.0)  # share of the blocks that take part in each stage
STAGES = len(OPTIONS)
RESTING = 0.4  # share of a stage in which the logits rest
SKIP_DROPOUT = (0.0, 0.4, 0.7)  # first rate of each stage
FADING = 5.0  # of the rate once the logits move: exp(-5 t), t the share of a stage since then
MOST_SKIPS = 2


class ProgressiveSearch(DifferentiableSearch):
    """A differentiable search by DARTS's mixture in three stages, resumable at any step.

    Args:
        network: trained in place.
        task: data, loss and metric.
        options: see `DifferentiableSearch`.

    Attributes:
        stage: 0, 1 or 2.
        kept: for each choice which of its options are left, (options,) bools.
    """

    def __init__(self, network: SuperNet, task: Task, **options: Any) -> None:
        self.stage = 0
        self.kept = [torch.ones(n, dtype=torch.bool) for n in network.space.options]
        self._left_out = [left_out(network.space, network.width, share) for share in DEPTHS]
        self._skips = skips_of(network)
        self._cells = cells_of(network)
        super().__init__(network, task, Relaxation(), **options)

    @property
    def chances(self) -> list[Tensor]:
        """How likely each option is: nothing that was dropped, and no skips beyond the limit."""
        found = super().chances
        for cell in self._cells:
            while len(skips := self._chosen_skips(cell, found)) > MOST_SKIPS:
                weakest = min(skips, key=lambda i: float(found[i][self._skips[i]]))
                found[weakest][self._skips[weakest]] = 0.0
        return found

    def selected_outputs(self, *arguments: Any, **options: Any) -> tuple[Tensor, Tensor]:
        """Outputs of a sub-network or mixture, at the depth of this stage; see `SuperTraining.selected_outputs`."""
        with self._shallow():
            return super().selected_outputs(*arguments, **options)

    def _chosen_skips(self, cell: Sequence[int], chances: Sequence[Tensor]) -> list[int]:
        """The choices of a cell that the likeliest network makes identities."""
        chosen = self.network.space.discretised([p.cpu().numpy() for p in chances])[0].choices
        return [i for i in cell if chosen[i] == self._skips.get(i)]

    # A step ----------------------------------------------------------------------------------------------------------

    def _backward(self, x: Tensor, y: Tensor) -> Tensor:
        while self.stage < min(int(STAGES * self._done), STAGES - 1):
            self._begin(self.stage + 1)
        with self._shallow(), dropped_out(self.network, skip_dropout(self.stage, self._within)):
            return super()._backward(x, y)

    @property
    def _within(self) -> float:
        """The share of this stage that is done."""
        return STAGES * self._done - self.stage

    @property
    def _resting(self) -> bool:
        return self._within < RESTING

    def _live_logits(self) -> list[Tensor]:
        """Minus infinity for what was dropped."""
        kept = zip(self.logits, self.kept, strict=True)
        return [logit.masked_fill(~mask.to(logit.device), -torch.inf) for logit, mask in kept]

    def _begin(self, stage: int) -> None:
        """Drop the options that are least likely now; new logits for the others."""
        for i, logit in enumerate(self._live_logits()):
            wanted = ceil(OPTIONS[stage] * len(logit))
            self.kept[i] = torch.zeros(len(logit), dtype=torch.bool)
            self.kept[i][logit.detach().cpu().argsort(descending=True, stable=True)[:wanted]] = True
        self.stage = stage
        self._restart_logits(stage)

    @contextmanager
    def _shallow(self) -> Iterator[None]:
        with ExitStack() as stack:
            for network in (self.network, self.averaged):
                stack.enter_context(without_blocks(network.network, self._left_out[self.stage]))  # type: ignore[arg-type]
            yield

    # State -----------------------------------------------------------------------------------------------------------

    def _more_state(self) -> dict[str, Any]:
        return {**super()._more_state(), "stage": self.stage, "kept": self.kept}

    def _load_more(self, payload: dict[str, Any]) -> None:
        super()._load_more(payload)
        self.stage, self.kept = payload["stage"], [mask.cpu() for mask in payload["kept"]]


def skip_dropout(stage: int, within: float) -> float:
    """The rate at which skips are dropped out: falls linearly while the logits rest, then exponentially.

    Args:
        stage: 0, 1 or 2.
        within: share of the stage that is done.
    """
    falling = 1 - within if within < RESTING else exp(-FADING * (within - RESTING))
    return SKIP_DROPOUT[stage] * falling


def skips_of(network: SuperNet) -> dict[int, int]:
    """Which option of a choice is an identity, where one is: {choice: option}."""
    return {
        choice.position: option
        for _, choice in network.choices()
        for option, module in enumerate(choice.options)
        if isinstance(module, nn.Identity)
    }


def cells_of(network: SuperNet) -> list[list[int]]:
    """The choices by the blocks in which they are made: those of each kind of cell."""
    blocks: dict[int, list[str]] = {}
    for name, choice in network.choices():
        blocks.setdefault(choice.position, []).append(".".join(name.split(".")[:2]))
    cells: dict[tuple[str, ...], list[int]] = {}
    for position, where in sorted(blocks.items()):
        cells.setdefault(tuple(where), []).append(position)
    return list(cells.values())


def left_out(space: Space, width: float, share: float) -> list[int]:
    """The blocks that a shallower network does without: later ones of each size that keep their input's shape.

    Args:
        space: whose network it is.
        width: factor on its channels.
        share: of the blocks of each size that should be left, rounded up.
    """
    largest = space.layout(Architecture(space.name, tuple(n - 1 for n in space.options)), width=width)
    with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.no_grad():
        shapes = [(x := largest.stem.make().eval()(torch.empty(1, *space.input_shape))).shape]
        shapes += [(x := block.make().eval()(x)).shape for block in largest.blocks]
    found = []
    for _, run in groupby(range(len(largest.blocks)), key=lambda i: shapes[i + 1][-2:]):
        blocks = list(run)
        removable = [i for i in blocks if shapes[i] == shapes[i + 1]]
        found += removable[max(0, len(removable) - (len(blocks) - ceil(share * len(blocks)))) :]
    return found


@contextmanager
def without_blocks(network: Network, indices: Collection[int]) -> Iterator[None]:
    """The network without some of its blocks, within this context."""
    whole = network.blocks
    network.blocks = nn.Sequential(*(block for i, block in enumerate(whole) if i not in indices))
    try:
        yield
    finally:
        network.blocks = whole


@contextmanager
def dropped_out(network: SuperNet, rate: float) -> Iterator[None]:
    """Within this context the outputs of all skips are dropped out, value by value, at this rate."""

    def hook(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        del module
        return functional.dropout(output, rate)

    skips = [m for _, choice in network.choices() for m in choice.options if isinstance(m, nn.Identity)]
    handles = [skip.register_forward_hook(hook) for skip in skips] if rate else []
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
