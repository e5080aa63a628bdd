"""A benchmark of strategies in this process: workers answer here; a smaller space stands in for a table."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.tables.base import Table
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Architecture, Space
from nassay.strategies import strategies
from nassay.strategies.base import Plan, Request, Strategy
from nassay.studies import arena, bench_folder
from nassay.studies.arena_bench import bench_search
from nassay.studies.arena_worker import ArenaWorker


class Here:
    """Stands in for `Executor`: its worker answers in this process, through JSON; after `stop_after` it is stopped."""

    jobs: list[Any] = []
    stop_after: int | None = None

    def __init__(self, *arguments: Any) -> None:
        assert arguments[4] == "nassay.studies.arena_worker"
        self._worker = ArenaWorker()

    def run(self, jobs: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        for i, job in enumerate(jobs):
            if self.stop_after is not None and len(self.jobs) >= self.stop_after:
                raise KeyboardInterrupt
            self.jobs.append(job)
            yield i, json.loads(json.dumps(self._worker.answer(job)))

    def close(self) -> None:
        pass


@pytest.fixture
def here(tmp_path: Path, toy: Space, toy_table: Callable[..., Table], monkeypatch: pytest.MonkeyPatch) -> type[Here]:
    """A table of all 81 networks of a toy space of four choices; accuracies are sums of terms and noise."""

    class Small(type(toy)):  # type: ignore[misc]
        options = (3,) * 4

    space, rng = Small(), np.random.default_rng(0)
    networks = [Architecture("toy", choices) for choices in product(range(3), repeat=4)]
    valid = [50.0 + 10 * a.choices[0] - 5 * a.choices[2] + float(rng.normal()) for a in networks]
    columns = {
        "valid": valid,
        "test": [v + float(rng.normal()) for v in valid],
        "seconds": [100.0 + i for i in range(len(valid))],
    }
    series = {
        name: [Series(name, "accuracy", "percent", split, split, 100) for split in ("valid", "test")]
        for name in ("pixels", "more")
    }
    series["pixels"].append(Series("pixels", "train_seconds", "seconds", "seconds", epochs=100))
    table = toy_table(tmp_path, space, networks, columns, series)
    monkeypatch.setattr(arena, "open_table", lambda name: table)
    monkeypatch.setattr(bench_folder, "Executor", Here)
    monkeypatch.setattr(Here, "jobs", [])
    monkeypatch.setattr(Here, "stop_after", None)
    monkeypatch.chdir(tmp_path)
    return Here


def run(out: Path, **changes: Any) -> Any:
    settings = {"strategies": "random,evolution", "seeds": 3, "evaluations": 12, "workers": 1} | changes
    return bench_search("tiny", out=out, **settings)


def without_prices(summary: dict[str, Any]) -> dict[str, Any]:
    return summary | {"rows": [row | {"wall_seconds": 0} for row in summary["rows"]]}


def test_everything_is_written(here: type[Here], tmp_path: Path) -> None:
    result = run(tmp_path / "run", simulate_time=True)
    names = {p.name for p in result.folder.iterdir()}
    assert names >= {"summary.json", "curves.csv", "report.html", "study.sqlite"}
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary == json.loads(json.dumps(result.summary))
    assert (summary["table"], summary["dataset"], summary["networks"]) == ("tiny", "pixels", 81)
    assert summary["references"] == ["random", "evolution"]
    assert summary["curves"]["points"] == list(range(1, 13))
    with (result.folder / "curves.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["over"] == "evaluations"]
    assert len(lines) == 2 * 12
    last = {line["strategy"]: float(line["mean"]) for line in lines if line["budget"] == "12.0"}
    assert last == pytest.approx({row["name"]: row["regret"] for row in summary["rows"]}, abs=1e-5)
    assert "Strategies on tiny, pixels" in (result.folder / "report.html").read_text()


def test_the_same_command_races_nothing_and_says_the_same(here: type[Here], tmp_path: Path) -> None:
    first, again = run(tmp_path / "run"), run(tmp_path / "run")
    assert len(here.jobs) == 6
    assert again.summary == first.summary


def test_another_strategy_and_more_seeds_race_alone(here: type[Here], tmp_path: Path) -> None:
    run(tmp_path / "run", seeds=2)
    joined = run(tmp_path / "run", strategies=["evolution", "local_search"])
    paid = [(job["strategy"], job["seed"]) for job in here.jobs[4:]]
    assert paid == [("random", 2), ("evolution", 2), ("local_search", 0), ("local_search", 1), ("local_search", 2)]
    fresh = run(tmp_path / "fresh", strategies=["evolution", "local_search"])
    assert without_prices(joined.summary) == without_prices(fresh.summary)


def test_what_was_stopped_goes_on(here: type[Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "stop_after", 4)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run")
    monkeypatch.setattr(here, "stop_after", None)
    stopped = run(tmp_path / "run")
    assert len(here.jobs) == 6
    assert without_prices(stopped.summary) == without_prices(run(tmp_path / "fresh").summary)


def test_races_of_another_length_are_other_races(here: type[Here], tmp_path: Path) -> None:
    run(tmp_path / "run")
    assert len(run(tmp_path / "run", evaluations=8).summary["curves"]["points"]) == 8
    assert len(here.jobs) == 12


def test_races_with_other_scores_to_see_are_other_races(
    here: type[Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(tmp_path / "run")
    monkeypatch.setattr(arena.ArenaScores, "digest", "another")
    again = run(tmp_path / "run")
    assert len(here.jobs) == 12
    assert without_prices(again.summary) == without_prices(first.summary)


def test_scores_that_are_not_there_are_told(here: type[Here], tmp_path: Path) -> None:
    """All 81 networks are the pool, which three proxies are asked about; nobody has scored them."""
    summary = run(tmp_path / "run", strategies="proxybo", seeds=1).summary
    asked = {row["name"]: (row["asked"], row["unanswered"]) for row in summary["rows"]}
    every = {"jacob_cov": 81.0, "snip": 81.0, "synflow": 81.0}
    assert asked == {"proxybo": (every, every), "random": ({}, {})}
    assert "proxybo: no snip score for 81.0 of 81.0, per race." in (tmp_path / "run" / "report.html").read_text()


def test_who_knows_the_table_is_named(here: type[Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "trained on" not in " ".join(run(tmp_path / "run").summary["rules"])
    monkeypatch.setitem(strategies["evolution"].info, "trained_on", ("tiny",))
    assert run(tmp_path / "run").summary["rules"][-1].startswith("evolution was trained on accuracies of tiny:")


def test_a_strategy_that_cannot_race_is_named_and_the_others_are_judged(
    here: type[Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Strategy):
        def plan(self) -> Plan:
            yield [Request(self.problem.space.smallest(), "latency_ms")]
            return []

    real = type(strategies).__getitem__
    slow = type("Entry", (), {"target": Slow})()
    monkeypatch.setattr(type(strategies), "__getitem__", lambda self, n: slow if n == "slow" else real(self, n))
    result = run(tmp_path / "run", strategies="slow")
    assert [row["name"] for row in result.summary["rows"]] == ["random"]
    assert "asks for latency_ms" in result.summary["failed"]["slow"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategies": "evolutio"}, "Did you mean evolution"),
        ({"seeds": 0}, "found 0"),
        ({"evaluations": 3}, "4 evaluations"),
        ({"workers": 0}, "At least one worker"),
        ({"dataset": "more", "simulate_time": True}, "leave out --simulate-time"),
        ({"scores": "nowhere"}, "holds no finished benchmark of proxies"),
    ],
)
def test_bad_input_leaves_nothing(here: type[Here], tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_proxies_is_refused(here: type[Here], tmp_path: Path) -> None:
    class Proxies(bench_folder.BenchFolder):
        kind, program = "proxies", "none"

    with Proxies(tmp_path / "run", 1):
        pass
    with pytest.raises(UserError, match="a benchmark of proxies, not of strategies"):
        run(tmp_path / "run")
