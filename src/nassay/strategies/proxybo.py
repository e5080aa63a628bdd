"""ProxyBO: Bayesian optimisation that listens to zero-cost proxies for as long as they deserve it.

Shen et al., AAAI 2023, arXiv:2110.10423. A few random architectures are trained; then, again and again, every source
(the proxies, and a random forest's expected improvement) is judged by how well it would have ordered what has been
trained, weighted accordingly (`estimators/predictors/influence.py`), and the candidates are ranked by the weighted sum
of their ranks. The forest is judged by cross-validation: in sample it would remember the answers and silence the
proxies.

The paper's text could not be checked. Remembered are the three proxies, ten random starts, five folds and the softmax's
temperature; how the candidates are drawn is ours: the whole space where it is small and its scores are looked up,
otherwise random draws, and mutants of the best. A later paper (arXiv:2210.03230) describes a rule that draws one source
for each choice with the influences as probabilities: `proxybo:sample`. The forest is fitted again after every answer,
to normal scores of the accuracies' ranks, as accuracies crowd where it matters. Its cross-validation is repeated
whenever there are a fifth more answers.

Variants to hold it against: `proxybo:uniform` (all sources count the same), `proxybo:proxies` (no forest),
`proxybo:surrogate` (no proxies), `proxybo:in_sample` (the forest is judged on what it was fitted to).
"""

from collections.abc import Generator, Iterator, Sequence
from itertools import cycle, islice, product
from typing import Any, ClassVar

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from nassay.errors import UserError
from nassay.estimators.predictors.forest import ProbabilisticForest, expected_improvement
from nassay.estimators.predictors.influence import concordance, held_out_predictions, influences, ranks
from nassay.registry import unknown_name
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies

PROXIES = ("snip", "synflow", "jacob_cov")
SURROGATE = "surrogate"
STARTS = 10  # random trainings
FEWEST = 4  # trainings that a forest is fitted to
BATCH = 4  # proposals from one state of knowledge, where workers train side by side
WHOLE = 20_000  # encodings of the largest space that is a pool as a whole
SCREENED, LARGEST_SCREEN = 16, 4096  # random candidates for each training without a clock; at most with one
PARENTS, MUTANTS = 5, 32  # the best trained, of which so many mutants join the pool before each proposal
PROXY_SHARE = 0.05  # of the search's time for scores of random candidates, and again for those of mutants
COVERAGE = 0.5  # a proxy that has scores of fewer candidates than this is left out
REMEASURED = 1.2  # the forest is judged anew when there are so many times more trainings than when it was last

VARIANTS: dict[str, dict[str, Any]] = {
    "sample": {"combine": "sample"},
    "uniform": {"uniform": True},
    "proxies": {"with_surrogate": False},
    "surrogate": {"proxies": ()},
    "in_sample": {"out_of_sample": False},
}

Scoring = Generator[list[Request], list[Record], None]


def variant(name: str) -> type["ProxyBO"]:
    """One of `VARIANTS`, by what stands behind the colon.

    Raises:
        UserError: there is no such variant.
    """
    if name not in VARIANTS:
        raise UserError(unknown_name("variant of ProxyBO", name, VARIANTS))
    return type(f"ProxyBO_{name}", (ProxyBO,), {**VARIANTS[name], "__doc__": ProxyBO.__doc__})


