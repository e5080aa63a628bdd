"""The cascade, nassay's default: from the cheapest estimator to the truth, spending where it pays.

1. Feasible: sample inside the limits (a latency model is fitted first where there is a limit on latency). Under a
   wall-clock budget the pace of training is measured on a dozen networks and modelled for the others; only networks
   that the finish can train for enough epochs are candidates.
2. Screen: many candidates by zero-cost proxies and their number of parameters, aggregated by ranks.
3. Adapt: train some to a twelfth of the finish; weigh each proxy, and a surrogate, by how well it ordered those of
   about the same size on this very task (ProxyBO's dynamic influence, arXiv:2110.10423); train what the weighted
   ranks propose. Trained networks are ranked by what their learning curves project for the finish, see
   `estimators/predictors/learning_curve.py`.
4. Climb: a quarter, of every size, goes on with its weights to a third of the finish
   (successive halving, arXiv:1502.07943; EcoNAS's hierarchy, arXiv:2001.01233).
The finish, full training of the finalists, is the study's and the same for every strategy.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import cycle, islice

import numpy as np

from nassay.estimators.base import Fidelity
from nassay.estimators.devices.latency_model import MIN_NETWORKS, LatencyModel
from nassay.estimators.predictors.influence import (
    combined_rank,
    concordance,
    held_out_predictions,
    influences,
    surrogate,
)
from nassay.estimators.predictors.learning_curve import CurveModel
from nassay.estimators.proxies.aggregation import log_rank_sum
from nassay.spaces.base import Architecture
from nassay.strategies.adaptation import SOURCE, FewShot, few_shot, told
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, strategies
from nassay.strategies.problem import FINAL_EPOCHS

PROXIES = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity", "synflow", "naswot")
SOURCES = (*PROXIES, "params")  # the number of parameters is counted, not asked for
COUNT_SHARE, SCREEN_SHARE = 0.05, 0.06  # of the search's time: to draw and count candidates, to score some of them
COUNTED, SCREENED = 4, 8  # without a clock: draws for a scored candidate, scored candidates for a trained one
DRAWN = 64  # candidates of all sizes that show what the space offers
HOPELESS = 500  # untrainable draws in a row that end the screen
PACED = 12  # networks whose pace of training is measured
FEWEST_EPOCHS, FEWEST_STEPS = 12, 1000  # that the finish should give a candidate
WIDEST = 6  # the fastest candidates get at most so many times the fewest epochs
SAMPLING_SECONDS = 0.03  # to draw and count a candidate; measured by benchmarks/screening_speed.py
FIRST = 8  # candidates whose price decides how many are screened
CHUNK = 32  # mutants of the best that are scored at a time, out of four times as many
LARGEST_SCREEN = 4096
TRUSTED, LARGEST, BLIND = 0.15, 0.25, 0.1  # shares: the screen's best, and the most parameters, of every size; any
ALIKE = 2.0  # two candidates are held against each other if the costs of their training differ by less than this
RUNGS = (0.08, 0.3)  # shares of the final training that candidates, and then survivors, are trained to
ETA = 4  # survivors are a quarter
BANDS = 3  # of size: proposals and survivors come from each, as short trainings tell little across sizes
DPS_SHARE = 0.08  # of the search's time for discrete proxy search, where it is wanted
SHORTLIST = 24  # of the candidates that the other sources propose, the found proxy sees the best

Scores = dict[Architecture, dict[str, float | None]]


@strategies.register("cascade", paper="ours; see docs/cascade.md")
class Cascade(Strategy):
    """Screen by proxies, adapt their weights to the task, climb with the survivors."""

    phases = ("screen", "adapt", "climb")

    def plan(self) -> Plan:
        """Screen -> adapt -> climb."""
        self.scores: Scores = {}
        self.trainings: dict[Architecture, Record] = {}
        self.few_shot: FewShot | None = None
        yield from self._learn_pace()
        yield from self._screen()
        self.phase = "adapt"
        records = yield from self._adapt()
        self.phase = "climb"
        return (yield from self._climb(records))

    # 1. Feasible --------------------------------------------------------------------------------------------------

    def _learn_pace(self) -> Generator[list[Request], list[Record], None]:
        """Seconds of an epoch, measured on networks of all sizes, modelled for the others; only under a clock."""
        self.pace: LatencyModel | None = None
        self.fewest_epochs = float(FEWEST_EPOCHS)
        if self.problem.budget.minutes is None:
            return
        drawn = self._by_size(islice(self.problem.stream("screen", all_sizes=True), DRAWN))
        spread = dict.fromkeys(drawn[i] for i in np.linspace(0, len(drawn) - 1, PACED).astype(int))
        records = yield [Request(a, "epoch_seconds", self._rung(0)) for a in spread]
        known = [r for r in records if r.value is not None]
        if len(known) >= MIN_NETWORKS:
            profiles = [self.problem.profile(r.request.architecture) for r in known]
            self.pace = LatencyModel.fit(profiles, [float(r.value or 0.0) for r in known])
            steps = known[0].estimate.details["steps_per_epoch"]
            slow, fast = np.quantile([self._epochs_at_finish(a) for a in drawn], [0.1, 0.9])
            self.fewest_epochs = float(np.clip(max(FEWEST_EPOCHS, FEWEST_STEPS / steps), slow, fast))

    def _epochs_at_finish(self, architecture: Architecture) -> float:
        """Epochs that the finish will about give a candidate, by the model of the pace."""
        assert self.pace is not None
        seconds = self.problem.final_fidelity().seconds or 0.0
        return seconds / max(self.pace.predict(self.problem.profile(architecture)), 1e-9)

    def _trainable(self, architecture: Architecture) -> bool:
        """Whether the finish gives a candidate enough epochs, and not needlessly many; without a clock all are."""
        if self.pace is None:
            return True
        return self.fewest_epochs <= self._epochs_at_finish(architecture) <= WIDEST * self.fewest_epochs

    def _size(self, architecture: Architecture) -> float:
        """What training an architecture costs: seconds of an epoch where the pace is known, else MACs."""
        profile = self.problem.profile(architecture)
        return self.pace.predict(profile) if self.pace is not None else profile.macs

    def _by_size(self, candidates: Iterable[Architecture]) -> list[Architecture]:
        return sorted(candidates, key=lambda a: (self._size(a), a))

    # 2. Screen -----------------------------------------------------------------------------------------------------

    def _screen(self) -> Generator[list[Request], list[Record], None]:
        """Count many random candidates, score some; the price of the first scores decides how many the time allows."""
        wanted = SCREENED * self.problem.candidates()
        draws = COUNTED * wanted
        budget = self.problem.budget
        if budget.minutes is not None:
            draws = int(COUNT_SHARE * budget.search_seconds / SAMPLING_SECONDS)
        counted = list(islice(self._trainable_stream(), max(FIRST, min(LARGEST_SCREEN, draws))))
        first = self._half_rich(counted, FIRST)
        seconds = yield from self._score(first)
        if budget.minutes is not None and first:
            price = seconds / len(first) / budget.workers
            wanted = int(SCREEN_SHARE * budget.search_seconds / max(price, 1e-3))
        if wanted > len(first):
            yield from self._score(self._half_rich(counted, wanted))

    def _half_rich(self, candidates: Sequence[Architecture], count: int) -> list[Architecture]:
        """About `count` of the candidates, of all sizes: of every group of neighbours in size the one with the most
        parameters, the plain count that is hard to beat (arXiv:2307.01998), and another one by chance.
        """
        rng = self.problem.rng(f"half rich {len(self.scores)} {len(candidates)}")
        by_size = self._by_size(candidates)
        chosen: list[Architecture] = []
        for members in np.array_split(np.arange(len(by_size)), max(1, count // 2)):
            group = [by_size[i] for i in members]
            richest = max(group, key=lambda a: self.problem.profile(a).params, default=None)
            others = [a for a in group if a != richest]
            chosen += ([richest] if richest else []) + ([others[rng.integers(len(others))]] if others else [])
        return chosen

    def _trainable_stream(self) -> Iterator[Architecture]:
        """Random candidates that the finish can train, until too many in a row are not."""
        misses = 0
        for architecture in self.problem.stream("screen", all_sizes=True):
            misses = 0 if self._trainable(architecture) else misses + 1
            if misses > HOPELESS:
                return
            if not misses:
                yield architecture

    def _score(self, candidates: Sequence[Architecture]) -> Generator[list[Request], list[Record], float]:
        """Ask for every proxy of every new candidate; returns the price in seconds."""
        new = [a for a in dict.fromkeys(candidates) if a not in self.scores]
        if not new:
            return 0.0
        records = yield [Request(a, proxy) for a in new for proxy in PROXIES]
        for record in records:
            self.scores.setdefault(record.request.architecture, {})[record.request.estimator] = record.value
        for architecture in new:
            self.scores[architecture]["params"] = float(self.problem.profile(architecture).params)
        return sum(r.estimate.seconds for r in records)

    # 3. Adapt ------------------------------------------------------------------------------------------------------

    def _adapt(self) -> Generator[list[Request], list[Record], list[Record]]:
        """Train random draws, the screen's best of every size, others unseen; then what the task itself has taught."""
        count, fidelity = self._count(), self._rung(0)
        screened = [self._size(a) for a in self.scores if self._trainable(a)] or [0.0]
        self.band_edges = np.quantile(screened, np.linspace(0, 1, BANDS + 1)[1:-1])
        random = list(islice(self.problem.stream("random"), max(2, count // 8)))
        yield from self._score(random)
        others = count - len(random)
        promising = self._best_of_every_size(max(1, round(TRUSTED * others)), SOURCES)
        largest = self._best_of_every_size(max(1, round(LARGEST * others)), ("params",))
        first = list(dict.fromkeys(random + promising + largest + self._any_trainable(round(BLIND * others))))
        records = yield [Request(a, "training", fidelity) for a in first]
        drawn = [r for r in records if r.request.architecture in set(random)]
        while len(records) < count:
            batch = yield from self._propose(records, min(max(3, count // 4), count - len(records)))
            if not batch:
                break
            records = records + (yield [Request(a, "training", fidelity) for a in batch])
        self.adapted = told(self.few_shot) if self.adapt == "dps" else None
        self.random_baseline = next(iter((yield from self.best_measured(self._ranked(drawn), 1))), None)
        return records

    def _best_of_every_size(self, count: int, sources: Sequence[str]) -> list[Architecture]:
        """The best by these sources of each of `count` equal bins by size: which size suits the task is not known."""
        by_size = self._by_size(filter(self._trainable, self.scores))
        best = []
        for members in np.array_split(np.arange(len(by_size)), count):
            inside = [by_size[i] for i in members]
            if inside:
                columns = [[self.scores[a][s] for a in inside] for s in sources]
                best.append(inside[int(np.argmax([-np.inf if s is None else s for s in log_rank_sum(columns)]))])
        return best

    def _any_trainable(self, count: int) -> list[Architecture]:
        """Trainable candidates drawn blindly, in case the proxies mislead on this task."""
        pool = list(filter(self._trainable, self.scores))
        order = self.problem.rng("any trainable").permutation(len(pool))
        return [pool[i] for i in order[:count]]

    def _propose(self, records: list[Record], count: int) -> Generator[list[Request], list[Record], list[Architecture]]:
        """The best untrained candidates of each band, by weighted ranks; mutants of the best trained are among them."""
        rng = self.problem.rng(f"propose {len(records)}")
        parents = self._of_all_bands(self._ranked(records), max(BANDS, len(records) // 4))
        mutants = dict.fromkeys(self.problem.space.mutate(a, rng) for a in islice(cycle(parents), COUNTED * CHUNK))
        fit = [a for a in mutants if a not in self.scores and self.problem.admits(a) and self._trainable(a)]
        yield from self._score(self._half_rich(fit, CHUNK))
        trained = {r.request.architecture for r in records}
        pool = [a for a in self.scores if a not in trained and self._trainable(a)]
        if not pool:
            return []
        if self.adapt == "dps":
            return self._of_all_bands((yield from self._by_few_shot(records, pool)), count)
        return self._of_all_bands(self._by_influence(records, pool), count)

    def _by_influence(self, records: list[Record], pool: list[Architecture]) -> list[Architecture]:
        """The pool, best first by the weighted sum of ranks."""
        sources, weights = self._sources(records, pool)
        return [pool[i] for i in np.argsort(-combined_rank(sources, weights), kind="stable")]

    def _by_few_shot(
        self, records: list[Record], pool: list[Architecture]
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """A shortlist of the pool, best first: the found proxy is one more source, too dear to see them all."""
        if self.few_shot is None:
            budget = self.problem.budget
            seconds = None if budget.minutes is None else DPS_SHARE * budget.search_seconds * budget.workers
            self.few_shot = yield from few_shot(self.problem, self._projected(records), seconds)
        if self.few_shot is None or not self.few_shot.found.trusted:
            return self._by_influence(records, pool)
        yield from self.few_shot.ask([r.request.architecture for r in records])
        shortlist = self._of_all_bands(self._by_influence(records, pool), SHORTLIST)
        yield from self.few_shot.ask(shortlist)
        return self._by_influence(records, shortlist)

    def _of_all_bands(self, ranked: list[Architecture], count: int) -> list[Architecture]:
        """The best of each band of size, and the best of the others, `count` in all, in the given order."""
        first = {int(np.searchsorted(self.band_edges, self._size(a))): a for a in reversed(ranked)}
        chosen = [a for a in ranked if a in first.values()][:count]
        chosen += [a for a in ranked if a not in chosen][: count - len(chosen)]
        return sorted(chosen, key=ranked.index)

    def _sources(
        self, records: list[Record], pool: list[Architecture]
    ) -> tuple[dict[str, list[float | None]], dict[str, float]]:
        """Scores of the pool by each source, and the source's influence from its order of the trained architectures."""
        truth_by = self._projected(records)
        trained, truth = list(truth_by), list(truth_by.values())
        sizes = np.log([self._size(a) for a in trained])
        alike = np.abs(sizes[:, None] - sizes[None, :]) < np.log(ALIKE)
        concordances = {s: concordance([self.scores[a][s] for a in trained], truth, alike) for s in SOURCES}
        sources: dict[str, list[float | None]] = {s: [self.scores[a][s] for a in pool] for s in SOURCES}
        if self.adapt == "none":
            self.weights = dict.fromkeys(SOURCES, 1 / len(SOURCES))
            return sources, self.weights
        if len(trained) >= 4:
            features = self._features(trained)
            held_out = held_out_predictions(features, truth, self.problem.seed)
            concordances["surrogate"] = concordance(held_out.tolist(), truth, alike)
            fitted = surrogate(self.problem.seed).fit(features, truth)
            sources["surrogate"] = fitted.predict(self._features(pool)).tolist()
        if self.few_shot is not None and self.few_shot.found.trusted:
            concordances[SOURCE] = self.few_shot.judged(truth_by, alike)
            sources[SOURCE] = self.few_shot.scores(pool)
        self.weights = influences(concordances, len(trained))
        return sources, self.weights

    def _features(self, architectures: list[Architecture]) -> np.ndarray:
        """(n, d): encoding, logarithms of the costs, proxy scores squashed; missing scores stay missing."""
        rows = []
        for a in architectures:
            profile = self.problem.profile(a)
            costs = np.log1p([profile.params, profile.macs, profile.peak_memory_bytes, self._size(a)])
            cheap = [np.nan if (s := self.scores[a][p]) is None else np.arcsinh(s) for p in PROXIES]
            rows.append(np.concatenate([self.problem.space.encode(a), costs, cheap]))
        return np.array(rows)

    # 4. Climb ------------------------------------------------------------------------------------------------------

    def _climb(self, records: list[Record]) -> Generator[list[Request], list[Record], list[Architecture]]:
        """Successive halving with continued training; the finalists keep the latency limit as measured."""
        for rung in range(1, len(RUNGS)):
            keep = max(FINALISTS, round(len(records) / ETA))
            survivors = yield from self.best_measured(self._contenders(records, keep), keep)
            records = yield [Request(a, "training", self._rung(rung)) for a in survivors]
            if not any(r.value is not None for r in records):
                return survivors[:FINALISTS]  # all failed: what the rung before has found still stands
        return self._ranked(records)[:FINALISTS]

    def _contenders(self, records: Sequence[Record], keep: int) -> list[Architecture]:
        """Who may go on, in order: those that have earned it, then all others, should the former be too slow."""
        ranked = self._ranked(records)
        chosen = self._of_all_bands(ranked, keep)
        return chosen + [a for a in ranked if a not in chosen]

    def _ranked(self, records: Sequence[Record]) -> list[Architecture]:
        """The architectures that have a value, by projected accuracy, then by the accuracy itself, best first."""
        projected = self._projected(records)
        values = {r.request.architecture: r.value for r in records if r.value is not None}
        return sorted(projected, key=lambda a: (projected[a], values[a]), reverse=True)

    def _projected(self, records: Sequence[Record]) -> dict[Architecture, float]:
        """What each trained network would reach in the finish, by the shape of all curves seen so far."""
        for record in records:
            if record.value is not None:
                self.trainings[record.request.architecture] = record
        if not self.trainings:
            return {}
        curves = {a: learning_curve(r) for a, r in self.trainings.items()}
        model = CurveModel.fit(list(curves.values()))
        wanted = [r.request.architecture for r in records if r.value is not None]
        return {a: model.project(curves[a], self._final_epochs(self.trainings[a])) for a in wanted}

    def _final_epochs(self, record: Record) -> float:
        """Epochs that a network would have at the end of the finish."""
        final = self.problem.final_fidelity()
        if final.epochs is not None:
            return final.epochs
        details = record.estimate.details
        return float(details["epochs"] * (final.seconds or 0.0) / details["train_seconds"])

    def _count(self) -> int:
        """Candidates to train: what fits into the search beside the screen and the climb."""
        budget = self.problem.budget
        if budget.minutes is None:
            return self.problem.candidates()
        screen = COUNT_SHARE + SCREEN_SHARE + (DPS_SHARE if self.adapt == "dps" else 0.0)
        finals = (0.97 - screen) * budget.search_seconds * budget.workers / budget.final_seconds
        # n candidates to the first rung, n / ETA of them on to the second
        return budget.trainings(int(finals / (RUNGS[0] + (RUNGS[1] - RUNGS[0]) / ETA)))

    def _rung(self, rung: int) -> Fidelity:
        """Bound of a rung."""
        share = RUNGS[rung]
        return self.problem.fidelity(
            epochs=max(1, round(share * FINAL_EPOCHS)), seconds=share * self.problem.budget.final_seconds
        )


def learning_curve(record: Record) -> list[tuple[float, float]]:
    """(epochs, validation metric) of a training's record."""
    return [(p["epoch"], p["validation_accuracy"]) for p in record.estimate.details["curve"]]
