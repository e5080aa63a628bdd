"""The best network as a folder of files, checked against the trained module before the folder appears."""

import copy
import io
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from safetensors import SafetensorError
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from nassay.errors import NassayError
from nassay.exports.onnx import INPUT, to_onnx
from nassay.exports.readme import readme
from nassay.tasks.base import Task

TOLERANCE = 1e-3  # of a task's `difference`
_NORMALISATION = ("mean", "std")  # baked into the files


class ExportMismatchError(NassayError):
    """An exported file computes something else than the trained network."""


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes:
        folder: where the files are.
        file_bytes: size of each file.
        differences: of each format's outputs from the trained module's, on the sample (`Task.difference`).
        seconds: wall-clock time of export and checks.
    """

    folder: Path
    file_bytes: Mapping[str, int]
    differences: Mapping[str, float]
    seconds: float


def export_best(
    folder: Path,
    network: nn.Module,
    *,
    task: Task,
    sample: Tensor,
    architecture: Mapping[str, Any],
    metrics: Mapping[str, Any],
    rebuild: Callable[[], nn.Module],
) -> ExportReport:
    """Writes `folder/best`: model.onnx, model.pt2, model.safetensors, architecture.json and README.md.

    The files hold `task.deployed(network)`, from scaled inputs to what users want, as one module. `folder/best`
    appears whole or not at all; an earlier one is replaced. The given network is copied, not changed.

    Args:
        folder: the run's folder.
        network: the trained network, normalised inputs (B, C, H, W) -> outputs.
        task: what it was trained for; its preprocessing's mean and std are left out, for they are in the model.
        sample: (N, C, H, W) scaled inputs on which all formats are compared.
        architecture: what was built, JSON-ready.
        metrics: how good it is, JSON-ready.
        rebuild: gives an untrained network of the same architecture, for the check of the weights file.

    Raises:
        ExportMismatchError: the outputs are not finite, or a file's outputs differ from the module's.
        OSError: a file cannot be written; nothing is left of the others.
    """
    start = time.perf_counter()
    deployed = task.deployed(copy.deepcopy(network)).cpu().eval()
    facts = {
        "architecture": dict(architecture),
        "task": task.name,
        "input_shape": list(task.input_shape),
        "preprocessing": {k: v for k, v in task.preprocessing.items() if k not in _NORMALISATION},
        "outputs": list(task.output_names),
        "classes": list(task.classes),
        "metrics": dict(metrics),
    }
    partial = folder / ".best.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(partial, deployed, facts, readme(facts, task.output_words, task.reading))
        differences = _check(partial, deployed, sample.float().cpu(), task, rebuild)
        file_bytes = {f.name: f.stat().st_size for f in sorted(partial.iterdir())}
        _publish(partial, folder / "best")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(folder / "best", file_bytes, differences, time.perf_counter() - start)


def _write(folder: Path, deployed: nn.Module, facts: dict[str, Any], text: str) -> None:
    input_shape = facts["input_shape"]
    try:
        save_model(deployed, str(folder / "model.safetensors"))
    except SafetensorError as error:
        raise OSError(f"model.safetensors cannot be written: {error}") from error
    (folder / "model.onnx").write_bytes(to_onnx(deployed, input_shape, facts["outputs"], metadata=facts))
    program = torch.export.export(
        deployed,
        (torch.zeros(2, *input_shape),),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
    )
    content = io.BytesIO()  # written by torch itself, a full disk would end the process
    with warnings.catch_warnings():  # of weights that are parts of larger storages; what is written is checked
        warnings.simplefilter("ignore", UserWarning)
        torch.export.save(program, content, extra_files={"facts.json": json.dumps(facts)})
    (folder / "model.pt2").write_bytes(content.getbuffer())
    (folder / "architecture.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / "README.md").write_text(text, "utf-8")


@torch.no_grad()
def _check(
    folder: Path, deployed: nn.Module, sample: Tensor, task: Task, rebuild: Callable[[], nn.Module]
) -> dict[str, float]:
    """The difference of each format, none of them above the tolerance."""
    expected = _several(deployed(sample))
    if not all(bool(torch.isfinite(output).all()) for output in expected):
        raise ExportMismatchError("The trained network's outputs are not finite, so it is not exported.")
    with torch.random.fork_rng(devices=[]):
        reloaded = task.deployed(rebuild()).cpu().eval()
    load_model(reloaded, folder / "model.safetensors")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(folder / "model.pt2").module()
    found = {
        "safetensors": reloaded(sample),
        "onnx": [torch.from_numpy(a) for a in session.run(list(task.output_names), {INPUT: sample.numpy()})],
        "pt2": program(sample),
    }
    differences = {name: task.difference(_several(outputs), expected) for name, outputs in found.items()}
    wrong = {name: d for name, d in differences.items() if not d <= TOLERANCE}
    if wrong:
        raise ExportMismatchError(
            f"Exported files differ from the trained network by {wrong} of the range of their outputs, more than "
            f"{TOLERANCE:g}; nothing was exported. The network does something that the format can't hold."
        )
    return differences


def _several(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """A module's outputs as a list, one or more."""
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


def _publish(partial: Path, best: Path) -> None:
    previous = best.with_name(".best.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if best.exists():
        os.replace(best, previous)
    os.replace(partial, best)
    shutil.rmtree(previous, ignore_errors=True)
