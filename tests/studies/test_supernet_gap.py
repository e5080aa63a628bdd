"""A study of super-networks: what it trains, what it resumes, what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from nassay.errors import NassayError, UserError
from nassay.estimators.base import Fidelity
from nassay.spaces.base import Architecture
from nassay.spaces.cell64 import Cell64
from nassay.spaces.resnet import ResNet
from nassay.studies import supernet_gap, supernet_process
from nassay.studies.plan import save_task
from nassay.studies.supernet_gap import measure_supernet, size_classes
from nassay.studies.supernet_process import SupernetBench, answer
from nassay.tasks.base import Task


@pytest.fixture
def measured(workers: Any, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The study, by workers that answer by formulas, in tmp_path / "run"."""

    class Workers(workers):
        lost = staticmethod(lambda seed: None)  # which architecture inherits no value

        def answer(self, job: dict[str, Any]) -> Any:
            if type(self).fails(job):
                return {"value": None, "reason": "it is told to fail", "seconds": 1.0, "details": {}}
            if job["kind"] == "alone":
                value = 0.5 + 0.01 * sum(job["choices"]) + 0.001 * int(job["rule"]) * job["choices"][0]
                return {"value": value, "reason": None, "seconds": 1.0, "details": {}}
            seed = int(job["rule"].partition("@")[2])
            row = np.random.default_rng(seed).uniform(size=6).round(6).tolist()
            lost = type(self).lost(seed)
            row = [None if i == lost else value for i, value in enumerate(row)]
            details = {
                "inherited": row,
                "plain": row[::-1],
                "epochs": {"1": row},
                "window": [row, row],
                "update_counts": [[1, 2]],
                "mixture": None,
                "discretised": None,
            }
            return {"value": 0.5, "reason": None, "seconds": 1.0, "details": details}

    monkeypatch.setattr(supernet_gap, "Executor", Workers)

    def study(**options: Any) -> Any:
        wanted = {"space": "cell64", "architectures": 6, "seeds": 2, "out": tmp_path / "run", "workers": 1}
        return measure_supernet(task, **wanted | options)

    study.workers = Workers
    return study


def test_architectures_are_trained_alone_twice_and_super_networks_once_a_seed(measured: Any, tmp_path: Path) -> None:
    result = measured()
    jobs = [(j["kind"], j["rule"]) for j in measured.workers.jobs]
    assert sorted(jobs) == [("alone", "0")] * 6 + [("alone", "1")] * 6 + [
        ("supernet", "spos@0"),
        ("supernet", "spos@1"),
    ]
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == json.loads(json.dumps(result.summary))
    assert "Rank gap" in (tmp_path / "run" / "report.html").read_text()
    mean = np.mean(result.summary["alone"], axis=0)
    expected = [kendalltau(row, mean).statistic for row in result.summary["inherited"]]
    assert result.summary["recalibrated"]["taus"] == pytest.approx(expected)
    assert (result.summary["n"], result.summary["seeds"], result.summary["unfairness"]) == (6, 2, 1)


def test_more_seeds_pay_only_for_what_is_new(measured: Any) -> None:
    measured()
    assert measured(seeds=3).summary["seeds"] == 3
    assert len(measured.workers.jobs) == 14 + 1


def test_architectures_that_failed_alone_are_left_out_everywhere(measured: Any) -> None:
    failing: list[Any] = []
    measured.workers.fails = staticmethod(
        lambda job: job["kind"] == "alone" and (failing.append(job["choices"]) or job["choices"] == failing[0])
    )
    summary = measured().summary
    assert summary["n"] == 5 == len(summary["architectures"]) == len(summary["inherited"][0])


def test_an_architecture_that_inherits_no_value_is_left_out_everywhere(measured: Any, tmp_path: Path) -> None:
    """The second in the first super-network, and by `plain`, which is in reverse order, the fifth."""
    measured.workers.lost = staticmethod(lambda seed: 1 if seed == 0 else None)
    summary = measured().summary
    assert (
        summary["n"] == 4 == len(summary["architectures"]) == len(summary["inherited"][0]) == len(summary["alone"][0])
    )
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["n"] == 4


