"""TG-NAS's search: pruning and evolution by a predictor that was trained once, on another benchmark.

Qiao, Xu & Huang 2024, arXiv:2404.00271, Algorithm 1; `estimators.topology.tg_nas` is the predictor P. No training of
this task takes part in the search; what it finds is then trained like every strategy's candidates.

A. Pruning. All options of all choices remain at first. Round by round each choice loses the option whose removal costs
   least, (P_full - P_without) / P_full, until one is left everywhere. The published code ranks the options by another
   number than this by mistake, and scores a super-network by one cell out of it, so that most options cost nothing.
   Here, ours, P of a super-network is the mean prediction over cells drawn from it, the same draws for all options.
B. Evolution. A choice is a number in [0, 1], cut into as many equal parts as there are options; differential evolution
   (rand/1/bin, by SciPy) in which the cell that a vector stands for has the prediction as its fitness. The paper does
   not give population, generations and rates; those below are ours.
C. The best predicted of both. A search with limits only scores what keeps them, and B starts from what does.

The candidates to train are the best predicted of all that were scored, and some random draws, because a predictor from
elsewhere may mislead. Chains of blocks are refused: there it is worse than chance (`benchmarks/results/tg_nas.md`).
"""

from itertools import islice

import numpy as np
from scipy.optimize import Bounds, differential_evolution

from nassay.errors import UserError
from nassay.estimators.proxies.base import Unmeasurable
from nassay.estimators.topology.flow import flow
from nassay.estimators.topology.tg_nas import TRAINED_ON, predict
from nassay.spaces.base import Architecture, Graph, Space
from nassay.strategies.base import FINALISTS, Plan, Request, Strategy, ranked, strategies

DRAWS = 256  # cells that stand for a super-network
POPULATION, GENERATIONS = 50, 30
LIMITED = 4  # under limits every cell's costs are counted, and a round or a generation has so many times fewer cells
MUTATION, CROSSOVER = 0.5, 0.9
RANDOM_SHARE = 8  # one in so many trained networks is a random draw
LOOKED_AT = 32  # graphs that show whether a space is one of cells


