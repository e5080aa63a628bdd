"""What a worker of a proxy benchmark does: it scores architectures of a table's space by everything that was asked for.

Four kinds of scores, by what they need: nothing (`random`), counts (`params`, `macs`), the graph of the architecture
(`topologies`), and a network under the probe (`proxies`).
"""

import time
from collections.abc import Sequence
from copy import copy
from dataclasses import asdict
from typing import Any

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate
from nassay.estimators.proxies import ProxyScorer
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.estimators.proxies.streams import derived_seed
from nassay.estimators.tables import open_table
from nassay.estimators.topology import score as score_graph
from nassay.estimators.topology import topologies
from nassay.spaces.base import Architecture, Space
from nassay.studies.probe_inputs import probe_inputs

Job = dict[str, Any]
RANDOM, COSTS = "random", ("params", "macs")
ALWAYS = (*COSTS, RANDOM)  # rows of every table: what a proxy must beat to be worth its price
COUNTED_TOGETHER = 512  # architectures whose pieces share their counts, before memory is given back


def seen_by_networks(space: Space, largest_side: int) -> Space:
    """The space for inputs of at most `largest_side` pixels: a smaller image shows a proxy the same for much less.

    Parameters and multiply-accumulates are counted, and architectures named, by the space as it is. Where the
    resolution is what is searched, networks see their own.
    """
    channels, height, width = space.input_shape
    factor = largest_side / max(height, width)
    if factor >= 1 or space.searches_resolution:
        return space
    smaller = copy(space)
    smaller.input_shape = (channels, max(1, round(height * factor)), max(1, round(width * factor)))
    return smaller


class Scorer:
    """Scores of one space's architectures.

    Args:
        space: where they come from.
        names: scores, by name.
        seed: of weights, inputs and random scores.
        settings: of `ProbeSettings`: what networks are shown.

    Raises:
        UserError: a name is unknown.
    """

    def __init__(self, space: Space, names: Sequence[str], *, seed: int, **settings: int) -> None:
        self._space, self._names, self._seed = space, tuple(names), seed
        self._graphs = [n for n in names if n in topologies]
        networks = [n for n in names if n not in ALWAYS and n not in topologies]
        shown = ProbeSettings(**settings)
        seen = seen_by_networks(space, shown.largest_side)
        batch = probe_inputs(seen, shown.inputs(seen.input_shape), seed).batch if networks else None
        depth = shown.depth_percent
        self._networks = ProxyScorer(seen, batch, networks, seed=seed, depth_percent=depth) if batch else None
        self._counts, self._counted = Analytic(space), 0

    def score(self, architecture: Architecture) -> dict[str, Estimate]:
        """An estimate for each name, in the order of the names."""
        found = self._networks.score_all([architecture])[0] if self._networks else {}
        if self._graphs:
            found |= self._score_graph(architecture)
        if any(name in COSTS for name in self._names):
            found |= self._count(architecture)
        draw = derived_seed(self._seed, RANDOM, self._space.to_string(architecture))
        found[RANDOM] = Estimate.of(draw / 2**63)
        return {name: found[name] for name in self._names}

    def _score_graph(self, architecture: Architecture) -> dict[str, Estimate]:
        try:
            return score_graph(self._space.graph(architecture), self._graphs)
        except UserError as error:  # a label that these estimators do not know
            return {name: Estimate.failed(str(error)) for name in self._graphs}

    def _count(self, architecture: Architecture) -> dict[str, Estimate]:
        if self._counted >= COUNTED_TOGETHER:
            self._counts, self._counted = Analytic(self._space), 0
        self._counted += 1
        started = time.perf_counter()
        try:
            totals = self._counts.totals(architecture)
        except UserError as error:
            return {name: Estimate.failed(str(error), seconds=time.perf_counter() - started) for name in COSTS}
        seconds = (time.perf_counter() - started) / len(COSTS)
        return {name: Estimate.of(totals[name], seconds=seconds) for name in COSTS}


class BenchWorker:
    """What a worker keeps between jobs: the scorer of the last benchmark and set of names."""

    def __init__(self) -> None:
        self._scorers: dict[tuple[Any, ...], tuple[Space, Scorer]] = {}

    def answer(self, job: Job) -> list[dict[str, Any]]:
        """Estimates by name, as plain data, for each architecture of a job.

        Args:
            job: {table, dataset, names, settings, choices}: the settings of `Scorer`, and for each architecture a list
                of choices.
        """
        space, scorer = self._scorer(job["table"], job["dataset"], tuple(job["names"]), job["settings"])
        scored = [scorer.score(Architecture(space.name, tuple(choices))) for choices in job["choices"]]
        return [{name: asdict(estimate) for name, estimate in one.items()} for one in scored]

    def _scorer(
        self, table: str, dataset: str, names: tuple[str, ...], settings: dict[str, int]
    ) -> tuple[Space, Scorer]:
        key = (table, dataset, names, *sorted(settings.items()))
        if key not in self._scorers:
            space = open_table(table).space(dataset)
            self._scorers = {key: (space, Scorer(space, names, **settings))}
        return self._scorers[key]