def test_without_a_super_network_there_is_nothing_to_compare(measured: Any) -> None:
    measured.workers.fails = staticmethod(lambda job: job["kind"] == "supernet")
    with pytest.raises(NassayError, match="6 architectures have a value alone .*, of which 0 ended"):
        measured()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"architectures": 3}, "At least 4 architectures"),
        ({"seeds": 0}, "one seed"),
        ({"epochs": 0}, "positive epochs"),
        ({"workers": 0}, "one worker"),
        ({"method": "dart"}, "Did you mean darts"),
        ({"space": "nb101"}, "has no super-network"),
        ({"method": "sandwich"}, "options of 'cell64' have no sizes"),
        ({"space": "mobile", "method": "darts"}, "those of 'mobile' are sizes"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    measured: Any, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        measured(**options)
    assert not (tmp_path / "run").exists()


def test_networks_are_classed_by_depth_and_width() -> None:
    """Four stages of one to four blocks; five widths, the stem's of four options, the stages' of six."""
    space = ResNet((1, 8, 8), 4)
    found = [
        Architecture("resnet", (0, *(0, 0, 1, 1) * 4)),
        Architecture("resnet", (3, *(3, 5, 0, 0) * 4)),
        Architecture("resnet", (3, *(1, 0, 0, 0) * 3, 0, 5, 0, 0)),  # depth 3 / 12, widths (1 + 0 + 0 + 0 + 1) / 5
    ]
    assert size_classes(space, found) == {"depth": [0, 8, 2], "width": [0, 8, 3]}
    assert size_classes(Cell64(), [Architecture("cell64", (0, 1, 2))]) == {}


# The worker -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(task: Task, tmp_path: Path) -> SupernetBench:
    save_task(tmp_path, task)
    plan = {"task": task.name, "seed": 0, "window": 2, "architectures": [[0, 0, 0], [1, 2, 3]]}
    return SupernetBench(tmp_path, plan)


def job_of(kind: str, rule: str, epochs: float) -> dict[str, Any]:
    bound = Fidelity(epochs=epochs)
    return {
        "kind": kind,
        "rule": rule,
        "space": "cell64",
        "choices": [0, 0, 0],
        "fidelity": {"epochs": bound.epochs, "final": kind == "alone"},
    }


def test_the_seed_of_a_stand_alone_training_is_its_own(bench: SupernetBench) -> None:
    found = [answer(bench, job_of("alone", seed, 1))["value"] for seed in ("0", "0", "1")]
    assert found[0] == found[1]
    assert not list((bench.folder / "checkpoints").glob("*"))


@pytest.mark.parametrize("method", ["fairnas", "darts"])
def test_a_super_network_is_looked_at_on_the_way_and_after_it(bench: SupernetBench, method: str) -> None:
    details = answer(bench, job_of("supernet", f"{method}@3", 1))["details"]
    assert list(details["epochs"]) == ["0.25", "0.5", "0.75", "1"]
    assert details["epochs"]["1"] == details["inherited"]
    assert np.shape(details["window"]) == (2, 2)
    assert (details["update_counts"] is None) == (method == "darts") == (details["mixture"] is not None)
    if method == "fairnas":
        assert {max(row) - min(row) for row in details["update_counts"]} == {0}


ON_THE_WAY = {"fidelity": {"epochs": 1.0, "horizon": 1.15}}


@pytest.mark.parametrize(("interrupted", "more"), [(3, 5), (6, 3)], ids=["at three quarters", "after the end"])
def test_a_super_network_that_was_killed_is_not_looked_at_twice(
    bench: SupernetBench, interrupted: int, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks: four on the way, one as it is, two after the end. What they see is what an uninterrupted run sees."""
    job = job_of("supernet", "spos@3", 1) | ON_THE_WAY
    whole = answer(bench, job)
    look, count = SupernetBench._look, 0

    def counted(*arguments: Any, **options: Any) -> list[float]:
        nonlocal count
        count += 1
        if count == interrupted:
            raise KeyboardInterrupt
        return look(*arguments, **options)

    monkeypatch.setattr(SupernetBench, "_look", counted)
    with pytest.raises(KeyboardInterrupt):
        answer(bench, job)
    again = answer(bench, job)
    assert count == interrupted + more  # what comes behind the end is done again
    assert (again["value"], again["details"]) == (whole["value"], whole["details"])
    assert not list((bench.folder / "checkpoints").glob("*"))


def test_the_search_ends_where_its_training_does(bench: SupernetBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where the cosine would come to zero: the last temperature, the whole Beta-Decay are reached."""
    made: list[Any] = []
    make = supernet_process.super_training
    monkeypatch.setattr(supernet_process, "super_training", lambda *a, **o: made.append(make(*a, **o)) or made[-1])
    answer(bench, job_of("supernet", "gdas@0", 1) | ON_THE_WAY)
    assert made[0]._done == 1.0
