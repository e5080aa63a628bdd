"""The finish, the same for every strategy: full training of the finalists and of two comparisons, at equal training.

The comparisons are a reference network of the MobileNetV2 layout, as wide as the limits allow, and the best of the
randomly drawn networks. Each gets the same number of training seconds (or epochs) in all; what a finalist was trained
on its way here counts.
"""

from collections.abc import Callable, Sequence

import numpy as np

from nassay.estimators.base import Fidelity
from nassay.spaces.base import Architecture
from nassay.spaces.mobile import Mobile
from nassay.strategies.problem import FINAL_EPOCHS, Constraints, Problem


def finishing_order(workers: int, remaining: Sequence[float]) -> list[list[int]]:
    """Which worker does which job, longest first to the least loaded: indices of jobs by worker."""
    loads = np.zeros(workers)
    queues: list[list[int]] = [[] for _ in range(workers)]
    for i in sorted(range(len(remaining)), key=lambda i: -remaining[i]):
        least = int(np.argmin(loads))
        queues[least].append(i)
        loads[least] += remaining[i]
    return queues


def final_seconds(spent: Sequence[float], workers: int, available: float) -> float:
    """The largest total of training seconds, equal for all, that fits into the wall-clock left.

    Args:
        spent: training seconds that each network has had already.
        workers: parallel trainings.
        available: wall-clock seconds.
    """
    low, high = max(spent, default=0.0), max(spent, default=0.0) + available
    if _makespan(high, spent, workers) <= available:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _makespan(middle, spent, workers) <= available else (low, middle)
    return low


def _makespan(total: float, spent: Sequence[float], workers: int) -> float:
    remaining = [max(0.0, total - s) for s in spent]
    return max((sum(remaining[i] for i in queue) for queue in finishing_order(workers, remaining)), default=0.0)


def reference_network(
    problem: Problem, latency_ms: Callable[[Architecture], float | None]
) -> tuple[Mobile, Architecture, bool]:
    """The widest MobileNetV2 layout inside the limits.

    Args:
        problem: of the study; its limits and input size count, whatever its space.
        latency_ms: measures an architecture of the `mobile` space; asked only under a latency limit.

    Returns:
        The `mobile` space for this input, the reference, and whether it keeps the limits (the narrowest is returned
        where none does).
    """
    mobile = Mobile(problem.space.input_shape, problem.space.num_outputs)
    mobile.head = problem.space.head
    own = Problem(mobile, problem.constraints, problem.budget, seed=problem.seed)
    candidates = mobile.references()
    for candidate in candidates:
        if own.admits(candidate) and _keeps_latency(problem.constraints, candidate, latency_ms):
            return mobile, candidate, True
    return mobile, candidates[-1], False


def _keeps_latency(
    constraints: Constraints, candidate: Architecture, latency_ms: Callable[[Architecture], float | None]
) -> bool:
    if constraints.max_latency_ms is None:
        return True
    measured = latency_ms(candidate)
    return measured is not None and measured <= constraints.max_latency_ms


def final_fidelity(
    minutes: float | None, spent: Sequence[float], workers: int, available: Callable[[], float]
) -> Fidelity:
    """The bound of the finish: what the clock allows under a wall-clock budget, else a fixed number of epochs."""
    if minutes is None:
        return Fidelity(epochs=FINAL_EPOCHS, final=True)
    seconds = final_seconds(spent, workers, available())
    return Fidelity(seconds=round(max(seconds, 1.0), 2), final=True)
