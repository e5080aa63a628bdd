"""Random search: the baseline that every strategy must beat (Li & Talwalkar 2019, arXiv:1902.07638).

Distinct architectures drawn inside the limits, all trained for the same bound; the best go to the finish.
"""

from itertools import islice

from nassay.strategies.base import FINALISTS, Plan, Request, Strategy, ranked, strategies


@strategies.register("random", paper="Li & Talwalkar 2019, arXiv:1902.07638")
class Random(Strategy):
    """Random search: distinct draws inside the limits, equal training for each."""

    def plan(self) -> Plan:
        """Train `count` random architectures equally and return the best."""
        count, fidelity = self.problem.single_fidelity()
        drawn = list(islice(self.problem.stream("random"), count))
        records = yield [Request(a, "training", fidelity) for a in drawn]
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        finalists = yield from self.best_measured(best, FINALISTS)
        self.random_baseline = next(iter(finalists), None)
        return finalists
