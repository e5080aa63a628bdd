"""FLASH: accuracy predicted from NN-Degree, costs by linear models, the optimum found in a fraction of a second.

Li, Mandal, Ogras & Marculescu 2021, arXiv:2108.00568:

1. Sample: some 25 random networks inside the limits are trained, half of them scaled down to all sizes, so that the
   degrees spread; theta_A(g), and linear models of those costs that have no closed form, are fitted to them.
2. Search: hierarchical SHGO finds the network of the highest predicted accuracy under the limits. The paper trusts its
   predictor and stops here. We ask it for several: under bounds on the price of training, from that of the dearest
   sampled network down, since short trainings flatter small networks; and train what it proposes as the sampled ones
   were. The trainings decide.

The paper is about skip networks, and `skip_concat` is what a search by this strategy gets if no space is named. In
other spaces NN-Degree is counted over the layers, and the optimiser is a pool of random networks.
"""

from collections.abc import Callable
from dataclasses import asdict
from itertools import islice

import numpy as np

from nassay.errors import UserError
from nassay.estimators.devices.latency_model import MIN_NETWORKS
from nassay.estimators.devices.linear_cost import LinearCost, Totals, totals_of
from nassay.estimators.predictors.nn_degree_accuracy import DegreeAccuracy
from nassay.estimators.topology.nn_degree import NNDegree
from nassay.spaces.base import Architecture
from nassay.spaces.skip_nets import SkipNets
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies
from nassay.strategies.hierarchical_shgo import Cost, HierarchicalShgo
from nassay.strategies.problem import LABELS

SAMPLED = 25  # networks that the models are fitted to
LARGEST_SHARE = 0.75  # of all trainings, for those
CHEAPEST = 0.2  # quantile of the sampled networks' prices that bounds the cheapest proposal
TIGHTER, TIMES = 0.95, 10  # the limits are lowered so, at most so often, until exact counts keep them
LEAST_RISE = 0.001  # of the predicted accuracy over the sampled networks; below it NN-Degree itself is maximised
POOL = 64  # random networks to choose from where there is no optimum
AT_ONCE = 4  # proposals from one state of the models

CLOSED_FORMS: dict[str, Cost] = {"macs": lambda totals: totals.macs, "params": lambda totals: totals.params}


