"""`nassay profile`: what a space offers on this machine."""

from itertools import islice
from typing import Any

import numpy as np

from nassay.errors import InfeasibleError
from nassay.estimators.devices.onnx_latency import LatencyEstimator
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import Architecture, spaces
from nassay.strategies.problem import Constraints, Problem

MEASURED = 12  # networks whose latency is measured


def profile_space(
    name: str,
    input_shape: tuple[int, int, int],
    classes: int,
    limits: Constraints,
    *,
    samples: int,
    seed: int,
    device: DeviceProfile | None = None,
) -> dict[str, Any]:
    """Costs of the smallest network and of random ones, and the share of random ones inside the limits.

    Raises:
        InfeasibleError: no network of the space meets the limits; the message has the smallest reachable values.
        UserError: an unknown space, or a device's profile that is of another one.
    """
    space = spaces[name].target(input_shape, classes)
    if device is not None:
        device.check_fits(space)
    latency = LatencyEstimator(space) if device is None else device.estimator(space)

    def latency_ms(architecture: Architecture) -> float:
        value = latency.estimate([architecture])[0].value
        if value is None:
            raise InfeasibleError(f"The latency of {space.to_string(architecture)} cannot be measured here.")
        return value

    problem = Problem(space, limits, seed=seed, latency_model=device.latency if device else None)
    problem.check_reachable(latency_ms)
    rng = problem.rng("profile")
    drawn = [space.sample(rng) for _ in range(samples)]
    costs = [problem.costs(a) for a in drawn]
    by_macs = sorted(range(len(drawn)), key=lambda i: costs[i]["macs"] or 0)
    for i in by_macs[:: max(1, len(by_macs) // MEASURED)]:
        costs[i]["latency_ms"] = latency_ms(drawn[i])
    smallest = space.smallest()
    inside = [limits.violated({k: v for k, v in c.items() if k != "latency_ms"}) is None for c in costs]
    return {
        "space": name,
        "input_shape": list(input_shape),
        "classes": classes,
        "latency_device": device.name if device else None,
        "size": space.size,
        "smallest": {
            "architecture": space.to_string(smallest),
            **problem.costs(smallest),
            "latency_ms": latency_ms(smallest),
        },
        "random": {key: _quantiles([c[key] for c in costs]) for key in costs[0]},
        "samples": samples,
        "share_inside_analytic_limits": float(np.mean(inside)),
        "examples": [space.to_string(a) for a in islice(problem.stream("examples"), 3)],
    }


def _quantiles(values: list[float | None]) -> dict[str, float]:
    known = [v for v in values if v is not None]
    levels = {"min": 0, "p10": 10, "median": 50, "p90": 90, "max": 100}
    return {"n": len(known), **{k: float(np.percentile(known, q)) for k, q in levels.items()}}
