"""TransNAS-Bench-101's file: best and last epoch of seven tasks."""

from pathlib import Path
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.tables import open_table
from nassay.estimators.tables.importers import run_import
from nassay.estimators.tables.importers.transnasbench101 import METRICS, read

CURVES = {"valid": [20.0, 40.0, 30.0], "test": [21.0, 41.0, 31.0]}  # the second epoch is the best on validation


def tasks(scale: dict[str, float]) -> dict[str, Any]:
    found = {}
    for task, metric in METRICS.items():
        metrics = {
            f"{split}_{metric}": [scale.get(metric, 1.0) * v for v in values] for split, values in CURVES.items()
        }
        found[task] = {"metrics": metrics | {"train_loss": [1.0] * 3}, "model_info": {"model_params": 1.0}}
    return found


@pytest.fixture
def content() -> dict[str, Any]:
    every = tasks({"ssim": 0.01, "neg_loss": -0.01})
    return {
        "task_list": list(METRICS),
        "data": {"macro": {"64-1234-basic": every}, "micro": {"64-41414-1_02_333": every}},
    }


def save(content: Any, folder: Path) -> Path:
    torch.save(content, folder / "transnas.pth")
    return folder / "transnas.pth"


def test_the_best_validation_epoch_counts_also_on_test(content: dict[str, Any], tmp_path: Path) -> None:
    run_import("transnasbench101", save(content, tmp_path), tmp_path)
    for name in ("transnas_micro", "transnas_macro"):
        table = open_table(name, tmp_path)
        assert list(table.values("jigsaw").values()) == [40.0]
        assert list(table.values("jigsaw", "test").values()) == [41.0]
        assert list(table.values("normal").values()) == [pytest.approx(0.4)]
        assert list(table.values("room_layout").values()) == [pytest.approx(-0.2)]


def test_losses_are_negated_where_the_file_has_no_negative_ones(content: dict[str, Any], tmp_path: Path) -> None:
    curves = content["data"]["micro"]["64-41414-1_02_333"]["room_layout"]["metrics"]
    for split in ("valid", "test"):
        curves[f"{split}_loss"] = [-v for v in curves.pop(f"{split}_neg_loss")]
    row = read(save(content, tmp_path)).to_pylist()[0]
    assert (row["room_layout"], row["room_layout_final"]) == (pytest.approx(-0.2), pytest.approx(-0.3))


def test_a_missing_metric_is_named(content: dict[str, Any], tmp_path: Path) -> None:
    del content["data"]["macro"]["64-1234-basic"]["normal"]["metrics"]["test_ssim"]
    with pytest.raises(UserError, match="no ssim of the test split among valid_ssim"):
        read(save(content, tmp_path))


def test_a_harmful_file_leaves_no_table(content: dict[str, Any], tmp_path: Path, harmful: Any) -> None:
    with pytest.raises(UserError, match="Nothing in it was executed"):
        run_import("transnasbench101", save(content | {"extra": harmful}, tmp_path), tmp_path / "tables")
    assert not harmful.marker.exists()
    assert not (tmp_path / "tables").exists()
