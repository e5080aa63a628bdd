"""PNAS: grow architectures step by step, train only the best of each step as a surrogate foresees them.

Liu et al. 2018, arXiv:1712.00559. Architectures of the first size are trained, a surrogate of accuracy is fitted (see
`estimators/predictors/sequence.py`; `pnas:lstm` for the paper's other one). Then, step by step: all children of the
kept architectures, one step larger, are ranked by the surrogate; the best K are trained and kept; the surrogate is
fitted to all trainings so far.

How architectures grow is the space's to say (`Space.grown`): in `pnas` block by block, as in the paper; elsewhere their
choices are fixed one group after another, the rest being at the smallest options (identities, in a cell of
NAS-Bench-201). A child that fixes a choice at just this option is its parent, which need not be trained again: it stays
in the beam.

The beam has no fixed width: each step may train an equal share of what is left. Where the first sizes have few
architectures, later steps get more: with 1,160 trainings in `pnas` and none at random the steps train 136 and four
times 256, as in the paper. As it is, a tenth of all trainings are random draws of whole architectures, before the first
step: the baseline of the report, and what the surrogate knows of sizes that the beam has not reached. Of 1,160 these
are 116, and the steps train 136 and four times 227. What limits, or a lack of children, leave of the last step's share
are random draws, too.
"""

from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

import numpy as np

from nassay.errors import UserError
from nassay.estimators.predictors.sequence import SURROGATES, SequenceEnsemble
from nassay.registry import unknown_name
from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies

RANDOM_SHARE, FEWEST_RANDOM = 0.1, 2  # of the trainings
NARROWEST = 4  # trainings of a step; in spaces that leave it open there are as many steps as this allows
MOST_CHILDREN = 1200  # of a kept architecture, drawn at random where there are more; in `pnas` there never are
INSPECTED = 50  # candidates for each training that are held against the limits, best first; and as many at random


def with_surrogate(kind: str) -> type["PNAS"]:
    """The strategy with another surrogate, by what stands behind the colon.

    Raises:
        UserError: there is no such surrogate.
    """
    if kind not in SURROGATES:
        raise UserError(unknown_name("surrogate of PNAS", kind, SURROGATES))
    return type(f"PNAS_{kind}", (PNAS,), {"surrogate": kind, "__doc__": PNAS.__doc__})


@strategies.register("pnas", paper="Liu et al. 2018, arXiv:1712.00559", configure=with_surrogate)
class PNAS(Strategy):
    """Progressive search: beam search over growing architectures, led by an ensemble of MLPs (or LSTMs: `pnas:lstm`).

    Attributes:
        surrogate: `mlp` or `lstm`.
        random_share: of the trainings, for random draws.
    """

    phases = ("random", "grow")
    surrogate: ClassVar[str] = "mlp"
    random_share: ClassVar[float] = RANDOM_SHARE

    def plan(self) -> Plan:
        """Random draws, then one step of growth after another."""
        count, fidelity = self.problem.single_fidelity()
        fresh = self.problem.stream("random")
        drawn = list(islice(fresh, self._random_trainings(count)))
        records = yield [Request(a, "training", fidelity) for a in drawn]
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        self.random_baseline = next(iter((yield from self.best_measured(best, 1))), None)
        self.phase = "grow"
        steps = self.problem.space.growth_steps(max(1, (count - len(drawn)) // NARROWEST))
        beam: Sequence[Architecture | None] = [None]
        for step in range(steps):
            share = -(-(count - len(records)) // (steps - step))
            children = self._children(beam, step, steps)
            trained = {r.request.architecture for r in records}
            chosen = self._chosen([a for a in children if a not in trained], share, records)
            if step == steps - 1:
                trained |= set(chosen)
                chosen += islice((a for a in fresh if a not in trained), share - len(chosen))
            records = records + (yield [Request(a, "training", fidelity) for a in chosen])
            known = [r.request.architecture for r in ranked(records) if r.value is not None]
            beam = [children[a] for a in known if a in children][:share] or beam
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))

    def _random_trainings(self, count: int) -> int:
        return min(count, max(FEWEST_RANDOM, round(self.random_share * count))) if self.random_share else 0

    def _children(self, beam: Sequence[Architecture | None], step: int, steps: int) -> dict[Architecture, Architecture]:
        """What the beam grows into: by canonical architecture the encoding that grows on."""
        space, rng = self.problem.space, self.problem.rng(f"grow {step}")
        children: dict[Architecture, Architecture] = {}
        for parent in beam:
            for encoding in space.grown(parent, step, steps, rng, MOST_CHILDREN):
                children.setdefault(space.canonical(encoding), encoding)
        return children

    def _chosen(self, candidates: list[Architecture], count: int, records: list[Record]) -> list[Architecture]:
        """The best inside the limits by the surrogate, which knows all trainings so far; random ones without any.

        Where too few of the best keep the limits, random ones of the rest fill up.
        """
        known = [r for r in records if r.value is not None]
        order = np.arange(len(candidates))
        if len(candidates) > count:
            order = self.problem.rng("unknown").permutation(len(candidates))
        if len(candidates) > count and known:
            predictions = self.fitted(known).predict([self.problem.space.words(a) for a in candidates])
            best = np.argsort(-predictions, kind="stable")[: INSPECTED * count]
            order = np.concatenate([best, order[~np.isin(order, best)]])
        inspected = (candidates[i] for i in order[: 2 * INSPECTED * count])
        return list(islice(filter(self.problem.admits, inspected), count))

    def fitted(self, records: Sequence[Record]) -> SequenceEnsemble:
        """The surrogate of trainings that have a value."""
        space = self.problem.space
        ensemble = SequenceEnsemble(self.surrogate, space.vocabulary, self.problem.seed)
        values = [r.value for r in records if r.value is not None]
        return ensemble.fit([space.words(r.request.architecture) for r in records], values)
