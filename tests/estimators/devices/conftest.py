"""A device that exists in formulas only."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from nassay.estimators.analytic import Analytic
from nassay.estimators.devices.on_device import FORMAT, VERSION
from nassay.estimators.devices.operator_table import Operator, operators
from nassay.estimators.devices.profile import EMPTY
from nassay.spaces.base import spaces

SHAPE = (1, 8, 8)
OVERHEAD_MS = 0.005


def operator_ms(operator: Operator) -> float:
    """A microsecond for each thousand MACs, and two for anything."""
    return 0.002 + 1e-6 * operator.macs


@pytest.fixture(scope="session")
def device_form() -> Callable[..., dict[str, Any]]:
    """device_form(networks=12, speed=1.0, operators=True, **changes) -> the content of a profile's file.

    A network takes 0.03 ms and 0.7 of what its operators take alone; every third is held out.
    """

    def make(networks: int = 12, speed: float = 1.0, tabled: bool = True, seed: int = 0, **changes: Any) -> Any:
        space = spaces["nb201"].target(SHAPE, 10)
        rng, analytic = np.random.default_rng(seed), Analytic.of(space)
        drawn: dict[Any, None] = {}
        while len(drawn) < networks:
            drawn[space.sample(rng)] = None
        found = {a: operators(analytic.profile(a)) for a in drawn}
        rows: list[Mapping[str, Any]] = []
        for i, (a, known) in enumerate(found.items()):
            ms = speed * (0.03 + 0.7 * sum(map(operator_ms, known)))
            rows.append({"architecture": space.to_string(a), "held_out": i % 3 == 2, "median_ms": ms})
        every = sorted({o for known in found.values() for o in known})
        timed = [{**o.to_json(), "median_ms": speed * (operator_ms(o) + OVERHEAD_MS)} for o in every]
        empty = {**EMPTY.to_json(), "median_ms": speed * OVERHEAD_MS}
        return {
            "format": FORMAT,
            "version": VERSION,
            "device": {"name": "board", "processor": "formula", "runtime": "none", "threads": 1, "cores": 1,
                       "load_average": None},
            "energy": {"source": None, "reason": "there is no RAPL counter"},
            "space": "nb201",
            "input_shape": list(SHAPE),
            "classes": 10,
            "operators": [empty, *timed] if tabled else [],
            "networks": rows,
        } | changes  # fmt: skip

    return make
