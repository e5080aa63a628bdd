"""A study of reduced settings: what it trains, what it resumes, what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from nassay.errors import UserError
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.fidelity_names import fidelity_of
from nassay.spaces.base import Architecture
from nassay.studies import fidelity_gap
from nassay.studies.fidelity_gap import FIDELITIES, REFERENCE, measure_fidelities
from nassay.studies.fidelity_process import FidelityBench
from nassay.studies.gap_folder import SETTINGS
from nassay.studies.plan import save_task
from nassay.studies.worker import Bench, answer
from nassay.tasks.base import Task


@pytest.fixture
def measured(workers: Any, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The study on 60 images, by workers that answer by formulas, in tmp_path / "run"."""

    class Workers(workers):
        def answer(self, job: dict[str, Any]) -> Any:
            found = super().answer(job)
            seconds = Fidelity(**job["fidelity"]).epochs / 10
            return found | {"details": found["details"] | {"cpu_seconds": seconds, "train_seconds": seconds}}

    monkeypatch.setattr(fidelity_gap, "Executor", Workers)

    def study(**options: Any) -> Any:
        wanted = {"space": "resnet", "networks": 4, "fidelities": ["c2r0s0e4", "c0r0s1e4"], "reference": "c0r0s0e8"}
        return measure_fidelities(task, **wanted | {"out": tmp_path / "run", "workers": 1} | options)

    study.workers = Workers
    return study


def test_every_network_is_trained_at_every_setting_network_after_network(measured: Any) -> None:
    summary = measured().summary
    jobs = measured.workers.jobs[::-1]  # these workers begin with the last
    trained = [(tuple(j["choices"]), str(Fidelity(**j["fidelity"]))) for j in jobs]
    settings = [str(fidelity_of(name)) for name in ("c0r0s0e8", "c2r0s0e4", "c0r0s1e4")]
    assert [f for _, f in trained] == settings * 4
    assert len(set(trained)) == 12
    assert len({c for c, _ in trained[:3]}) == 1
    assert (summary["trained"], summary["wanted"], summary["networks"]) == (12, 12, 4)
    assert [r["setting"] for r in summary["rows"]][0] == "c0r0s0e8" == summary["reference"]
    assert [r["price"] for r in summary["rows"]] == pytest.approx([1, 0.5, 0.5])
    assert [r["planned_price"] for r in summary["rows"]] == pytest.approx([1, 0.125, 0.25])


def test_the_files_say_what_is_returned(measured: Any, tmp_path: Path) -> None:
    result = measured()
    assert json.loads((tmp_path / "run" / "summary.json").read_text()) == json.loads(json.dumps(result.summary))
    assert result.summary["findings"][0].partition("'")[0] in (tmp_path / "run" / "report.html").read_text()


def test_more_networks_and_settings_pay_only_for_what_is_new(measured: Any) -> None:
    first = measured().summary
    assert measured().summary["rows"] == first["rows"]
    assert len(measured.workers.jobs) == 12
    more = measured(networks=5, fidelities=["c2r0s0e4", "c0r2s0e4"]).summary
    assert len(measured.workers.jobs) == 12 + 4 + 3
    assert more["architectures"][:4] == first["architectures"]


def test_what_was_interrupted_goes_on(measured: Any) -> None:
    measured.workers.stop_after = 5
    with pytest.raises(KeyboardInterrupt):
        measured()
    measured.workers.stop_after = None
    summary = measured().summary
    assert len(measured.workers.jobs) == 12
    assert summary["trained"] == 12


def test_time_that_is_over_ends_with_what_there_is_and_more_time_goes_on(
    measured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity_gap.Clock, "elapsed", lambda clock: 60.0)
    summary = measured(minutes=1).summary
    assert summary["trained"] == 0 < summary["wanted"]
    assert summary["findings"] == ["No reduced setting has three networks to be ranked by."]
    assert measured(minutes=2).summary["trained"] == 12


def test_a_failed_training_is_a_hole_and_not_a_zero(measured: Any) -> None:
    measured.workers.fails = staticmethod(lambda job: job["fidelity"]["samples"] < 1)
    rows = {r["setting"]: r for r in measured().summary["rows"]}
    assert rows["c0r0s1e4"]["accuracy"] is None
    assert rows["c0r0s1e4"]["reason"]
    assert rows["c2r0s0e4"]["n"] == 4


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"networks": 2}, "At least 3 networks"),
        ({"minutes": 0}, "positive time"),
        ({"workers": 0}, "one worker"),
        ({"fidelities": ["c0r0s0e8"]}, "other than the reference"),
        ({"fidelities": ["e8"]}, "c4r4s0e60"),
        ({"fidelities": ["c0r3s0e8"]}, "images of 8 pixels at 2.8"),
        ({"space": "nowhere"}, "no space"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    measured: Any, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        measured(**options)
    assert not (tmp_path / "run").exists()


def test_a_folder_belongs_to_one_study(measured: Any, tmp_path: Path) -> None:
    measured()
    with pytest.raises(UserError, match="seed was 0, now 1"):
        measured(seed=1)
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="holds a search"):
        measured(out=tmp_path / "search")


def test_the_defaults_are_four_settings_at_a_quarter_and_four_at_a_fifteenth() -> None:
    from nassay.estimators.fidelity_names import full_epochs

    prices = [full_epochs(fidelity_of(name)) / full_epochs(fidelity_of(REFERENCE)) for name in FIDELITIES]
    assert prices == pytest.approx([0.25, 0.25, 0.25, 8 / 30, 1 / 16, 1 / 15, 1 / 15, 1 / 15])


# The worker -----------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(task: Task, tmp_path: Path) -> FidelityBench:
    save_task(tmp_path, task)
    (tmp_path / SETTINGS).write_text(json.dumps({"task": task.name, "seed": 0}))
    return FidelityBench(tmp_path, json.loads((tmp_path / SETTINGS).read_text()))


def job(network: Architecture, name: str) -> dict[str, Any]:
    fidelity = fidelity_of(name).__dict__
    return {"kind": "training", "space": network.space, "choices": list(network.choices), "fidelity": fidelity}


def test_settings_share_no_training_and_leave_no_checkpoint(bench: FidelityBench, tmp_path: Path) -> None:
    network = bench.space("resnet").smallest()
    one, two = answer(bench, job(network, "c0r0s0e1")), answer(bench, job(network, "c0r0s0e2"))
    assert [found["details"]["epochs"] for found in (one, two)] == [1, 2]
    assert min(point["epoch"] for point in two["details"]["curve"]) < 1  # from the start
    assert one["details"]["cpu_seconds"] > 0
    assert list((tmp_path / "checkpoints").iterdir()) == []
    assert answer(bench, job(network, "c0r0s0e1"))["value"] == one["value"]


def test_a_killed_training_begins_again_so_that_its_price_is_whole(
    bench: FidelityBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, fidelity = bench.space("resnet").smallest(), fidelity_of("c0r0s0e1")
    left = bench.checkpoint(network, fidelity)
    left.parent.mkdir()
    left.write_bytes(b"half of it")
    there: list[bool] = []

    def train(self: Bench, *job: Any) -> Estimate:
        there.append(left.exists())
        return Estimate.of(0.5)

    monkeypatch.setattr(Bench, "train", train)
    assert bench.train(network.space, list(network.choices), fidelity).details["cpu_seconds"] >= 0
    assert there == [False]
