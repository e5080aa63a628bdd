"""NetAdaptV2: shrink the largest network step by step, several layers at once, by inherited accuracy.

Yang et al. 2021, arXiv:2104.00031. A super-network is trained by ordered dropout: every part of a batch goes through a
sub-network of its own, all in one pass. Then multi-layer coordinate descent: each iteration has a target a little below
the resource of the network so far; every proposal makes some random layers smaller and one more layer as little smaller
as the target asks for; the one that inherits the best accuracy is kept. The schedule of targets is NetAdaptV1's; how
proposals are drawn is our reading, the paper's text was not at hand. Latencies are predicted on the way, so it goes on
until some networks keep the limit: the first may not keep it when measured.

Under a clock every iteration looks at as many proposals as leave the same to those that follow; where the time does not
even pay for that, the first proposal is taken unseen, so that the descent always comes to its end.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from nassay.estimators.supernets.methods import check_sizes
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import Record, Request, strategies
from nassay.strategies.one_shot import OneShot

FIRST_STEP, DECAY = 0.04, 0.98  # of the first network's resource, and by iteration
LAYERS = 4  # that a proposal makes smaller, at most half of them
PROPOSALS = 16  # for each iteration
ATTEMPTS = 20  # at a proposal that meets the target
RATIO = 0.25  # of the first network's multiply-accumulates, where the descent ends if no limit says otherwise
MOST = 200  # iterations
FITTING = 4  # networks inside the limits with which the descent ends

Choices = tuple[int, ...]


@dataclass(frozen=True)
class Descent:
    """How networks are made smaller, iteration by iteration.

    Attributes:
        resource: what is shrunk, such as multiply-accumulates.
        canonical: one representative for all encodings of one network.
        layers: that a proposal makes smaller, at most half of those that can be; one is single-layer descent.
        proposals: for each iteration.
        first_step: the first iteration's step, as a share of the first network's resource.
        decay: factor on the step from one iteration to the next.
    """

    resource: Callable[[Choices], float]
    canonical: Callable[[Choices], Choices] = lambda choices: choices
    layers: int = LAYERS
    proposals: int = PROPOSALS
    first_step: float = FIRST_STEP
    decay: float = DECAY

    def run(
        self, first: Choices, enough: Callable[[Sequence[Choices]], bool], rng: np.random.Generator
    ) -> Generator[list[Choices], list[float | None], list[Choices]]:
        """Descend until it is enough, or until there is no proposal.

        Args:
            first: the network to begin with.
            enough: whether the descent has come to its end with these networks, the first one first.
            rng: draws the proposals.

        Yields:
            An iteration's proposals; the answer is how good each is, larger is better, None where that failed or nobody
            looked. Where it is None for all of them the first one is kept.

        Returns:
            The networks on the way, the first one first.
        """
        kept, step = [first], self.first_step * self.resource(first)
        for _ in range(MOST):
            if enough(kept):
                break
            proposals = self.proposed(kept[-1], self.resource(kept[-1]) - step, rng)
            if not proposals:
                break
            values = yield proposals
            ranks = [-np.inf if v is None else v for v in values]
            kept.append(proposals[ranks.index(max(ranks))])
            step *= self.decay
        return kept

    def proposed(self, here: Choices, target: float, rng: np.random.Generator) -> list[Choices]:
        """Distinct smaller networks that meet the target."""
        found: dict[Choices, None] = {}
        for _ in range(ATTEMPTS * self.proposals):
            proposal = self._proposal(here, target, rng)
            if proposal is not None:
                found[proposal] = None
            if len(found) == self.proposals:
                break
        return list(found)

    def _proposal(self, here: Choices, target: float, rng: np.random.Generator) -> Choices | None:
        """Some layers up to two options smaller, the last one as much as the target asks for; None if it cannot."""
        choices = list(here)
        shrinkable = [i for i, c in enumerate(choices) if c > 0]
        layers = rng.permutation(shrinkable)[: min(self.layers, max(1, len(shrinkable) // 2))]
        if not len(layers):
            return None
        for i in layers[:-1]:
            choices[i] = max(0, choices[i] - int(rng.integers(3)))
        last = int(layers[-1])
        for option in range(choices[last], -1, -1):
            choices[last] = option
            proposal = self.canonical(tuple(choices))
            if proposal != here and self.resource(proposal) <= target:
                return proposal
        return None


@strategies.register("netadapt_v2", paper="Yang et al. 2021, arXiv:2104.00031")
class NetAdaptV2(OneShot):
    """Super-network trained by ordered dropout, then multi-layer coordinate descent on inherited accuracy."""

    rule = "ordered_dropout"
    default_space = "bypass"

    @classmethod
    def check_space(cls, space: Space) -> None:
        """It also needs options that have sizes; see `OneShot.check_space`."""
        super().check_space(space)
        check_sizes("netadapt_v2", space)

    def _proposed(
        self, supernet: Record, drawn: list[Architecture], count: int
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """The networks that the descent went through and that keep all limits, those next to the limits first."""
        del supernet, drawn, count
        self.phase = "inherit"
        here = self._canonical(tuple(n - 1 for n in self.problem.space.options))
        way = Descent(self._resource, self._canonical).run(here, self._enough, self.problem.rng(self.rule))
        records: list[Record] = []
        step, goal = FIRST_STEP * self._resource(here), self._goal(here)
        proposals, kept = next(way, None), [here]
        while proposals:
            left = FITTING + max(0.0, self._resource(proposals[0]) - goal) / step
            looked_at = proposals[: self._looked_at(records, left)]
            new = yield from self._inherit([self._architecture(p) for p in looked_at])
            records, step = records + new, DECAY * step
            try:
                proposals = way.send([r.value for r in new] + [None] * (len(proposals) - len(new)))
            except StopIteration as end:
                proposals, kept = None, end.value
        found = [a for a in map(self._architecture, kept) if self.problem.admits(a)]
        return found if self.problem.constraints.any else found[::-1]  # without limits the descent's end is wanted

    def _looked_at(self, records: list[Record], left: float) -> int:
        """How many proposals of an iteration are looked at, all workers busy, with so many iterations left; 0 for none.

        One alone would be no choice.
        """
        fewest = max(2, self.problem.budget.workers)
        room = self._room(records, len(records) + PROPOSALS * ceil(left))
        return max(fewest, int(room / left)) if room >= fewest or not records else 0

    def _enough(self, way: Sequence[Choices]) -> bool:
        """Whether some networks are inside the limits; where there are none, whether the last one is small enough."""
        if self.problem.constraints.any:
            return sum(self.problem.admits(self._architecture(choices)) for choices in way) >= FITTING
        return self._resource(way[-1]) <= self._goal(way[0])

    def _goal(self, first: Choices) -> float:
        """About what is left of the resource at the end: its limit, else a share of the first network's."""
        limits = self.problem.constraints
        limit = limits.max_latency_ms if self._by_latency else limits.max_macs
        return RATIO * self._resource(first) if limit is None else limit

    def _architecture(self, choices: Choices) -> Architecture:
        return Architecture(self.problem.space.name, choices)

    def _canonical(self, choices: Choices) -> Choices:
        return self.problem.space.canonical(self._architecture(choices)).choices

    def _resource(self, choices: Choices) -> float:
        """What is shrunk: predicted latency under a limit on it, else multiply-accumulates."""
        architecture = self._architecture(choices)
        latency = self.problem.costs(architecture)["latency_ms"] if self._by_latency else None
        return self.problem.profile(architecture).macs if latency is None else latency

    @property
    def _by_latency(self) -> bool:
        """Whether latency is limited and can be predicted."""
        return self.problem.constraints.max_latency_ms is not None and self.problem.latency_model is not None
