"""NetAdaptV2: shrink the largest network step by step, several layers at once, by inherited accuracy.

Yang et al. 2021, arXiv:2104.00031. A super-network is trained by ordered dropout: every part of a batch goes through a
sub-network of its own, all in one pass. Then multi-layer coordinate descent: each iteration has a target a little below
the resource of the network so far; every proposal makes some random layers smaller and one more layer as little smaller
as the target asks for; the one that inherits the best accuracy is kept. The schedule of targets is NetAdaptV1's; how
proposals are drawn is our reading, the paper's text was not at hand.
"""

from collections.abc import Generator

import numpy as np

from nassay.spaces.base import Architecture
from nassay.strategies.base import Record, Request, ranked, strategies
from nassay.strategies.one_shot import OneShot

FIRST_STEP, DECAY = 0.04, 0.98  # of the first network's resource, and by iteration
LAYERS = 4  # that a proposal makes smaller, at most half of them
PROPOSALS = 16  # for each iteration
ATTEMPTS = 20  # at a proposal that meets the target
RATIO = 0.25  # of the first network's multiply-accumulates, where the descent ends if no limit says otherwise
MOST = 200  # iterations


@strategies.register("netadapt_v2", paper="Yang et al. 2021, arXiv:2104.00031")
class NetAdaptV2(OneShot):
    """Super-network trained by ordered dropout, then multi-layer coordinate descent on inherited accuracy."""

    rule = "ordered_dropout"
    default_space = "bypass"

    def _proposed(
        self, supernet: Record, drawn: list[Architecture], count: int
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """The networks that the descent went through and that keep all limits, the last ones first."""
        del supernet
        self.phase = "inherit"
        space, rng = self.problem.space, self.problem.rng(self.rule)
        here = space.canonical(Architecture(space.name, tuple(n - 1 for n in space.options)))
        first = self._resource(here)
        kept, step = [here], FIRST_STEP * first
        goal = None if self.problem.constraints.any else RATIO * first
        for _ in range(MOST):
            if self.problem.admits(here) and (goal is None or self._resource(here) <= goal):
                break
            proposals = self._proposals(here, self._resource(here) - step, rng)
            if not proposals:
                break
            records = yield from self._inherit(proposals)
            here = ranked(records)[0].request.architecture
            kept.append(here)
            step *= DECAY
        found = [a for a in reversed(kept) if self.problem.admits(a)]
        return [*found[:count], *(a for a in drawn if a not in found)]

    def _resource(self, architecture: Architecture) -> float:
        """What is shrunk: predicted latency under a limit on it, else multiply-accumulates."""
        latency = self.problem.costs(architecture)["latency_ms"]
        limited = self.problem.constraints.max_latency_ms is not None and latency is not None
        return float(latency) if limited and latency is not None else self.problem.profile(architecture).macs

    def _proposals(self, here: Architecture, target: float, rng: np.random.Generator) -> list[Architecture]:
        """Distinct smaller networks that meet the target."""
        found: dict[Architecture, None] = {}
        for _ in range(ATTEMPTS * PROPOSALS):
            proposal = self._proposal(here, target, rng)
            if proposal is not None:
                found[proposal] = None
            if len(found) == PROPOSALS:
                break
        return list(found)

    def _proposal(self, here: Architecture, target: float, rng: np.random.Generator) -> Architecture | None:
        """Some layers up to two options smaller, the last one as much as the target asks for; None if it cannot."""
        choices = list(here.choices)
        shrinkable = [i for i, c in enumerate(choices) if c > 0]
        layers = rng.permutation(shrinkable)[: min(LAYERS, max(1, len(shrinkable) // 2))]
        if not len(layers):
            return None
        for i in layers[:-1]:
            choices[i] = max(0, choices[i] - int(rng.integers(3)))
        last = int(layers[-1])
        space = self.problem.space
        for option in range(choices[last], -1, -1):
            choices[last] = option
            proposal = space.canonical(Architecture(space.name, tuple(choices)))
            if proposal != here and self._resource(proposal) <= target:
                return proposal
        return None
