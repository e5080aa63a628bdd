"""Published tables, and counts of a built network's work in the terms in which others publish them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from nassay.estimators.analytic import profile
from nassay.estimators.trace import trace
from nassay.spaces.base import Architecture, Space


@dataclass(frozen=True)
class Work:
    """Totals for one input.

    Attributes:
        params, macs: of the whole network.
        norms: elements that batch norms write.
        activations: elements that activations write.
        pooled: elements that poolings read, again and again where windows overlap; without the global pooling.
        last: (channels, side) of the map before the global pooling.
    """

    params: int
    macs: int
    norms: int
    activations: int
    pooled: int
    last: tuple[int, int]


@pytest.fixture
def count_work() -> Callable[[Space, Architecture], Work]:
    """Counts the network of an encoding as it stands, not of its canonical form."""

    def count(space: Space, architecture: Architecture) -> Work:
        with torch.device("meta"):
            network = space.build(architecture)
        found, record = profile(network, space.input_shape), trace(network, space.input_shape)
        elements = dict.fromkeys(("norm", "activation"), 0)
        for layer in found.layers:
            if layer.kind in elements:
                elements[layer.kind] += layer.out_channels * layer.out_height * layer.out_width
        windows = [op for op in record.operations if "pool2d" in str(op.func) and len(op.args) > 1]
        pooled = sum(prod(op.args[1]) * op.outputs[0].numel() for op in windows)
        last = next(op.inputs[0] for op in reversed(record.operations) if "mean" in str(op.func))
        shape = (last.shape[1], last.shape[2])
        return Work(found.params, found.macs, elements["norm"], elements["activation"], pooled, shape)

    return count


@pytest.fixture
def read_rows() -> Callable[..., list[dict[str, Any]]]:
    """Reads columns of a table under NASSAY_DATA; skips the test where the file is missing."""

    def read(name: str, *columns: str) -> list[dict[str, Any]]:
        parquet = pytest.importorskip("pyarrow.parquet")
        path = Path(os.environ.get("NASSAY_DATA", "")) / "tables" / f"{name}.parquet"
        if not path.is_file():
            pytest.skip(f"{path} is missing: set NASSAY_DATA")
        return parquet.read_table(path, columns=list(columns)).to_pylist()

    return read
