import json
import shutil

import pytest
from filelock import FileLock

from nassay.cli.runs import read_status, rewrite_report
from nassay.studies.ledger import Ledger


def test_the_status_of_a_killed_search_is_interrupted(run_folder):
    found = read_status(run_folder)
    assert found["status"] == "interrupted"
    assert (found["space"], found["strategy"]) == ("resnet", "random")
    assert found["budget"] == {"minutes": None, "evaluations": 8}
    assert found["evaluations"]["training"] == {"ok": 2, "failed": 1}
    assert (found["best"]["architecture"], found["best"]["validation_accuracy"]) == ("net-b", 0.9125)
    assert found["seconds"]["total"] == 75.0


def test_the_status_of_a_search_at_work_is_running_and_it_is_not_disturbed(run_folder):
    with FileLock(run_folder / ".lock"):
        assert read_status(run_folder)["status"] == "running"


def test_asking_leaves_the_folder_free_and_the_ledger_as_it_was(run_folder):
    before = Ledger.in_folder(run_folder).records()
    read_status(run_folder)
    rewrite_report(run_folder)
    with FileLock(run_folder / ".lock", timeout=0):
        assert Ledger.in_folder(run_folder).records() == before


def test_a_finished_search_is_finished(run_folder):
    Ledger.in_folder(run_folder).put("state", "finished")
    assert read_status(run_folder)["status"] == "finished"


def test_status_as_json_is_one_document(nassay, run_folder):
    code, out, err = nassay("status", run_folder, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(read_status(run_folder)))


def test_status_for_people(nassay, run_folder):
    code, out, err = nassay("status", run_folder)
    assert (code, err) == (0, "")
    for text in ("interrupted", "91.2", "net-b", "2 done, 1 failed", "max_params 50,000", "8 evaluations"):
        assert text in out


def test_a_report_is_written_at_any_time(run_folder):
    path, summary = rewrite_report(run_folder)
    assert path == run_folder / "report.html"
    assert "net-b" in path.read_text("utf-8")
    assert json.loads((run_folder / "summary.json").read_text()) == summary
    assert summary["status"] == "interrupted"


def test_report_as_json_is_the_summary_and_where_the_page_is(nassay, run_folder):
    code, out, err = nassay("report", run_folder, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found.pop("report") == str(run_folder / "report.html")
    assert found == json.loads((run_folder / "summary.json").read_text())


def test_report_for_people_tells_the_files(nassay, run_folder):
    code, out, err = nassay("report", run_folder)
    assert (code, err) == (0, "")
    assert "report.html" in out.replace("\n", "")


@pytest.mark.parametrize("verb", ["status", "report"])
def test_what_is_no_run_folder_is_named(nassay, tmp_path, verb):
    for folder in (tmp_path, tmp_path / "gone"):
        code, out, err = nassay(verb, folder)
        assert (code, out) == (2, "")
        assert "holds no study" in err
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("verb", ["status", "report"])
def test_a_search_without_evaluations_yet(nassay, run_folder, verb):
    (run_folder / "study.sqlite").unlink()
    code, _, err = nassay(verb, run_folder)
    assert code == 2
    assert "holds no evaluations yet" in err
    assert not (run_folder / "study.sqlite").exists()


def test_a_damaged_ledger_is_named(nassay, run_folder):
    (run_folder / "study.sqlite").write_bytes(b"damaged" * 1000)
    code, out, err = nassay("status", run_folder)
    assert (code, out) == (2, "")
    assert "study.sqlite is damaged" in err


def test_a_copied_folder_can_be_read(run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "copy")
    assert read_status(tmp_path / "copy")["evaluations"] == read_status(run_folder)["evaluations"]
