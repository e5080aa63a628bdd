"""NDS's JSON files."""

import json
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import UserError
from nassay.estimators.tables.importers.nds import read


def job(**changes: Any) -> dict[str, Any]:
    facts = {
        "net": {"width": 16, "depth": 10},
        "optim": {"max_ep": 2},
        "job_id": 7,
        "rng_seed": 1,
        "params": 1000,
        "flops": 50_000,
        "act_mem": 12.5,
        "iter_time": 0.2,
        "min_test_top1": 30.0,
        "test_ep_top1": [60.0, 30.0],
        "train_ep_top1": [70.0, 40.0],
        "train_ep_loss": [2.0, 1.0],
    }
    return facts | changes


def test_a_folder_of_families_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "DARTS_in.json").write_text(json.dumps([job(), job(params=2000)]))
    (tmp_path / "ResNet.json").write_text(json.dumps([job()]))
    (tmp_path / "ResNet_reruns.json").write_text(json.dumps({"top": [job(rng_seed=3)], "mid": [job()]}))
    rows = read(tmp_path).to_pylist()
    found = [(r["file"], r["dataset"], r["group"], r["i"], r["rng_seed"]) for r in rows]
    assert found == [
        ("DARTS_in", "imagenet", "", 0, 1),
        ("DARTS_in", "imagenet", "", 1, 1),
        ("ResNet", "cifar10", "", 0, 1),
        ("ResNet_reruns", "cifar10", "top", 0, 3),
        ("ResNet_reruns", "cifar10", "mid", 0, 1),
    ]
    assert (rows[0]["epochs"], rows[0]["test_ep_top1_err"], rows[1]["params"]) == (2, [60.0, 30.0], 2000)
    assert json.loads(rows[0]["net_json"]) == {"width": 16, "depth": 10}


def test_one_file_is_a_table_too(tmp_path: Path) -> None:
    (tmp_path / "ENAS.json").write_text(json.dumps([job()]))
    assert read(tmp_path / "ENAS.json").num_rows == 1


@pytest.mark.parametrize("content", ["", "3", '[{"net": {}}]'])
def test_another_layout_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(UserError, match="not laid out like NDS"):
        read(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no JSON file"):
        read(tmp_path)