@strategies.register("tg_nas", paper="Qiao et al. 2024, arXiv:2404.00271", trained_on=TRAINED_ON)
class TGNAS(Strategy):
    """Pruning and evolution by a predictor of accuracy that reads the operations' descriptions.

    Attributes:
        scores: the prediction for everything that was scored, in this order; NaN where there is none.
        pruned: the architecture that pruning led to; None where the limits rule it out.
        evolved: the best that evolution scored; None where it scored nothing.
    """

    default_space = "nb201"

    @classmethod
    def check_space(cls, space: Space) -> None:
        """It needs graphs that show how operations are connected; see `Strategy.check_space`."""
        rng = np.random.default_rng(0)
        hidden = np.isnan(predict([space.graph(space.smallest())])[0])
        if hidden or all(is_chain(space.graph(space.sample(rng))) for _ in range(LOOKED_AT)):
            raise UserError(
                f"TG-NAS reads how the operations of a cell are connected; the graphs of the space {space.name!r} "
                f"{'do not show what is chosen in it' if hidden else 'are chains of blocks'}. It is for spaces of "
                "cells, such as nb201, nb101, transnas_micro, darts and pnas. Name one of them, or another strategy."
            )

    def plan(self) -> Plan:
        """Score without training; train the best predicted and some random draws, return the best."""
        count, fidelity = self.problem.single_fidelity()
        drawn = list(islice(self.problem.stream("random"), max(1, count // RANDOM_SHARE)))
        self.search()
        chosen = [a for a in self.by_score() if a not in set(drawn)][: count - len(drawn)] + drawn
        others = (a for a in self.problem.stream("random") if a not in set(chosen))
        chosen += list(islice(others, count - len(chosen)))
        if not self.problem.replay:  # a report holds the predictions against the trainings
            yield [Request(a, "tg_nas") for a in chosen]
        records = yield [Request(a, "training", fidelity) for a in chosen]
        best = [r.request.architecture for r in ranked(records) if r.value is not None]
        random = [a for a in best if a in set(drawn)]
        self.random_baseline = next(iter((yield from self.best_measured(random, 1))), None)
        return (yield from self.best_measured(best, FINALISTS))

    def search(self) -> Architecture | None:
        """Pruning, then evolution; the better result, None where nothing could be scored.

        Raises:
            UserError: the space's graphs do not show what is chosen, or are chains of blocks.
        """
        self.check_space(self.problem.space)
        self.scores: dict[Architecture, float] = {}
        self.pruned = self._prune()
        self.evolved = self._evolve()
        found = [a for a in (self.pruned, self.evolved) if a is not None]
        return max(found, key=lambda a: self.scores[a], default=None)

    def by_score(self) -> list[Architecture]:
        """All that have a prediction, the best first; ties in the order in which they were scored."""
        known = [a for a, score in self.scores.items() if not np.isnan(score)]
        return sorted(known, key=lambda a: -self.scores[a])

    # A. Pruning ----------------------------------------------------------------------------------------------------

    def _prune(self) -> Architecture | None:
        """The single path that is left; None where it breaks a limit or has no prediction."""
        rng, count = self.problem.rng("prune"), self._affordable(DRAWS)
        remaining = [np.arange(n) for n in self.problem.space.options]
        while any(len(options) > 1 for options in remaining):
            draws = np.stack([rng.choice(options, count) for options in remaining], axis=1)
            values = self._score(draws)[1]
            remaining = [
                _without_least(options, column, values) for options, column in zip(remaining, draws.T, strict=True)
            ]
        architectures, values = self._score(np.array([[int(options[0]) for options in remaining]]))
        return None if np.isnan(values[0]) else architectures[0]

    # B. Evolution --------------------------------------------------------------------------------------------------

    def _evolve(self) -> Architecture | None:
        """The best predicted of all that differential evolution looked at."""
        sizes = np.array(self.problem.space.options)
        best: tuple[float, Architecture | None] = (-np.inf, None)

        def loss(vectors: np.ndarray) -> np.ndarray:
            nonlocal best
            cells = np.minimum((vectors.T * sizes).astype(int), sizes - 1)
            architectures, values = self._score(cells)
            for architecture, value in zip(architectures, values, strict=True):
                if value > best[0]:
                    best = (float(value), architecture)
            return np.where(np.isnan(values), np.inf, -values)

        first = [a.choices for a in islice(self.problem.stream("evolve"), self._affordable(POPULATION))]
        if len(first) >= 5:  # fewer cannot be recombined, and a space so small has been seen by then
            differential_evolution(
                loss,  # type: ignore[arg-type]  # the stubs do not know `vectorized`
                Bounds(np.zeros(len(sizes)), np.ones(len(sizes))),
                strategy="rand1bin",
                init=(np.array(first) + 0.5) / sizes,
                maxiter=GENERATIONS,
                mutation=MUTATION,
                recombination=CROSSOVER,
                tol=0.0,
                polish=False,
                updating="deferred",
                vectorized=True,
                seed=self.problem.rng("evolve vectors"),
            )
        else:
            loss(((np.array(first) + 0.5) / sizes).T)
        return best[1]

    # What both ask -------------------------------------------------------------------------------------------------

    def _affordable(self, cells: int) -> int:
        return cells // LIMITED if self.problem.constraints.any else cells

    def _score(self, choices: np.ndarray) -> tuple[list[Architecture], np.ndarray]:
        """(n, choices) -> the canonical architectures and their predictions, NaN outside the limits or without one."""
        space = self.problem.space
        architectures = [space.canonical(Architecture(space.name, tuple(map(int, row)))) for row in choices]
        new = [a for a in dict.fromkeys(architectures) if a not in self.scores]
        self.scores |= dict.fromkeys(new, np.nan)
        inside = [a for a in new if self.problem.admits(a)]
        values = predict([space.graph(a) for a in inside])
        self.scores |= dict(zip(inside, values.tolist(), strict=True))
        return architectures, np.array([self.scores[a] for a in architectures])


def is_chain(graph: Graph) -> bool:
    """Whether operations stand one behind the other, with shortcuts or without, as blocks do."""
    try:
        contracted = flow(graph)
    except Unmeasurable:
        return False
    ways = (*contracted.sources, contracted.output)
    return bool(contracted.operations) and all(before in read for before, read in enumerate(ways))


def _without_least(options: np.ndarray, column: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The options of a choice without the one whose removal leaves the best mean prediction.

    Args:
        options: that remain.
        column: (n,) the option of each drawn cell.
        values: (n,) its prediction, NaN for none. An option without which no cell has one stays.
    """
    if len(options) == 1:
        return options
    known = ~np.isnan(values)
    rest = [values[known & (column != option)] for option in options]
    left = [float(np.mean(r)) if len(r) else -np.inf for r in rest]
    return np.delete(options, int(np.argmax(left)))
