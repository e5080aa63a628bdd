"""Discrete proxy search on a tabular benchmark: labels for a few architectures, and a verdict on all the others.

A run folder keeps every regression in its ledger, so that the same command goes on where it was stopped, and a search
of the same seed with more labels or more recipes pays only for what is new. Another seed shows other images to networks
of other weights: it pays for everything, in the same folder or in another.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.predictors.dps import EVALUATIONS, FEWEST, Found, Losses, search_recipe
from nassay.estimators.proxies.eproxy import IMAGES
from nassay.estimators.proxies.eproxy_recipe import PLAIN, Recipe
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.estimators.tables import open_table
from nassay.gaps.gap import gap
from nassay.spaces.base import Architecture
from nassay.studies.bench_folder import BenchFolder
from nassay.studies.bench_worker import seen_by_networks
from nassay.studies.listener import Listener
from nassay.studies.plan import write_atomically
from nassay.studies.probe_inputs import Inputs, probe_inputs
from nassay.studies.proxy_scores import Sample, Scores

LABELLED, HELD_OUT = 20, 200
SHOWN = ProbeSettings(IMAGES, 32)  # Eproxy's authors show every network CIFAR-10
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RecipeResult:
    """A search's folder, what it found, and its content of `summary.json`."""

    folder: Path
    found: Found
    summary: dict[str, Any]


def search_on_table(
    table: str,
    dataset: str | None = None,
    *,
    labelled: int = LABELLED,
    evaluations: int = EVALUATIONS,
    held_out: int = HELD_OUT,
    seed: int = 0,
    space: str | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    shown: ProbeSettings = SHOWN,
    listener: Listener | None = None,
) -> RecipeResult:
    """Search Eproxy's recipe on a few architectures of a benchmark and judge it on others.

    Args:
        table: name of a table.
        dataset: one of its data sets; None for the first.
        labelled: architectures whose accuracy the search knows.
        evaluations: recipes to try.
        held_out: other architectures, on which plain Eproxy, the found recipe, plain Eproxy without its barrier and the
            number of MACs are judged.
        seed: of the draw of architectures, of images, weights and the search.
        space: name of the space that the table must be of, as a check; None for none.
        out: run folder; by default one under `runs/` that belongs to the benchmark.
        workers: parallel processes of one thread each; by default one for each core.
        shown: how much of images and networks the regressions are shown.
        listener: hears of progress.

    Raises:
        UserError: an unknown table or data set, a missing file, too few architectures, or a folder with something else.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    known, unknown = _drawn(table, dataset, labelled, held_out, seed, space)
    if evaluations < 1:
        raise UserError(f"At least one evaluation is needed, found {evaluations}.")
    folder = Path(out) if out is not None else Path("runs") / f"dps-{known.table}-{known.dataset}".lower()
    listener, started = listener or Listener(), time.perf_counter()
    with _Payer(folder, workers, shown, seed) as payer:
        found = _searched(payer, known, evaluations, seed, listener)
        listener.phase("judge", None)
        rows = _judged(payer, unknown, found, lambda done, total: listener.progress(done, total, None, None))
        summary = {
            "table": known.table,
            "dataset": known.dataset,
            "space": known.space.name,
            "metric": known.metric[0],
            "unit": known.metric[1],
            "labelled": len(known.architectures),
            "held_out": len(unknown.architectures),
            "seed": seed,
            "inputs": payer.inputs(known).text,
            "found": found.to_dict(),
            "rows": rows,
            "seconds": round(time.perf_counter() - started, 3),
            "finished": time.strftime("%Y-%m-%d"),
        }
        write_atomically(folder / "summary.json", json.dumps(summary, indent=1, allow_nan=False))
    return RecipeResult(folder, found, summary)


def _drawn(
    table: str, dataset: str | None, labelled: int, held_out: int, seed: int, space: str | None
) -> tuple[Sample, Sample]:
    """Random networks of a table, each once: those with labels, and others."""
    opened = open_table(table)
    name = opened.dataset(dataset)
    found = opened.space(name)
    if space is not None and space != found.name:
        raise UserError(f"The table {table} is of the space {found.name}, not {space}.")
    values = opened.values(name)
    if not FEWEST <= labelled <= len(values) - 3 or held_out < 3:
        raise UserError(
            f"{table} has {len(values)} networks for {name}; label {FEWEST} or more and leave three or more to judge "
            f"by, found {labelled=}, {held_out=}."
        )
    every = sorted(values)
    order = [every[i] for i in np.random.default_rng([seed, *b"labelled"]).permutation(len(every))]

    def sample(networks: Sequence[Architecture]) -> Sample:
        truth, owner = np.array([values[a] for a in networks]), np.arange(len(networks))
        return Sample(opened.name, name, found, opened.metric(name), len(every), networks, truth, networks, owner)

    return sample(order[:labelled]), sample(order[labelled : labelled + held_out])


class _Payer(BenchFolder):
    """Regressions of a table's networks, from the ledger where they were paid for, else by workers."""

    kind: ClassVar[str] = "recipes"
    program: ClassVar[str] = "nassay.studies.bench_process"

    def __init__(self, folder: Path, workers: int | None, shown: ProbeSettings, seed: int) -> None:
        self._shown, self._seed = shown, seed
        self._settings = {**shown.as_dict(), "seed": seed}
        super().__init__(folder, workers)

    def losses(self, sample: Sample, recipes: Sequence[Recipe], progress: Progress) -> list[Losses]:
        """For each recipe the losses, without the MACs' term, of a sample's networks; None where there is none."""
        names = [recipe.regression.name for recipe in recipes]  # recipes may differ in the MACs' term alone
        scores = Scores(self._ledger, sample, tuple(dict.fromkeys(names)), self.inputs(sample).source, self._settings)
        scores.pay(self._workers_at_hand, progress)
        found = scores.read()
        columns = {
            n: [None if np.isnan(v) else float(v) for v in row]
            for n, row in zip(found.names, found.values, strict=True)
        }
        return [columns[name] for name in names]

    def macs(self, sample: Sample) -> list[float]:
        """MACs of a sample's networks, each for one input of the size that the networks are shown."""
        seen = seen_by_networks(sample.space, self._shown.largest_side)
        counts = Analytic(seen)
        return [float(counts.totals(a)["macs"]) for a in sample.distinct]

    def inputs(self, sample: Sample) -> Inputs:
        """The images that the networks are shown."""
        seen = seen_by_networks(sample.space, self._shown.largest_side)
        return probe_inputs(seen, self._shown.inputs(seen.input_shape), self._seed)


