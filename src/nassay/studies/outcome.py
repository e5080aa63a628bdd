"""What comes out of a finished study: the sealed test read once, the exported network, summary and report."""

import platform
import shutil
from base64 import b64encode
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nassay.errors import NassayError
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate
from nassay.estimators.devices.onnx_latency import measure_latency_ms
from nassay.exports.bundle import export_best
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import ranked
from nassay.studies.evaluate import job_for
from nassay.studies.study import Finish, Study
from nassay.studies.summary import summarize, write_results
from nassay.studies.worker import Bench

NOISE = 1.1  # of measuring latency: an exported file may take so many times the limit, if nothing keeps it
SHOWN = 256  # validation items that illustrations may be taken from
LIBRARIES = ("nassay", "torch", "onnxruntime", "onnx", "numpy", "scikit-learn")


@dataclass(frozen=True)
class Result:
    """A search's outcome, as `nassay.search` returns it.

    Attributes:
        folder: the run folder, with `best/`, `report.html` and `summary.json`.
        summary: the content of `summary.json`.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def best(self) -> dict[str, Any]:
        """The winner's row: architecture, accuracies, params, macs, peak_memory_bytes, latency_ms."""
        row: dict[str, Any] = self.summary["best"]
        return row

    def load(self) -> nn.Module:
        """The winner, trained, as it was exported: scaled inputs in, one tensor for each of the task's outputs out."""
        return torch.export.load(self.folder / "best" / "model.pt2").module()