@strategies.register("flash", paper="Li et al. 2021, arXiv:2108.00568")
class Flash(Strategy):
    """FLASH: NN-Degree, an accuracy predictor of 25 trained networks, linear cost models, hierarchical SHGO."""

    default_space = "skip_concat"
    phases = ("sample", "search")

    def plan(self) -> Plan:
        """Sample -> search."""
        self.degree = NNDegree(self.problem.space)
        self.stream = self.problem.stream("random")
        self.pool: list[Architecture] = []
        count, fidelity = self.problem.single_fidelity()
        sampled = min(SAMPLED, max(2, round(LARGEST_SHARE * count)))
        random = list(islice(self.stream, (sampled + 1) // 2))
        sized = (a for a in self.problem.stream("sizes", all_sizes=True) if a not in random)
        drawn = random + list(islice(sized, sampled - len(random)))
        records = yield [Request(a, "training", fidelity) for a in drawn]
        best = [a for a in _best(records) if a in random]
        self.random_baseline = next(iter((yield from self.best_measured(best, 1))), None)
        self.phase = "search"
        shares = iter(np.linspace(1.0, CHEAPEST, count - len(drawn)).tolist())
        while some := list(islice(shares, self.problem.at_once(AT_ONCE))):
            batch = self._propose(records, some)
            records = records + (yield [Request(a, "training", fidelity) for a in batch])
        return (yield from self.best_measured(_best(records), FINALISTS))

    def _propose(self, records: list[Record], shares: list[float]) -> list[Architecture]:
        """For each share, the best untrained network that is no dearer than that share of the trained ones."""
        if not _best(records):
            return []
        price = self._price(records)
        paid = [float(price(self._totals(r.request.architecture))) for r in records if r.value is not None]
        shgo = isinstance(self.problem.space, SkipNets)
        models = (self._theta(records), self._costs(_best(records))) if shgo else None
        seen = {r.request.architecture for r in records}
        batch: list[Architecture] = []
        for bound in np.quantile(paid, shares).tolist():
            found = self._optimum(*models, price, bound, seen) if models else None
            if found is None:
                found = self._from_pool(price, bound, seen)
            if found is not None:
                seen.add(found)
                batch.append(found)
        return batch

    # The models ----------------------------------------------------------------------------------------------------

    def _theta(self, records: list[Record]) -> Callable[[np.ndarray], np.ndarray]:
        """Predicted accuracy from NN-Degree; NN-Degree itself where there is nothing to learn from the records."""
        known = [(self._degree(r.request.architecture), r.value) for r in records if r.value is not None]
        try:
            model = DegreeAccuracy.fit([g for g, _ in known], [v for _, v in known])
        except UserError:  # too few, or a metric that is no accuracy
            return np.asarray
        return model.predict if model.rise > LEAST_RISE else np.asarray

    def _price(self, records: list[Record]) -> Cost:
        """What training costs: seconds of an epoch as the records have them under a clock, else MACs."""
        if self.problem.budget.minutes is None:
            return CLOSED_FORMS["macs"]
        timed: dict[Architecture, float] = {}
        for record in records:
            if record.value is not None:
                details = record.estimate.details
                timed[record.request.architecture] = details["train_seconds"] / details["epochs"]
        if len(timed) < MIN_NETWORKS:
            return CLOSED_FORMS["macs"]
        return LinearCost.fit([self.problem.profile(a) for a in timed], list(timed.values())).predict

    def _costs(self, architectures: list[Architecture]) -> dict[str, tuple[Cost, float]]:
        """Limited costs in terms of totals, each with its limit; linear models where there is no closed form."""
        found: dict[str, tuple[Cost, float]] = {}
        for name, limit in asdict(self.problem.constraints).items():
            metric = LABELS[name][0]
            if limit is None:
                continue
            if metric in CLOSED_FORMS:
                found[metric] = CLOSED_FORMS[metric], limit
                continue
            known = [(a, self.problem.costs(a)[metric]) for a in architectures]
            values = {a: value for a, value in known if value is not None}
            if len(values) >= MIN_NETWORKS:
                model = LinearCost.fit([self.problem.profile(a) for a in values], list(values.values()))
                found[metric] = model.predict, limit
        return found

    def _totals(self, architecture: Architecture) -> Totals:
        return totals_of(self.problem.profile(architecture))

    def _degree(self, architecture: Architecture) -> float:
        """NN-Degree; 0 where it is not defined, which is the last choice."""
        return self.degree.estimate([architecture])[0].value or 0.0

    # The optimisers ------------------------------------------------------------------------------------------------

    def _optimum(
        self,
        theta: Callable[[np.ndarray], np.ndarray],
        costs: dict[str, tuple[Cost, float]],
        price: Cost,
        bound: float,
        seen: set[Architecture],
    ) -> Architecture | None:
        """SHGO's network in a space of skip networks; lower limits are tried where exact counts break the models'."""
        assert isinstance(self.problem.space, SkipNets)
        for times in range(TIMES):
            limits = {name: limit * TIGHTER**times for name, (_, limit) in costs.items()} | {"price": bound}
            models = {name: cost for name, (cost, _) in costs.items()} | {"price": price}
            found = HierarchicalShgo(self.problem.space, theta, models, limits=limits).search(seen)
            if found is None or self.problem.admits(found):
                return found
        return None

    def _from_pool(self, price: Cost, bound: float, seen: set[Architecture]) -> Architecture | None:
        """The untrained random network of the highest NN-Degree that is no dearer, else the cheapest."""
        self.pool = [a for a in self.pool if a not in seen]
        self.pool += [a for a in islice(self.stream, POOL - len(self.pool)) if a not in seen]
        if not self.pool:
            return None
        prices = {a: float(price(self._totals(a))) for a in self.pool}
        within = [a for a in self.pool if prices[a] <= bound]
        return max(within, key=self._degree) if within else min(self.pool, key=prices.__getitem__)


def _best(records: list[Record]) -> list[Architecture]:
    """What was trained, best first."""
    return [r.request.architecture for r in ranked(records) if r.value is not None]
