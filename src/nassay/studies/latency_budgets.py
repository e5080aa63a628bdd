"""What scores pick within budgets of measured latency, where HW-NAS-Bench has measured a benchmark's networks.

As in the zero-shot review's protocol (Li et al. 2024, arXiv:2307.01998), which asks for a pick on a device.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.estimators.tables.hardware import HardwareTable
from nassay.gaps.ranking import budget_regrets
from nassay.studies.bench_rows import direction
from nassay.studies.proxy_scores import Sample

TABLE, DEVICES = "nasbench201", "hwnasbench"

Regrets = dict[str, dict[str, list[dict[str, Any]]]]


def latency_budgets(values: Mapping[str, np.ndarray], sample: Sample) -> Regrets:
    """For each device and row the regret within each budget of milliseconds; see `budget_regrets`.

    Args:
        values: (n,) of each row, NaN where there is none.
        sample: the n architectures; those that a device does not run are left out there.

    Returns:
        {device: {row: budgets}}, empty where no latencies are known.
    """
    found: Regrets = {}
    for device, latency_ms in _latencies(sample).items():
        runs = ~np.isnan(latency_ms)
        if runs.any():
            found[device] = {
                name: budget_regrets(column[runs], sample.truth[runs], latency_ms[runs], direction=direction(name))
                for name, column in values.items()
            }
    return found


def _latencies(sample: Sample) -> dict[str, np.ndarray]:
    """(n,) milliseconds by device, each encoding's own; NaN where there is none."""
    try:
        table = HardwareTable(DEVICES) if sample.table == TABLE else None
    except UserError:  # its file is not at hand
        table = None
    if table is None or sample.dataset not in table.datasets:
        return {}
    found = {}
    for device in table.devices("latency_ms", sample.dataset):
        known = table.values(device, "latency_ms", sample.dataset, merge=False)
        found[device] = np.array([known.get(a, np.nan) for a in sample.architectures])
    return found