class Pool:
    """Candidates, their encodings, their proxies' scores and the ranks of these, as arrays.

    Args:
        space: encodes them.
        proxies: whose scores there are.
    """

    def __init__(self, space: Space, proxies: Sequence[str]) -> None:
        self._space, self.architectures, self._rows = space, list[Architecture](), dict[Architecture, int]()
        self.encodings = np.empty((0, len(space.encode(space.smallest()))), dtype=np.float32)
        self.scores = {proxy: np.empty(0) for proxy in proxies}
        self.ranks = dict(self.scores)

    def __contains__(self, architecture: Architecture) -> bool:
        return architecture in self._rows

    def add(self, architectures: Sequence[Architecture], scores: dict[str, list[float | None]]) -> None:
        """New candidates with a score of each proxy, None where it has none."""
        self._rows |= {a: len(self._rows) + i for i, a in enumerate(architectures)}
        self.architectures += architectures
        self.encodings = np.concatenate([self.encodings, np.stack([self._space.encode(a) for a in architectures])])
        for proxy, known in self.scores.items():
            self.scores[proxy] = np.concatenate([known, np.array(scores[proxy], dtype=float)])
            self.ranks[proxy] = ranks(self.scores[proxy])

    def rows(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Where these candidates stand, (n,)."""
        return np.array([self._rows[a] for a in architectures], dtype=int)


@strategies.register("proxybo", paper="Shen et al. 2023, arXiv:2110.10423", configure=variant)
class ProxyBO(Strategy):
    """Bayesian optimisation with a random forest and zero-cost proxies, each believed as far as it has earned it.

    Attributes:
        proxies: names of the proxies.
        combine: `sum` of weighted ranks, or `sample` one source for each proposal.
        uniform: whether all sources count the same.
        with_surrogate: whether there is a forest.
        out_of_sample: whether it is judged by cross-validation.
        weights: the latest influence of each source.
    """

    phases = ("start", "propose")
    proxies: ClassVar[tuple[str, ...]] = PROXIES
    combine: ClassVar[str] = "sum"
    uniform: ClassVar[bool] = False
    with_surrogate: ClassVar[bool] = True
    out_of_sample: ClassVar[bool] = True

    def plan(self) -> Plan:
        """Random architectures, then the candidates that the weighted ranks propose."""
        count, fidelity = self.problem.single_fidelity()
        self.pool = Pool(self.problem.space, self.proxies)
        self.weights: dict[str, float] = {}
        self._judged = (0, 0.5)  # trainings, the forest's concordance on them
        self._proxy_seconds = 0.0
        fresh = self.problem.stream("random")
        drawn = list(islice(fresh, min(STARTS, count // 2)))
        yield from self._score(drawn)
        records = yield [Request(a, "training", fidelity) for a in drawn]
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        self.random_baseline = next(iter((yield from self.best_measured(best, 1))), None)
        self.phase = "propose"
        yield from self._score(self._candidates(fresh, count))
        while len(records) < count:
            batch = min(self.problem.at_once(BATCH), count - len(records))
            yield from self._score(self._mutants(records, count))
            chosen = self._propose(records, batch)
            if not chosen:
                break
            records = records + (yield [Request(a, "training", fidelity) for a in chosen])
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))

    # Candidates -------------------------------------------------------------------------------------------------

    def _score(self, candidates: Sequence[Architecture]) -> Scoring:
        """Ask for the proxies of new candidates; they join the pool."""
        new = [a for a in dict.fromkeys(candidates) if a not in self.pool]
        if not new:
            return
        asked = [Request(a, proxy) for a in new for proxy in self.proxies]
        records = (yield asked) if asked else []
        self._proxy_seconds += sum(r.estimate.seconds for r in records)
        step = len(self.proxies)
        self.pool.add(new, {proxy: [r.value for r in records[i::step]] for i, proxy in enumerate(self.proxies)})

    def _affordable(self, share: float, most: int) -> int:
        """How many candidates' proxies a share of the search's time pays for, by their price so far; at most `most`."""
        budget = self.problem.budget
        if budget.minutes is None or not self._proxy_seconds:
            return most
        price = self._proxy_seconds / len(self.pool.architectures) / budget.workers
        return min(most, int(share * budget.search_seconds / price))

    def _candidates(self, fresh: Iterator[Architecture], count: int) -> list[Architecture]:
        """The whole space, or random draws."""
        space = self.problem.space
        if self.problem.replay and space.size <= WHOLE:
            every = (Architecture(space.name, choices) for choices in product(*map(range, space.options)))
            return [a for a in every if space.canonical(a) == a and self.problem.admits(a)]
        most = SCREENED * count if self.problem.budget.minutes is None else LARGEST_SCREEN
        return list(islice(fresh, self._affordable(PROXY_SHARE, most)))

    def _mutants(self, records: list[Record], count: int) -> list[Architecture]:
        """Neighbours of the best trained."""
        if self.problem.replay and self.problem.space.size <= WHOLE:
            return []
        rng = self.problem.rng(f"mutants {len(records)}")
        parents = [r.request.architecture for r in ranked(records) if r.value is not None][:PARENTS]
        wanted = self._affordable(PROXY_SHARE * self.problem.at_once(BATCH) / count, MUTANTS)
        mutants = (self.problem.space.mutate(a, rng) for a in islice(cycle(parents), wanted))
        return [a for a in mutants if self.problem.admits(a)]

    # Proposals --------------------------------------------------------------------------------------------------

    def _propose(self, records: list[Record], count: int) -> list[Architecture]:
        """The best of the pool that are not trained yet, by all sources together."""
        known = [r for r in records if r.value is not None]
        trained, truth = self.pool.rows([r.request.architecture for r in known]), np.array([r.value for r in known])
        rankings = {p: self.pool.ranks[p] for p, s in self.pool.scores.items() if np.isfinite(s).mean() >= COVERAGE}
        concordances = {p: concordance(self.pool.scores[p][trained], truth) for p in rankings}
        if self.with_surrogate and len(known) >= FEWEST:
            features, target = self.pool.encodings[trained], normal_scores(truth)
            forest = ProbabilisticForest(self.problem.seed).fit(features, target)
            mean, deviation = forest.moments(self.pool.encodings)
            rankings[SURROGATE] = ranks(expected_improvement(mean, deviation, float(target.max())))
            concordances[SURROGATE] = self._forest_concordance(forest, features, target)
        self.weights = self._weigh(concordances, truth)
        left = np.setdiff1d(
            np.arange(len(self.pool.encodings)), self.pool.rows([r.request.architecture for r in records])
        )
        rng = self.problem.rng(f"choose {len(records)}")
        chosen = self._best({name: r[left] for name, r in rankings.items()}, len(left), count, rng)
        return [self.pool.architectures[left[i]] for i in chosen]

    def _forest_concordance(self, forest: ProbabilisticForest, features: np.ndarray, truth: np.ndarray) -> float:
        """How well the forest orders what has been trained; out of sample, measured anew from time to time."""
        if self.uniform:
            return 0.5
        if not self.out_of_sample:
            return concordance(forest.predict(features), truth)
        measured, value = self._judged
        if len(truth) >= REMEASURED * measured:
            value = concordance(held_out_predictions(features, truth, self.problem.seed, ProbabilisticForest), truth)
            self._judged = (len(truth), value)
        return value

    def _weigh(self, concordances: dict[str, float], truth: np.ndarray) -> dict[str, float]:
        """Influences; all the same where nothing can be told yet."""
        if self.uniform or len(truth) < 3 or np.ptp(truth) == 0:
            return dict.fromkeys(concordances, 1 / max(1, len(concordances)))
        return influences(concordances, len(truth)) if concordances else {}

    def _best(self, rankings: dict[str, np.ndarray], size: int, count: int, rng: np.random.Generator) -> list[int]:
        """Places of the `count` best among `size` candidates by their ranks, ties by chance."""
        shuffled = rng.permutation(size)
        if self.combine == "sum" or not rankings:
            total = sum((self.weights[name] * r for name, r in rankings.items()), np.zeros(size))
            return [int(i) for i in np.lexsort((shuffled, -total))[:count]]
        chosen: list[int] = []
        names = list(rankings)
        for name in rng.choice(names, size=min(count, size), p=[self.weights[n] for n in names]):
            order = np.lexsort((shuffled, -rankings[name]))
            chosen.append(next(int(i) for i in order if i not in chosen))
        return chosen


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The normal distribution's quantiles at the values' ranks, (n,): the best stand apart as far as the worst."""
    return ndtri((rankdata(values) - 0.5) / len(values))
