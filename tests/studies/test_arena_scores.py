"""Zero-cost scores for races: published ones, those of a run folder, and what is missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import UserError
from nassay.estimators.tables.published import Scores
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.studies.arena_scores import ArenaScores

SPACE = NB201()
FIRST, SECOND = Architecture("nb201", (0, 0, 0, 3, 0, 0)), SPACE.canonical(Architecture("nb201", (3, 3, 3, 3, 3, 3)))
TWIN = Architecture("nb201", (3, 0, 0, 3, 0, 0))  # another encoding of the first


class Published:
    """A table that has nothing but published scores."""

    name = "nasbench201"

    def published_scores(self, dataset: str) -> dict[str, Scores]:
        if dataset != "cifar10":
            raise UserError("none are known")
        return {"nwot": Scores({FIRST: 3.0}, 0.25), "jacov": Scores({FIRST: -4.0}, None), "flops": Scores({}, 1.0)}

    def space(self, dataset: str) -> NB201:
        return SPACE


@pytest.fixture
def table() -> Any:
    return Published()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"name": name, "milliseconds": ms} for name, ms in (("naswot", 8.0), ("zico", 20.0))]
    summary = {"table": "nasbench201", "dataset": "cifar10", "rows": rows}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    lines = [
        "architecture,truth,naswot,zico",
        f"{SPACE.to_string(TWIN)},90.0,7.5,",
        f"{SPACE.to_string(SECOND)},91.0,8.5,2.5",
    ]
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_published_scores_go_by_our_names_and_cost_what_their_authors_paid(table: Any) -> None:
    scores = ArenaScores(table, "cifar10")
    found = scores.estimate(FIRST, "naswot")
    assert (found.value, found.seconds) == (3.0, 0.25)
    assert (scores.estimate(FIRST, "jacob_cov").value, scores.estimate(FIRST, "jacob_cov").seconds) == (-4.0, 0.0)


def test_the_scores_of_a_run_folder_come_first(table: Any, folder: Path) -> None:
    scores = ArenaScores(table, "cifar10", folder)
    found = scores.estimate(FIRST, "naswot")
    assert (found.value, found.seconds) == (7.5, 0.008)
    assert scores.estimate(SECOND, "zico").value == 2.5
    assert scores.estimate(FIRST, "jacob_cov").value == -4.0


def test_a_missing_score_has_a_reason(table: Any, folder: Path) -> None:
    assert "is published; see" in (ArenaScores(table, "cifar10").estimate(SECOND, "naswot").reason or "")
    assert "is published; see" in (ArenaScores(table, "cifar100").estimate(FIRST, "naswot").reason or "")
    here = ArenaScores(table, "cifar10", folder).estimate(FIRST, "zico").reason
    assert f"published or in {folder}" in (here or "")
    assert ArenaScores(table, "cifar10").estimate(FIRST, "eproxy:lr=1.1").value is None


def test_other_scores_have_another_digest(table: Any, folder: Path) -> None:
    digests = [ArenaScores(table, "cifar10").digest, ArenaScores(table, "cifar100").digest]
    digests.append(ArenaScores(table, "cifar10", folder).digest)
    assert ArenaScores(table, "cifar10", folder).digest == digests[2]
    text = (folder / "scores.csv").read_text()
    (folder / "scores.csv").write_text(text.replace("8.5", "8.6"))
    digests.append(ArenaScores(table, "cifar10", folder).digest)
    assert len(set(digests)) == 4


@pytest.mark.parametrize("name", ["latency_ms", "epoch_seconds", "nwot"])
def test_what_is_no_zero_cost_score_is_refused(table: Any, name: str) -> None:
    with pytest.raises(UserError, match=f"asks for {name}"):
        ArenaScores(table, "cifar10").estimate(FIRST, name)


def test_the_folder_of_another_benchmark_is_refused(table: Any, folder: Path) -> None:
    with pytest.raises(UserError, match=r"is a benchmark of nasbench201 cifar10.*--dataset cifar100"):
        ArenaScores(table, "cifar100", folder)


@pytest.mark.parametrize("text", ["", "{}", '{"table": "nasbench201"}', "[]"])
def test_a_folder_without_a_finished_benchmark_is_refused(table: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(UserError, match="holds no finished benchmark of proxies"):
        ArenaScores(table, "cifar10", tmp_path)
