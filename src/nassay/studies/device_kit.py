"""What is measured on a device: a file of small ONNX models, operators and networks of a space, and their list.

Weights do not change the time of a dense operation, so every weight of a model is one constant, 1 / fan-in, which
keeps activations in an ordinary range and makes the file some hundred kilobytes small.
"""

import json
import math
import os
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from nassay.errors import StudyStoppedError, UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.devices import on_device
from nassay.estimators.devices.on_device import FORMAT, MANIFEST, VERSION, measure_kit
from nassay.estimators.devices.operator_table import Operator, operators
from nassay.estimators.devices.profile import EMPTY, DeviceProfile, known_costs
from nassay.estimators.devices.transfer import Population, most_telling
from nassay.exports.onnx import INPUT, to_onnx
from nassay.spaces.base import Architecture, Space
from nassay.strategies.problem import Problem
from nassay.studies.listener import Listener

DRAWN = 100  # networks whose operators may be chosen
OPERATORS = 240  # timed
NETWORKS, HELD_OUT = 48, 24  # timed to learn the correction, and to judge the model
FEW = 10  # networks timed where other devices are known
OPSET, IR_VERSION = 17, 8
MODELS, SCRIPT = "models.zip", "measure.py"
PARTIAL = ".partial"  # where a kit lies until it is whole

README = """Time this machine for nassay
============================

Copy this folder to the device. There, with Python 3.8 or newer:

    pip install onnxruntime numpy
    python measure.py --name "my board"

It takes a few minutes; let the device do nothing else meanwhile. Bring mydevice.json back:

    nassay device fit mydevice.json
    nassay search IMAGES --device-profile mydevice.json --max-latency-ms 20
"""


def operator_model(operator: Operator) -> tuple[bytes, tuple[int, ...]]:
    """An ONNX file that runs one operator, and the shape of its input without the batch dimension.

    What has no multiply-accumulates is timed as the sum with a constant, whatever it is.
    """
    height, width = _sides(operator.in_positions)
    c_in, c_out = operator.in_channels, operator.out_channels
    shape: tuple[int, ...] = (c_in, height, width)
    if operator.kind == "elementwise":
        return _model("Add", shape, [np.ones(shape, np.float32)]), shape
    if operator.kind == "pool" and operator.out_positions == 1:
        return _model("GlobalAveragePool", shape), shape
    if operator.kind == "pool":
        stride = max(1, round(math.sqrt(operator.in_positions / operator.out_positions)))
        return _model("AveragePool", shape, kernel_shape=[3, 3], strides=[stride] * 2, pads=[1] * 4), shape
    if operator.kind == "vector" and operator.in_positions == 1:
        return _model("Gemm", (c_in,), _weights(c_out, c_in), transB=1), (c_in,)
    pads = [side // 2 for side in operator.kernel] * 2
    weights = _weights(c_out, c_in // operator.groups, *operator.kernel)
    settings = {"strides": list(operator.stride), "pads": pads, "group": operator.groups}
    return _model("Conv", shape, weights, activated=True, **settings), shape


def _weights(*shape: int) -> list[np.ndarray]:
    """Weights of 1 / fan-in, and a bias of zeros."""
    return [np.full(shape, 1 / math.prod(shape[1:]), np.float32), np.zeros(shape[0], np.float32)]


def _model(
    operation: str,
    shape: Sequence[int],
    constants: Sequence[np.ndarray] = (),
    *,
    activated: bool = False,
    **settings: Any,
) -> bytes:
    """A file of one operation on one input and constants, with a ReLU behind it if asked."""
    names = [f"constant{i}" for i in range(len(constants))]
    nodes = [onnx.helper.make_node(operation, [INPUT, *names], ["result"], **settings)]
    if activated:
        nodes.append(onnx.helper.make_node("Relu", ["result"], ["activated"]))
    graph = onnx.helper.make_graph(
        nodes,
        operation,
        [onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, [1, *shape])],
        [onnx.helper.make_tensor_value_info(nodes[-1].output[0], onnx.TensorProto.FLOAT, [None] * (len(shape) + 1))],
        [onnx.numpy_helper.from_array(c, name) for c, name in zip(constants, names, strict=True)],
    )
    # versions that the runtimes of some years ago read, as boards have them
    opset = onnx.helper.make_opsetid("", OPSET)
    model: onnx.ModelProto = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _sides(positions: int) -> tuple[int, int]:
    """The two factors of a number that are nearest to each other."""
    side = next(s for s in range(math.isqrt(positions), 0, -1) if positions % s == 0)
    return side, positions // side


def write_models(
    path: Path,
    space: Space,
    *,
    seed: int = 0,
    sources: Sequence[DeviceProfile] = (),
    listener: Listener | None = None,
) -> dict[str, int]:
    """The file of models for a space.

    Args:
        path: of the zip file.
        space: whose networks and operators are timed.
        seed: of the draw.
        sources: profiles of other devices; with them only the ten networks that tell most are timed, no operators.
        listener: hears of progress.

    Returns:
        How many `operators` and `networks` it holds.
    """
    known = [] if sources else [EMPTY, *table_operators(space, seed)]
    networks = telling_networks(space, sources) if sources else drawn_networks(space, seed)
    heard, total = listener or Listener(), len(known) + len(networks)
    heard.phase("export", None)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "space": space.name,
        "input_shape": list(space.input_shape),
        "classes": space.num_outputs,
        "seed": seed,
        "operators": [],
        "networks": [],
    }
    if sources:
        manifest["sources"] = [source.form for source in sources]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, operator in enumerate(known):
            row = _stored(archive, f"operators/{i:04d}.onnx", *operator_model(operator))
            manifest["operators"].append({**operator.to_json(), **row})
            heard.progress(i + 1, total, None, None)
        for i, architecture in enumerate(networks):
            row = _stored(archive, f"networks/{i:04d}.onnx", network_model(space, architecture), space.input_shape)
            # every third network judges, so that both parts have networks of all sizes
            held_out = not sources and i % 3 == 2
            manifest["networks"].append({"architecture": space.to_string(architecture), "held_out": held_out, **row})
            heard.progress(len(known) + i + 1, total, None, None)
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
    return {key: len(manifest[key]) for key in ("operators", "networks")}