def _searched(payer: _Payer, sample: Sample, evaluations: int, seed: int, listener: Listener) -> Found:
    """The search on labelled networks; progress counts regressions."""
    listener.phase("search", None)
    n, tried = len(sample.architectures), 0

    def losses(recipes: list[Recipe]) -> list[Losses]:
        nonlocal tried
        before, each = n * tried, len(recipes)
        tried += each

        def progress(done: int, total: int) -> None:  # noqa: ARG001 (of these recipes alone)
            listener.progress(before + each * done, n * (evaluations + 1), None, None)

        return payer.losses(sample, recipes, progress)

    return search_recipe(sample.truth.tolist(), payer.macs(sample), losses, evaluations=evaluations, seed=seed)


def _judged(payer: _Payer, sample: Sample, found: Found, progress: Progress) -> list[dict[str, Any]]:
    """How well each variant ranks networks that the search has not seen, as `GapReport.to_dict`, with its recipe."""
    recipes = {"eproxy": PLAIN, "eproxy+dps": found.recipe, "no barrier": replace(PLAIN, barrier=False)}
    macs = payer.macs(sample)
    losses = payer.losses(sample, list(recipes.values()), progress)
    rows = []
    for (name, recipe), column in zip(recipes.items(), losses, strict=True):
        pairs = zip(column, macs, strict=True)
        scores = [None if v is None or not recipe.covers(m) else recipe.value(v, m) for v, m in pairs]
        report = gap(name, sample.metric[0], scores, sample.truth.tolist(), direction=-1)
        rows.append({"recipe": str(recipe), **report.to_dict()})
    counted = gap("macs", sample.metric[0], macs, sample.truth.tolist())
    return [*rows, {"recipe": None, **counted.to_dict()}]