class Outcome:
    """Turns a finished search into files.

    Args:
        study: the study, still open.
        finish: what it trained to the end.
    """

    def __init__(self, study: Study, finish: Finish) -> None:
        self.study, self.finish = study, finish
        self.bench = Bench(study.folder, study.plan.to_dict())

    def write(self) -> Result:
        """Test, export, summarise and report; each step's result is kept, so that a killed study repeats none."""
        study = self.study
        with study.clock.phase("test"):
            tested = study.ledger.decide("test", self._test)
        with study.clock.phase("export"):
            exported = self._export(tested)
        with study.clock.phase("report"):
            rows = {text: {**row, **exported.get(text, {})} for text, row in tested.items()}
            study.ledger.put("rows", rows)
            study.ledger.put("roles", self._roles(exported))
            study.ledger.put("pictures", self._pictures(exported))
            study.clock.touch()
            result = write_summary_and_report(study, finished=True)
        self._drop_checkpoints()
        return result

    def _test(self) -> dict[str, dict[str, Any]]:
        """The final table: every finished network on the test split, which is opened here and nowhere else."""
        self.study.ledger.audit("test split", "final table of the finished study")
        trained = [r for r in self.finish.records if r.value is not None]
        jobs = [job_for("test", r.request.architecture, self.finish.fidelity) for r in trained]
        tested = {trained[i].request.architecture: answer or {} for i, answer in self.study.executor.run(jobs)}
        rows = {}
        for record in self.finish.records:
            architecture = record.request.architecture
            row = {"test_accuracy": None, "validation_accuracy": record.value, **tested.get(architecture, {})}
            if record.value is None:
                row["reasons"] = {"validation_accuracy": record.estimate.reason or "", "test_accuracy": "not trained"}
            rows[self.study.evaluator.text(architecture)] = row | self._costs(architecture)
        return rows

    def _costs(self, architecture: Architecture) -> dict[str, Any]:
        space = self._space(architecture)
        profile = Analytic.of(space).profile(architecture)
        self.study.latency_ms(architecture)
        measured = self.study.ledger.find((space.to_string(architecture), "latency_ms", ""))
        graph = space.graph(architecture)
        return {
            "params": profile.params,
            "macs": profile.macs,
            "peak_memory_bytes": profile.peak_memory_bytes,
            "latency_ms": measured.value if measured else None,
            "latency_predicted": self.study.device is not None,
            "latency": dict(measured.details) if measured else None,
            "graph": {"labels": list(graph.labels), "edges": [list(e) for e in graph.edges]},
        }

    def _space(self, architecture: Architecture) -> Space:
        return self.study.evaluator.spaces[architecture.space]

    def _export(self, tested: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Export the first candidate that keeps the latency limit as a file, or else comes within `NOISE` of it.

        Returns:
            {architecture: its measured latency} of every file that was measured, the exported one first.

        Raises:
            NassayError: nothing was trained to the end, or no file keeps the limit; there is no `best/` then.
        """
        limit = self.study.plan.constraints.max_latency_ms
        candidates = self._candidates()
        measured: dict[Architecture, Estimate] = {}
        for architecture in candidates:
            measured[architecture] = self._export_and_measure(architecture, tested, limit)
            if limit is None or _ms(measured[architecture]) <= limit:
                break
        else:
            if not measured:
                raise NassayError(self._nothing_trained())
            architecture = self._within_noise(measured, limit or 0.0)
            if architecture != candidates[-1]:  # whose files lie there
                self._export_one(architecture, tested[self.study.evaluator.text(architecture)])
        if architecture not in self.finish.finalists:
            why = "could be trained to the end" if limit is None else "keeps the latency limit as a file"
            self.study.listener.message(f"No finalist {why}; a comparison network is exported instead.")
        order = [architecture, *(a for a in measured if a != architecture)]
        return {
            self.study.evaluator.text(a): {"latency_ms": measured[a].value, "latency": dict(measured[a].details)}
            for a in order
        }

    def _export_and_measure(
        self, architecture: Architecture, tested: dict[str, dict[str, Any]], limit: float | None
    ) -> Estimate:
        """Latency of the exported file; over the limit the better of two measurements, for noise only adds.

        The clock of another device is not here: under its profile the model's answer stands for the file's.
        """
        self._export_one(architecture, tested[self.study.evaluator.text(architecture)])
        if self.study.device is not None:
            return self.study.device.estimator(self._space(architecture)).estimate([architecture])[0]
        first = self._file_latency()
        if limit is None or _ms(first) <= limit:
            return first
        return min(first, self._file_latency(), key=_ms)

    def _file_latency(self) -> Estimate:
        found = measure_latency_ms(self.study.folder / "best" / "model.onnx", self.study.task.input_shape)
        return Estimate.of(found.median_ms, **asdict(found))

    def _nothing_trained(self) -> str:
        reasons = Counter(r.estimate.reason for r in self.finish.records)
        why = "; ".join(f"{reason} ({times} of {reasons.total()})" for reason, times in reasons.most_common())
        return (
            f"No network could be trained to the end, so there is nothing to export: {why}. The same command does not "
            "train them again; start a new search, with another --out, with that reason out of the way."
        )

    def _within_noise(self, measured: dict[Architecture, Estimate], limit: float) -> Architecture:
        """The first candidate that is over the limit by no more than the noise of measuring."""
        for architecture, latency in measured.items():
            if _ms(latency) <= NOISE * limit:
                return architecture
        shutil.rmtree(self.study.folder / "best", ignore_errors=True)
        fastest = min(map(_ms, measured.values()))
        raise NassayError(
            f"No trained network keeps max_latency_ms = {limit:g} as an exported file: the fastest takes {fastest:.3g} "
            "ms now, though it kept the limit when it was chosen. Give the same command again while the machine has "
            "nothing else to do (nothing is trained again), or raise the limit in a new search."
        )

    def _candidates(self) -> list[Architecture]:
        """What may be exported: trained finalists, best validation first, then comparisons within the limits."""
        trained = [r.request.architecture for r in ranked(self.finish.records) if r.value is not None]
        if not self.finish.reference_kept:
            trained = [a for a in trained if a != self.finish.reference or a in self.finish.finalists]
        return sorted(trained, key=lambda a: a not in self.finish.finalists)

    def _export_one(self, architecture: Architecture, row: dict[str, Any]) -> None:
        space, task = self._space(architecture), self.study.task
        training = self.bench.training(architecture, self.finish.fidelity)
        x = torch.from_numpy(task.validation.x[:8].copy())
        export_best(
            self.study.folder,
            training.averaged,
            rebuild=lambda: space.build(architecture),
            task=task,
            sample=task.scaled(x),
            architecture={
                "space": architecture.space,
                "architecture": space.to_string(architecture),
                "choices": list(architecture.choices),
            },
            metrics={k: row[k] for k in ("test_accuracy", "validation_accuracy", "params", "macs")},
        )

    def _roles(self, exported: dict[str, dict[str, Any]]) -> dict[str, Any]:
        text = self.study.evaluator.text
        finalists = [text(a) for a in self.finish.finalists]
        best = next(iter(exported), None)
        return {
            "best": best,
            "finalists": sorted(finalists, key=lambda t: t != best),
            "reference": text(self.finish.reference),
            "random": text(self.finish.random) if self.finish.random else None,
        }

    def _pictures(self, exported: dict[str, Any]) -> list[dict[str, str]]:
        """What the exported network makes of some validation items."""
        best = next((a for a in self._candidates() if self.study.evaluator.text(a) == next(iter(exported), None)), None)
        if best is None:
            return []
        task = self.study.task
        split = task.validation_sample(SHOWN)
        outputs, _ = self.bench.training(best, self.finish.fidelity).outputs(split)
        found = task.illustrations(outputs, split)
        return [{"caption": one.caption, "png": b64encode(one.png).decode()} for one in found]

    def _drop_checkpoints(self) -> None:
        """Keep the finished networks' checkpoints only, and nothing of what killed workers left half-written."""
        keep = {self.bench.checkpoint(r.request.architecture, self.finish.fidelity) for r in self.finish.records}
        for path in (self.study.folder / "checkpoints").iterdir():
            if path not in keep:
                path.unlink()


def _ms(latency: Estimate) -> float:
    """Its value, which neither a clock nor a model of latencies leaves out."""
    assert latency.value is not None
    return latency.value


def write_summary_and_report(study: Study, *, finished: bool) -> Result:
    """`summary.json` and `report.html` from the ledger as it stands."""
    study.ledger.put("state", "finished" if finished else "stopped")
    study.ledger.put("versions", {**{name: version(name) for name in LIBRARIES}, "python": platform.python_version()})
    study.clock.stop()
    summary = summarize(study.ledger, study.plan)
    write_results(study.folder, summary, study.ledger)
    return Result(study.folder, summary)