def _stored(archive: zipfile.ZipFile, name: str, model: bytes, shape: Sequence[int]) -> dict[str, Any]:
    archive.writestr(name, model)
    return {"file": name, "input_shape": [1, *shape]}


def network_model(space: Space, architecture: Architecture) -> bytes:
    """An architecture as an ONNX file with constant weights."""
    with torch.random.fork_rng(devices=[]):
        network = space.build(architecture)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.fill_(1 / parameter[0].numel())
    return to_onnx(network, space.input_shape)


def table_operators(space: Space, seed: int) -> list[Operator]:
    """Distinct operators of random networks, the frequent ones more likely."""
    analytic = Analytic.of(space)
    drawn = islice(Problem(space, seed=seed).stream("operators", all_sizes=True), DRAWN)
    counts = Counter(o for a in drawn for o in operators(analytic.profile(a)))
    counts.pop(EMPTY, None)
    every = sorted(counts)
    shares = np.array([counts[o] for o in every]) / counts.total()
    chosen = np.random.default_rng(seed).choice(len(every), min(OPERATORS, len(every)), replace=False, p=shares)
    return [every[i] for i in chosen]


def drawn_networks(space: Space, seed: int) -> list[Architecture]:
    """Random networks of all sizes, those that judge the model included; fewer where the space has fewer."""
    stream = Problem(space, seed=seed).stream("latency", all_sizes=True)
    return list(islice(stream, NETWORKS + HELD_OUT))


def telling_networks(space: Space, sources: Sequence[DeviceProfile]) -> list[Architecture]:
    """The networks to measure on a new device, of those that the first source was measured on.

    Raises:
        UserError: a source was measured on another space or input.
    """
    for source in sources:
        source.check_fits(space)
    architectures = [space.from_string(row["architecture"]) for row in sources[0].form["networks"]]
    profiles = [Analytic.of(space).profile(a) for a in architectures]
    known = known_costs(profiles, [source.latency for source in sources])
    return [architectures[i] for i in most_telling(Population.of(*known).rows(*known), FEW)]


def write_kit(
    folder: Path,
    space: Space,
    *,
    seed: int = 0,
    sources: Sequence[DeviceProfile] = (),
    listener: Listener | None = None,
) -> dict[str, int]:
    """A folder to copy to a device: script, models, and what to do with them. See `write_models`.

    The files appear when all are written: a folder that an interrupted call has left may be given again.

    Raises:
        UserError: the folder is not empty.
        StudyStoppedError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(path.name != PARTIAL for path in folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder. Give another --out.")
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        counts = write_models(partial / MODELS, space, seed=seed, sources=sources, listener=listener)
        shutil.copyfile(on_device.__file__, partial / SCRIPT)
        (partial / "README.txt").write_text(README, "utf-8")
        for path in sorted(partial.iterdir()):
            os.replace(path, folder / path.name)
    except OSError as error:
        raise StudyStoppedError(f"The kit cannot be written to {folder}: {error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return counts


def measure_here(
    space: Space, *, seed: int = 0, name: str = "", threads: int = 1, listener: Listener | None = None
) -> DeviceProfile:
    """The profile of this machine for a space; takes a minute or two.

    Args:
        space: whose networks and operators are timed.
        seed: of the draw.
        name: what to call this machine; its own name by default.
        threads: inside an operation.
        listener: hears of progress.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODELS
        write_models(path, space, seed=seed, listener=listener)
        heard = listener or Listener()
        heard.phase("measure", None)

        def progress(done: int, total: int) -> None:
            heard.progress(done, total, None, None)

        return DeviceProfile(measure_kit(path, name=name, threads=threads, progress=progress))
