"""Less sharing than a super-network's: weights for groups of networks, or for the first blocks only.

The two experiments of Zhang et al. 2020, arXiv:2001.01431, section 4.3. Groups are super-networks that are trained by
their members' paths only; with a shared prefix every network has all later weights, the classifier too, for itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from nassay.estimators.supernets.choice import Selection
from nassay.estimators.supernets.paths import SHOWN_PATHS, PathTraining
from nassay.estimators.supernets.sampling import Path
from nassay.estimators.supernets.supernet import SuperNet
from nassay.spaces.base import Architecture, Space
from nassay.spaces.network import Network
from nassay.tasks.base import Task


class MemberTraining(PathTraining):
    """A super-network's training by the paths of some networks, one a step, each once in every round.

    Args:
        network: trained in place.
        task: data, loss and metric.
        members: the paths; every round has an order of its own.
        options: see `SuperTraining`.
    """

    def __init__(self, network: SuperNet, task: Task, members: Sequence[Path], **options: Any) -> None:
        self.members = list(members)
        super().__init__(network, task, "spos", **options)
        self.shown = self.members[:SHOWN_PATHS]

    def paths(self, step: int) -> list[Path]:
        """The path whose turn it is."""
        turn, place = divmod(step, len(self.members))
        order = np.random.default_rng([self.seed, turn, 0x6E0]).permutation(len(self.members))
        return [self.members[order[place]]]


class PrefixNet(SuperNet):
    """A super-network whose first blocks are shared; everything behind them belongs to one network each.

    Args:
        space: one that has a super-network.
        architectures: the networks.
        shared: how many blocks are shared, behind the stem.
    """

    def __init__(self, space: Space, architectures: Sequence[Architecture], shared: int) -> None:
        super().__init__(space)
        whole = self.network
        self.shared = shared
        self.network = Network(whole.stem, list(whole.blocks)[:shared], nn.Identity(), nn.Identity())
        self.index = {a.choices: i for i, a in enumerate(architectures)}
        alone = (space.build(a) for a in architectures)
        self.own = nn.ModuleList(
            Network(nn.Identity(), list(network.blocks)[shared:], network.tail, network.head) for network in alone
        )

    def forward(self, x: Tensor, selection: Selection) -> Tensor:
        """(B, C, H, W) -> outputs of one of the networks."""
        outputs: Tensor = self.own[self.index[tuple(map(int, selection))]](super().forward(x, selection))
        return outputs

    def inherited(self, architecture: Architecture) -> dict[str, Tensor]:
        """Shared and own weights; see `SuperNet.inherited`."""
        own = self.own[self.index[architecture.choices]].state_dict()
        return super().inherited(architecture) | {_behind(name, self.shared): t for name, t in own.items()}


def _behind(name: str, blocks: int) -> str:
    """The name of a block's part in a network with so many blocks before it."""
    first, _, rest = name.partition(".")
    if first != "blocks":
        return name
    index, _, inside = rest.partition(".")
    return f"blocks.{int(index) + blocks}.{inside}"


def grouped(count: int, groups: int, *, similar: bool) -> list[list[int]]:
    """Networks in groups of equal size: neighbours in their order, or a fixed random partition.

    Args:
        count: how many networks; a multiple of `groups`.
        groups: how many groups.
        similar: whether the networks, in lexicographic order of their choices, are cut into consecutive parts.
    """
    order = np.arange(count) if similar else np.random.default_rng(42).permutation(count)
    return [sorted(map(int, part)) for part in np.array_split(order, groups)]
