"""Local search: train all neighbours, move to the best, until none is better; then start again elsewhere.

White et al. 2020, arXiv:2005.02960, where it beats much more complex methods on NAS-Bench-101 and 201. A descent starts
at the best of some random draws; all neighbours of a network are trained before it moves (the paper's
"full neighbourhood"), in random order, so that a budget that ends in between is fair to all choices. Networks that were
trained before are not trained again.
"""

from itertools import islice

from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies

STARTS = 10  # random draws, of which the best begins a descent


@strategies.register("local_search", paper="White et al. 2020, arXiv:2005.02960")
class LocalSearch(Strategy):
    """Local search with restarts: the best of all neighbours, until none is better."""

    def plan(self) -> Plan:
        """Descents from the best of random draws, until the budget or the space is used up."""
        count, fidelity = self.problem.single_fidelity()
        rng, stream = self.problem.rng("local search"), self.problem.stream("random")
        known: dict[Architecture, Record] = {}
        starts = max(4, min(STARTS, count // 3))

        while len(known) < count:
            drawn = list(islice((a for a in stream if a not in known), min(starts, count - len(known))))
            if not drawn:
                break
            records = yield [Request(a, "training", fidelity) for a in drawn]
            known |= {r.request.architecture: r for r in records}
            if self.random_baseline is None:
                best = [r.request.architecture for r in ranked(records) if r.value is not None]
                self.random_baseline = next(iter((yield from self.best_measured(best, 1))), None)
            here: Record | None = ranked(records)[0]
            while here is not None and len(known) < count:
                near = [a for a in self.problem.space.neighbors(here.request.architecture) if self.problem.admits(a)]
                new = [a for a in near if a not in known]
                chosen = [new[i] for i in rng.permutation(len(new))[: count - len(known)]]
                records = yield [Request(a, "training", fidelity) for a in chosen]
                known |= {r.request.architecture: r for r in records}
                here = _better([known[a] for a in near if a in known], here)
        best = [r.request.architecture for r in ranked(list(known.values())) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))


def _better(records: list[Record], here: Record) -> Record | None:
    """The best of the records, if it is better than the one here."""
    if not records or (best := ranked(records)[0]).value is None:
        return None
    return best if here.value is None or best.value > here.value else None
