"""Zero-cost proxies over a space: build each architecture and score it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import torch

from nassay.estimators.base import Estimate
from nassay.estimators.proxies.base import Batch
from nassay.estimators.proxies.base import proxies as registry
from nassay.estimators.proxies.probe import score
from nassay.estimators.proxies.sandbox import seeded
from nassay.estimators.proxies.streams import derived_seed
from nassay.spaces.base import Architecture, Piece, Space
from nassay.spaces.network import Network


class ProxyScorer:
    """Scores architectures of a space by several proxies at once.

    Args:
        space: where the architectures come from.
        batch: see `score`.
        names: proxies, by name.
        seed: the weights and all draws of an architecture follow from it and the architecture's canonical
            string
            alone, so that values depend neither on order nor on company.
        depth_percent: see `ProbeSettings`.

    Attributes:
        names: the proxies.
        directions: +1 or -1 per proxy.

    Raises:
        UserError: a name is unknown.
    """

    def __init__(
        self, space: Space, batch: Batch, names: Sequence[str], *, seed: int = 0, depth_percent: int = 100
    ) -> None:
        self._depth_percent = depth_percent
        self._space, self._batch, self._seed = space, batch.in_own_order(), seed
        self.names = tuple(names)
        self.directions: dict[str, int] = {name: registry[name].info["direction"] for name in self.names}

    def score_all(self, architectures: Sequence[Architecture]) -> list[dict[str, Estimate]]:
        """One dictionary of estimates, by proxy name, for each architecture, in order."""
        return [self._score(architecture) for architecture in architectures]

    def _score(self, architecture: Architecture) -> dict[str, Estimate]:
        canonical = self._space.canonical(architecture)
        seed = derived_seed(self._seed, self._space.to_string(canonical))
        with seeded(seed, torch.device("cpu")):
            network = self._build(canonical)
        return score(network, self._batch, self.names, seed=seed)

    def _build(self, architecture: Architecture) -> Network:
        if self._depth_percent == 100:
            return self._space.build(architecture)
        layout = self._space.layout(architecture)
        blocks = tuple(shallower(layout.blocks, self._depth_percent))
        return self._space.assembled(replace(layout, blocks=blocks))


def shallower(blocks: Sequence[Piece], percent: int) -> list[Piece]:
    """The first blocks of every run of equal ones.

    Args:
        blocks: of a network.
        percent: share of each run, rounded up.
    """
    runs = (list(run) for _, run in groupby(blocks, key=lambda piece: piece.key))
    return [piece for run in runs for piece in run[: -(-len(run) * percent // 100)]]
