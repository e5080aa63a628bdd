from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from nassay.studies.latency_budgets import latency_budgets
from nassay.studies.proxy_scores import Sample, draw


@pytest.fixture
def sample(cells: list[str]) -> Sample:
    """All 24 cells, of 60, 61, ... 83 percent; the first of each is the slowest on `board`, `edgetpu` runs three."""
    return draw("nasbench201", "cifar10", None, 0)


def write_latencies(folder: Path, cells: list[str]) -> None:
    columns = {
        "arch_str": cells,
        "cifar10__board_latency": [float(24 - i) for i in range(24)],
        "cifar10__edgetpu_latency": [1.0, 2.0, 3.0] + [None] * 21,
        "cifar10__board_energy": [1.0] * 24,
        "cifar100__fpga_latency": [1.0] * 24,
    }
    parquet.write_table(pyarrow.table(columns), folder / "data" / "tables" / "hwnasbench_nb201.parquet")


def test_regrets_within_budgets_by_hand(sample: Sample, cells: list[str], tmp_path: Path) -> None:
    write_latencies(tmp_path, cells)
    values = {"params": sample.truth, "macs": -sample.truth}  # one ranks as the truth does, one the other way round
    found = latency_budgets(values, sample)
    assert set(found) == {"board", "edgetpu"}
    # The best are the fastest: with params there is nothing to regret. The quickest tenth of 24 are 4 (up to the
    # 0.1 quantile of 1..24, which is 3.3 and taken as the next higher, 4): macs takes the worst of them, 80 of 83.
    assert [b["regret"] for b in found["board"]["params"]] == [0.0] * 5
    assert found["board"]["macs"][0] == {"share": 0.1, "limit": 4.0, "regret": 3.0}
    assert found["board"]["macs"][-1] == {"share": 1.0, "limit": 24.0, "regret": 23.0}
    assert [b["limit"] for b in found["edgetpu"]["macs"]] == [2.0, 2.0, 2.0, 3.0, 3.0]
    assert found["edgetpu"]["macs"][0]["regret"] == 1.0


def test_nothing_where_no_latencies_are_known(sample: Sample, cells: list[str], tmp_path: Path) -> None:
    values = {"params": np.arange(24.0)}
    assert latency_budgets(values, sample) == {}
    columns = {"arch_str": cells, "cifar100__fpga_latency": [1.0] * 24}
    parquet.write_table(pyarrow.table(columns), tmp_path / "data" / "tables" / "hwnasbench_nb201.parquet")
    assert latency_budgets(values, sample) == {}
