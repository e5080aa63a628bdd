import json
import sqlite3
from pathlib import Path

import pytest

import nassay
from nassay.errors import InfeasibleError, StudyBusyError, StudyStoppedError, UserError
from nassay.strategies import adaptation
from nassay.studies import evaluate as evaluate_module
from nassay.studies import search as search_module
from nassay.studies import study as study_module
from nassay.studies.listener import Listener
from nassay.studies.plan import locked
from nassay.studies.summary import summarize


@pytest.fixture
def search(tmp_path, make_images, workers, meter, monkeypatch):
    """`nassay.search` on small arrays with workers that answer by formulas, up to where files would be written."""
    monkeypatch.setattr(study_module, "Executor", workers)
    monkeypatch.setattr(evaluate_module, "LatencyEstimator", meter)
    monkeypatch.setattr(search_module, "Outcome", lambda study, finish: Written(study))
    defaults = {"space": "nb201", "strategy": "random", "evaluations": 4, "workers": 1, "device": "cpu"}

    def call(data=None, **settings):
        settings = defaults | {"out": tmp_path / "run"} | settings
        return nassay.search(make_images(60) if data is None else data, **settings)

    return call


class Written:
    """Stands in for `Outcome`: the state is finished, no file is written."""

    def __init__(self, study):
        self.study = study

    def write(self):
        self.study.ledger.put("state", "finished")
        return nassay.Result(self.study.folder, summarize(self.study.ledger, self.study.plan))


def plan_of(folder):
    return json.loads((folder / "plan.json").read_text())


def test_without_a_budget_it_is_ten_minutes(search, tmp_path):
    search(evaluations=None)
    assert (plan_of(tmp_path / "run")["minutes"], plan_of(tmp_path / "run")["evaluations"]) == (10, None)


def test_settings_become_the_plan(search, tmp_path):
    search(constraints={"max_params": 10**6}, seed=3, minutes=None, image_shape=(1, 8, 8))
    plan = plan_of(tmp_path / "run")
    assert plan["constraints"] == {
        **dict.fromkeys(["max_latency_ms", "max_macs", "max_peak_memory_bytes"]),
        "max_params": 10**6,
    }
    assert (plan["seed"], plan["source"], plan["image_shape"], plan["device"]) == (3, "arrays", [1, 8, 8], "cpu")


