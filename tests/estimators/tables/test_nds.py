"""NDS: a family is a data set, errors become accuracies, curves have every epoch."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from nassay.errors import UserError
from nassay.estimators.tables import Table, open_table

NET = (
    '{"block_type": "res_basic_block", "bot_muls": [], "ds": [1, 5, 2, 3, 10], "num_gs": [], "ss": [4, 1, 2, 2, 2], '
    '"ws": [32, 32, 32, 192, 128]}'
)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    columns = {
        "file": ["ResNet_lr-wd_in", "ResNet_lr-wd_in", "Other_in", "ResNet_reruns"],
        "group": ["", "", "", "top"],
        "epochs": [3, 3, 2, 100],
        "net_json": [NET, NET, "{}", "{}"],
        "test_ep_top1_err": [[80.0, 60.0, 40.0], [70.0, 50.0, 36.0], [90.0, 80.0], [1.0] * 100],
        "params": [5_040_584, 5_040_584, 7, 7],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "nds.parquet")
    return open_table("nds", tmp_path)


def test_families_are_data_sets_and_reruns_are_none(table: Table) -> None:
    assert table.datasets == ("Other_in", "ResNet_lr-wd_in")


def test_errors_become_accuracies_and_equal_networks_their_mean(table: Table) -> None:
    space = table.space("ResNet_lr-wd_in")
    network = space.canonical(space.from_string(NET))
    assert table.values("ResNet_lr-wd_in") == {network: 100 - 38.0}
    assert table.values("ResNet_lr-wd_in", epochs=1) == {network: 100 - 75.0}
    assert table.costs("params", "ResNet_lr-wd_in") == {network: 5_040_584}
    with pytest.raises(UserError, match="after 4 epochs"):
        table.values("ResNet_lr-wd_in", epochs=4)


def test_measurements_are_those_of_the_families_of_an_architecture_s_space(table: Table) -> None:
    space = table.space("ResNet_lr-wd_in")
    network = space.from_string(NET)
    found = table.measurements(network)
    assert {m.series.dataset for m in found} == {"ResNet_lr-wd_in"}
    assert [(m.value, m.rows) for m in found if m.series.epochs == 3] == [(100 - 38.0, 2)]
    assert found == table.measurements(network, "ResNet_lr-wd_in")


def test_every_family_of_the_published_table(published: Path) -> None:
    if not (published / "nds_imagenet_and_reruns.parquet").is_file():
        pytest.skip(f"{published}/nds_imagenet_and_reruns.parquet is missing")
    table = open_table("nds", published)
    assert len(table.datasets) == 11
    for family in table.datasets:
        values, params = table.values(family, merge=False), table.costs("params", family, merge=False)
        assert len(values) > 100
        assert 0 <= min(values.values()) < max(values.values()) < 80
        assert set(values) == set(params)
