"""How well zero-cost proxies rank a tabular benchmark: score, judge, write down.

A run folder keeps every score in its ledger, so that the same command goes on where it was stopped, a larger sample or
another proxy pays only for what is new, and several benchmarks share one folder.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from nassay.estimators.proxies.settings import ProbeSettings
from nassay.studies.bench_files import write_bench
from nassay.studies.bench_folder import BenchFolder, BenchResult, versions
from nassay.studies.bench_rows import chosen, correlations, drawn_ranks, rows, to_score, values_of
from nassay.studies.bench_worker import seen_by_networks
from nassay.studies.latency_budgets import latency_budgets
from nassay.studies.listener import Listener
from nassay.studies.probe_inputs import probe_inputs
from nassay.studies.proxy_scores import Sample, Scores, draw

BATCH_SIZE, LARGEST_SIDE = ProbeSettings().batch_size, ProbeSettings().largest_side


def bench_proxies(
    table: str,
    dataset: str | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
    proxies: str | Sequence[str] = "all",
    out: str | Path | None = None,
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    largest_side: int = LARGEST_SIDE,
    fast: bool = False,
    listener: Listener | None = None,
) -> BenchResult:
    """Hold zero-cost proxies against the trained accuracies of a tabular benchmark.

    Args:
        table: name of a table.
        dataset: one of its data sets; None for the first.
        sample: random architectures; None for all of the table.
        seed: of the sample, of weights and inputs, and of the bootstrap.
        proxies: "all", or names; `params`, `macs` and `random` are always there.
        out: run folder; by default one under `runs/` that belongs to the benchmark.
        workers: parallel processes of one thread each; by default one for each core.
        batch_size: inputs that networks are shown.
        largest_side: of these inputs, in pixels; the networks of larger images see them smaller.
        fast: show networks as little as `ProbeSettings.fast` says, whatever the two before say.
        listener: hears of progress.

    Raises:
        UserError: an unknown table, data set or proxy, a missing file, or a folder with something else in it.
        StudyBusyError: another command works on the folder.
        StudyStoppedError: the system stopped it; the same command goes on.
    """
    names = chosen(proxies)
    drawn = draw(table, dataset, sample, seed)
    folder = Path(out) if out is not None else Path("runs") / f"bench-{drawn.table}-{drawn.dataset}".lower()
    shown = ProbeSettings.fast() if fast else ProbeSettings(batch_size, largest_side)
    settings = {**shown.as_dict(), "seed": seed}
    with Bench(folder, settings, workers=workers, listener=listener) as bench:
        return bench.run(drawn, names, folder)


class Bench(BenchFolder):
    """A run folder at work on one benchmark after the other; use as a context manager.

    Args:
        folder: with the ledger; made where it is missing.
        settings: those of `ProbeSettings` by name, and {seed}; see `bench_proxies`.
        workers: parallel processes; None for one on each core.
        listener: hears of progress.

    Raises:
        UserError: the folder holds something else; there are no workers.
        StudyBusyError: another command works on the folder.
    """

    kind: ClassVar[str] = "proxies"
    program: ClassVar[str] = "nassay.studies.bench_process"

    def __init__(
        self, folder: Path, settings: dict[str, int], *, workers: int | None = None, listener: Listener | None = None
    ) -> None:
        self._shown = ProbeSettings(**{key: value for key, value in settings.items() if key != "seed"})
        self._settings = settings
        super().__init__(folder, workers, listener)

    def run(self, sample: Sample, names: Sequence[str], folder: Path) -> BenchResult:
        """Score a sample where that is missing, judge it, and write report, tables and summary into `folder`."""
        settings, seed = self._settings, self._settings["seed"]
        seen = seen_by_networks(sample.space, self._shown.largest_side)
        inputs = probe_inputs(seen, self._shown.inputs(seen.input_shape), seed)
        scores = Scores(self._ledger, sample, to_score(names), inputs.source, settings)
        self._listener.phase(f"{sample.table} {sample.dataset}", None)
        with self._session("score"):
            scores.pay(self._workers_at_hand, self._progress())
        columns = scores.read()
        found = rows(names, columns, sample, noise=inputs.source == "noise", seed=seed)
        order = [row["name"] for row in found]
        values = {name: values_of(name, columns, sample) for name in order}
        best = int(sample.truth.argmax())
        summary = {
            "table": sample.table,
            "dataset": sample.dataset,
            "space": sample.space.name,
            "metric": sample.metric[0],
            "unit": sample.metric[1],
            "table_size": sample.size,
            "n": len(sample.truth),
            "networks": len(sample.distinct),
            **settings,
            "input_shape": list(sample.space.input_shape),
            "seen_shape": list(seen.input_shape),
            "outputs": sample.space.num_outputs,
            "inputs": inputs.text,
            "best": {
                "architecture": sample.space.to_string(sample.architectures[best]),
                "value": float(sample.truth[best]),
            },
            "mean": float(sample.truth.mean()),
            "rows": found,
            "latency_budgets": latency_budgets(values, sample),
            "correlations": {"names": order, "rho": correlations(order, columns, sample)},
            "seconds": round(float(columns.seconds.sum()), 3),
            "finished": time.strftime("%Y-%m-%d"),
            "versions": versions(),
        }
        texts = (sample.space.to_string(a) for a in sample.architectures)
        write_bench(folder, summary, drawn_ranks(order, columns, sample), texts, sample.truth, values)
        return BenchResult(folder, summary)