def test_by_default_the_folder_belongs_to_the_settings(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = search(out=None), search(out=None, seed=1)
    assert first.folder.parent == second.folder.parent == Path("runs")
    assert first.folder != second.folder
    assert search(out=None).folder == first.folder


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "tpu"}, "device must be auto, cpu or cuda, found 'tpu'"),
        ({"space": "mobil"}, "Did you mean mobile"),
        ({"strategy": "cascad"}, "Did you mean cascade"),
        ({"minutes": 0}, "minutes must be positive"),
        ({"evaluations": -1}, "evaluations must be positive"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"constraints": {"max_params": 0}}, "max_params must be positive"),
        ({"constraints": {"max_weight": 1}}, "Unknown limits"),
        ({"data": "digist"}, "digits"),
        ({"data": "/no/such/folder"}, "/no/such/folder"),
        ({"image_shape": (1, 0, 8)}, "image"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(search, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        search(**settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [{"max_params": 10}, {"max_macs": 10}, {"max_latency_ms": 1e-5}])
def test_limits_that_nothing_meets_are_refused_before_anything_is_written(search, tmp_path, limit):
    with pytest.raises(InfeasibleError, match=r"but the smallest network has [\d.,e-]+"):
        search(constraints=limit)
    assert list(tmp_path.iterdir()) == []


def test_a_study_at_work_is_not_measured_against_its_limits_again(search, workers, monkeypatch):
    """A latency limit that the smallest network just keeps must not stop a study that is given again."""
    settings = {"constraints": {"max_params": 10**6}}
    workers.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        search(**settings)
    workers.stop_after = None
    monkeypatch.setattr(search_module, "check_reachable", lambda plan, task: pytest.fail("measured again"))
    assert search(**settings).summary["status"] == "finished"


def test_a_folder_that_is_held_is_refused(search, tmp_path):
    with locked(tmp_path / "run"), pytest.raises(StudyBusyError):
        search()


def test_an_interrupted_study_has_summary_and_report_and_goes_on(search, workers, tmp_path):
    workers.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        search()
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "stopped"
    assert summary["evaluations"]["training"] == {"ok": 2, "failed": 0}
    assert (tmp_path / "run" / "report.html").stat().st_size > 0
    workers.stop_after = None
    assert search().summary["status"] == "finished"
    assert len({repr(job) for job in workers.jobs}) == len(workers.jobs)


def test_a_study_that_goes_on_is_running_again(search, workers, tmp_path):
    workers.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        search()
    states = []

    class Peek(Listener):
        def progress(self, *numbers):
            states.append(json.loads(setting(tmp_path / "run", "state")))

    workers.stop_after = None
    search(listener=Peek())
    assert set(states) == {"running"}


def setting(folder, key):
    with sqlite3.connect(folder / "study.sqlite") as connection:
        return connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()[0]


def test_an_error_of_the_system_says_that_the_same_command_goes_on(search, workers, tmp_path, monkeypatch):
    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Written, "write", full)
    with pytest.raises(StudyStoppedError, match=r"No space left on device.*give the same command again"):
        search()
    monkeypatch.undo()
    assert (tmp_path / "run" / "plan.json").exists()


def test_a_report_that_cannot_be_written_does_not_hide_why_the_study_stops(search, workers, monkeypatch):
    def full(study, *, finished):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(search_module, "write_summary_and_report", full)
    workers.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        search()


def test_resume_needs_the_folder_alone(search, workers, tmp_path):
    workers.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        search(seed=5)
    workers.stop_after = None
    result = nassay.resume(tmp_path / "run")
    assert (result.summary["status"], result.summary["seed"]) == ("finished", 5)
    assert result.summary["resumes"] == 1


def test_resume_of_what_is_no_study(tmp_path):
    with pytest.raises(UserError, match="holds no study"):
        nassay.resume(tmp_path)


# A finished one, for real ------------------------------------------------------------------------------------------


def without_time(summary):
    return {k: v for k, v in summary.items() if k != "seconds"}


def test_a_finished_study_is_given_back_as_it_is(finished, make_images):
    settings = {"space": "resnet", "strategy": "random", "evaluations": 4, "workers": 1, "device": "cpu"}
    again = nassay.search(make_images(60), **settings, out=finished.folder)
    assert without_time(again.summary) == without_time(finished.summary)
    assert without_time(nassay.resume(finished.folder).summary) == without_time(finished.summary)


def test_other_settings_or_data_in_a_finished_folder_are_refused(finished, make_images):
    settings = {"space": "resnet", "strategy": "random", "evaluations": 4, "workers": 1, "device": "cpu"}
    with pytest.raises(UserError, match="seed was 0, now 1"):
        nassay.search(make_images(60), **settings, out=finished.folder, seed=1)
    with pytest.raises(UserError, match="The data has changed"):
        nassay.search(make_images(60, seed=1), **settings, out=finished.folder)


# How the cascade adapts -----------------------------------------------------------------------------------------


def test_how_it_adapts_is_part_of_the_plan(search, tmp_path):
    search(strategy="cascade", adapt="none")
    assert plan_of(tmp_path / "run")["adapt"] == "none"
    with pytest.raises(UserError, match="another study .adapt was none, now influence"):
        search(strategy="cascade")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"adapt": "dsp", "strategy": "cascade"}, "adapt must be none, influence or dps, found 'dsp'"),
        ({"adapt": "dps", "strategy": "random"}, "The strategy random has no phase adapt"),
    ],
)
def test_what_cannot_adapt_is_told(search, settings, message):
    with pytest.raises(UserError, match=message):
        search(**settings)


def test_a_folder_of_before_there_was_a_choice_goes_on(search, tmp_path):
    search(strategy="cascade")
    path = tmp_path / "run" / "plan.json"
    plan = plan_of(tmp_path / "run")
    del plan["adapt"]
    path.write_text(json.dumps(plan))
    assert search(strategy="cascade").summary["status"] == "finished"


@pytest.mark.slow
def test_the_recipe_found_is_in_the_summary_and_a_replay_finds_it_again(search, tmp_path, monkeypatch):
    monkeypatch.setattr(adaptation, "MOST_RECIPES", 8)
    first = search(strategy="cascade", adapt="dps", evaluations=16).summary
    told = first["adapted"]
    assert {"proxy", "recipe", "trusted", "expected_rho", "plain_rho", "concordance", "labelled"} <= set(told)
    assert told["labelled"] >= 8
    assert not any(":" in gap["estimator"] for gap in first["gaps"])
    assert [name for name in first["evaluations"] if name.startswith("eproxy")] == ["eproxy"]
    with sqlite3.connect(tmp_path / "run" / "study.sqlite") as ledger:
        rows = ledger.execute("select count(*) from evaluations").fetchone()
        ledger.execute("delete from settings where key in ('state', 'adapted')")
    ledger.close()
    again = search(strategy="cascade", adapt="dps", evaluations=16).summary
    assert again["adapted"] == told
    with sqlite3.connect(tmp_path / "run" / "study.sqlite") as ledger:
        assert ledger.execute("select count(*) from evaluations").fetchone() == rows
    ledger.close()
