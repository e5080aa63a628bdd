"""The best network as a folder of files, checked against the trained module before the folder appears."""

import copy
import io
import json
import os
import shutil
import time
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
from nassay.exports.onnx import INPUT, OUTPUT, to_onnx
from nassay.exports.readme import readme

TOLERANCE = 1e-3
_NORMALISATION = ("mean", "std")  # baked into the files


class ExportMismatchError(NassayError):
    """An exported file computes something else than the trained network."""


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Attributes:
        folder: where the files are.
        file_bytes: size of each file.
        max_abs_differences: of each format's logits from the trained module's, on the sample.
        tolerance: the largest difference that passes, `TOLERANCE` x max(1, largest absolute logit).
        seconds: wall-clock time of export and checks.
    """

    folder: Path
    file_bytes: Mapping[str, int]
    max_abs_differences: Mapping[str, float]
    tolerance: float
    seconds: float


def export_best(
    folder: Path,
    network: nn.Module,
    *,
    input_shape: Sequence[int],
    preprocessing: Mapping[str, Any],
    classes: Sequence[str],
    normalizer: nn.Module,
    sample: Tensor,
    architecture: Mapping[str, Any],
    metrics: Mapping[str, Any],
    rebuild: Callable[[], nn.Module],
) -> ExportReport:
    """Writes `folder/best`: model.onnx, model.pt2, model.safetensors, architecture.json and README.md.

    The files hold normaliser and network as one module. `folder/best` appears whole or not at all; an
    earlier one is replaced. The given modules are copied, not changed.

    Args:
        folder: the run's folder.
        network: the trained network, normalised inputs (B, *input_shape) -> logits (B, classes).
        input_shape: (C, H, W).
        preprocessing: how a file or array becomes an input, without the normalisation; JSON-ready
            (`Classification.preprocessing`; its mean and std are left out, for they are in the model).
        classes: names of the outputs.
        normalizer: raw inputs (pixels scaled to 0..1, or raw floats) -> normalised inputs.
        sample: (N, *input_shape) raw inputs on which all formats are compared.
        architecture: what was built, JSON-ready.
        metrics: how good it is, JSON-ready.
        rebuild: gives an untrained network of the same architecture, for the check of the weights file.

    Raises:
        ExportMismatchError: the logits are not finite, or a file's logits differ from the module's.
        OSError: a file cannot be written; nothing is left of the others.
    """
    start = time.perf_counter()
    deployed = nn.Sequential(copy.deepcopy(normalizer), copy.deepcopy(network)).cpu().eval()
    facts = {
        "architecture": dict(architecture),
        "input_shape": list(input_shape),
        "preprocessing": {k: v for k, v in preprocessing.items() if k not in _NORMALISATION},
        "classes": list(classes),
        "metrics": dict(metrics),
    }
    partial = folder / ".best.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(partial, deployed, facts)
        differences, tolerance = _check(partial, deployed, sample.float().cpu(), normalizer, rebuild)
        file_bytes = {f.name: f.stat().st_size for f in sorted(partial.iterdir())}
        _publish(partial, folder / "best")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(folder / "best", file_bytes, differences, tolerance, time.perf_counter() - start)


def _write(folder: Path, deployed: nn.Module, facts: dict[str, Any]) -> None:
    input_shape = facts["input_shape"]
    try:
        save_model(deployed, str(folder / "model.safetensors"))
    except SafetensorError as error:
        raise OSError(f"model.safetensors cannot be written: {error}") from error
    (folder / "model.onnx").write_bytes(to_onnx(deployed, input_shape, metadata=facts))
    program = torch.export.export(
        deployed,
        (torch.zeros(2, *input_shape),),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
    )
    content = io.BytesIO()  # written by torch itself, a full disk would end the process
    torch.export.save(program, content, extra_files={"facts.json": json.dumps(facts)})
    (folder / "model.pt2").write_bytes(content.getbuffer())
    (folder / "architecture.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8")
    (folder / "README.md").write_text(readme(facts), "utf-8")


@torch.no_grad()
def _check(
    folder: Path, deployed: nn.Module, sample: Tensor, normalizer: nn.Module, rebuild: Callable[[], nn.Module]
) -> tuple[dict[str, float], float]:
    """The largest difference of each format, and the tolerance that all of them keep."""
    expected = deployed(sample)
    if not torch.isfinite(expected).all():
        raise ExportMismatchError("The trained network's logits are not finite, so it is not exported.")
    with torch.random.fork_rng(devices=[]):
        reloaded = nn.Sequential(copy.deepcopy(normalizer), rebuild()).cpu().eval()
    load_model(reloaded, folder / "model.safetensors")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    program = torch.export.load(folder / "model.pt2").module()
    found = {
        "safetensors": reloaded(sample),
        "onnx": torch.from_numpy(session.run([OUTPUT], {INPUT: sample.numpy()})[0]),
        "pt2": program(sample),
    }
    tolerance = TOLERANCE * max(1.0, expected.abs().max().item())
    differences = {name: (logits - expected).abs().max().item() for name, logits in found.items()}
    wrong = {name: d for name, d in differences.items() if not d <= tolerance}
    if wrong:
        raise ExportMismatchError(
            f"Exported files differ from the trained network by {wrong} in their logits, more than "
            f"{tolerance:.2g}; nothing was exported. The network does something that the format can't hold."
        )
    return differences, tolerance


def _publish(partial: Path, best: Path) -> None:
    previous = best.with_name(".best.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if best.exists():
        os.replace(best, previous)
    os.replace(partial, best)
    shutil.rmtree(previous, ignore_errors=True)
