"""NAS-Bench-201's file, NATS-Bench's file and its folder: three layouts of the same table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.tables import open_table
from nassay.estimators.tables.importers import run_import
from nassay.estimators.tables.importers.nasbench201 import read

Source = Callable[[], Path]


@pytest.fixture(params=["pth", "file", "folder"])
def source(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    save: Any,
    nb201_content: dict[str, Any],
    nats_content: dict[str, Any],
    nats_folder: Path,
) -> Path:
    if request.param == "pth":
        torch.save(nb201_content, tmp_path / "nb201.pth")
        return tmp_path / "nb201.pth"
    if request.param == "file":
        found: Path = save(nats_content, tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2")
        return found
    return nats_folder


def test_rows_have_seeds_means_and_costs(source: Path) -> None:
    first, second = read(source).to_pylist()
    # Of cell i: 10 (i + 1), 1 more with seed 888; a quarter more on x-test, a half more on ori-test.
    assert (first["cifar10_valid_acc_200"], first["cifar10_test_acc_200"]) == (10.5, 11.0)
    assert (first["cifar100_test_acc_200_seed777"], first["cifar100_test_acc_200_seed888"]) == (10.25, 11.25)
    assert (second["imagenet16_120_valid_acc_12"], second["imagenet16_120_test_acc_12"]) == (20.0, 20.25)
    assert "cifar10_test_acc_12_seed888" not in first
    # An epoch takes 1 s with seed 777 and 2 s with seed 888.
    assert (first["cifar100_train_time_all_epochs_s_12"], first["cifar100_train_time_all_epochs_s_200"]) == (12, 300)
    assert (first["flops_nb201_cifar10_M"], first["params_cifar10_M"]) == (1.5, pytest.approx(0.15))


def test_the_table_answers_what_the_file_said(source: Path, tmp_path: Path) -> None:
    report = run_import("nasbench201", source, tmp_path / "tables")
    assert (report["rows"], report["expected_rows"]) == (2, 15_625)
    assert report["ranges"]["cifar10_test_acc_200"] == [11.0, 21.0]
    table = open_table("nasbench201", tmp_path / "tables")
    assert sorted(table.values("ImageNet16-120", "valid", 200).values()) == [10.5, 20.5]
    assert sorted(table.values("cifar10", seed=888).values()) == [11.5, 21.5]
    assert sorted(table.costs("macs").values()) == pytest.approx([1.5e6, 1.5e6])


def test_cells_that_disagree_with_the_list_are_refused(tmp_path: Path, nb201_content: dict[str, Any]) -> None:
    nb201_content["meta_archs"].reverse()
    torch.save(nb201_content, tmp_path / "swapped.pth")
    with pytest.raises(UserError, match="in one place and .* in another"):
        read(tmp_path / "swapped.pth")


@pytest.mark.parametrize(
    "content", [{}, [], {"arch2infos": {0: {}}}, {"meta_archs": ["x"], "arch2infos": {0: {"12": 1}}}]
)
def test_another_layout_is_refused(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError, match="not laid out like NAS-Bench-201|holds no architectures"):
        read(tmp_path / "other.pth")
