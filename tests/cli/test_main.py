import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nassay.cli import main
from nassay.errors import StudyBusyError, StudyStoppedError, UserError
from nassay.studies import search as search_module
from nassay.studies.outcome import Result

LIBRARYS = inspect.signature(search_module.search).parameters
VERBS = ("search", "profile", "score", "status", "report", "list")


def test_without_words_the_verbs_are_shown(nassay):
    code, out, err = nassay()
    assert code in (0, 2)
    assert all(verb in out + err for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_json_and_the_exit_codes(nassay, verb):
    code, out, err = nassay(verb, "--help")
    assert (code, err) == (0, "")
    assert "--json" in out
    assert "3 another command works on the run folder" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["serach"], "No such command 'serach'"),
        (["search", "digits", "--max-latncy-ms", "4"], "No such option: --max-latncy-ms"),
        (["search", "digits", "--max-params", "many"], "Invalid value for '--max-params'"),
        (["search", "digits", "--seed", "-1"], "Invalid value for '--seed'"),
        (["profile", "resnet", "--samples", "0"], "Invalid value for '--samples'"),
        (["score", "model.py:f", "--batch", "0"], "Invalid value for '--batch'"),
        (["list"], "Missing argument"),
    ],
)
def test_wrong_words_are_named(nassay, words, message):
    code, out, err = nassay(*words)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("words", [["search"], ["search", "digits", "--resume", "runs/a"]])
def test_a_search_is_of_images_or_goes_on(nassay, words):
    code, out, err = nassay(*words)
    assert (code, out) == (2, "")
    assert err.strip() == "nassay: Give the images, or --resume RUN_FOLDER: exactly one of them."


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What `nassay search` hands to the library, which is not called."""
    calls = {}

    def keep(data=None, **settings):
        calls.update(settings, data=data)
        return Result(tmp_path / "run", {"best": None, "gaps": []})

    monkeypatch.setattr(search_module, "search", keep)
    monkeypatch.setattr(search_module, "resume", keep)
    return calls


def test_every_option_reaches_the_search(nassay, asked):
    words = (
        "search photos --task depth --space nb201 --strategy random --max-latency-ms 4 --max-params 5 --max-macs 6 "
        "--max-peak-memory-bytes 7 --minutes 2.5 --evaluations 8 --out runs/a --seed 9 --workers 3 --device cpu "
        "--image-shape 3x32x48 --adapt none --device-profile board.json --json"
    )
    code, out, _ = nassay(*words.split())
    assert code == 0
    assert json.loads(out)["folder"].endswith("run")
    limits = asked.pop("constraints")
    assert (limits.max_latency_ms, limits.max_params, limits.max_macs, limits.max_peak_memory_bytes) == (4, 5, 6, 7)
    assert asked.pop("listener") is not None
    assert asked.pop("started") == main.STARTED
    assert asked == {
        "data": "photos",
        "task": "depth",
        "space": "nb201",
        "strategy": "random",
        "minutes": 2.5,
        "evaluations": 8,
        "out": Path("runs/a"),
        "seed": 9,
        "workers": 3,
        "device": "cpu",
        "image_shape": (3, 32, 48),
        "adapt": "none",
        "device_profile": Path("board.json"),
    }


def test_defaults_are_the_librarys(nassay, asked):
    assert nassay("search", "digits", "--json")[0] == 0
    asked.pop("constraints")
    given = {k: v for k, v in asked.items() if k not in ("data", "listener", "started")}
    assert given == {k: LIBRARYS[k].default for k in given}


def test_resume_takes_a_folder(nassay, asked):
    assert nassay("search", "--resume", "runs/a", "--json")[0] == 0
    assert asked["data"] == Path("runs/a")


def test_options_that_a_resumed_study_would_ignore_are_refused(nassay, asked):
    code, out, err = nassay("search", "--resume", "runs/a", "--minutes", "5", "--seed", "0")
    assert (code, out, asked) == (2, "", {})
    assert "--minutes, --seed would be ignored" in " ".join(err.split())


@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError("the limit"), 2), (StudyBusyError("held"), 3), (StudyStoppedError("full disk"), 4)],
)
def test_an_error_is_one_message_and_its_exit_code(nassay, monkeypatch, error, code):
    def fail(*arguments, **settings):
        raise error

    monkeypatch.setattr(search_module, "search", fail)
    found, out, err = nassay("search", "digits", "--json")
    assert (found, out) == (code, "")
    assert err.strip() == f"nassay: {error}"


INTERRUPTS = {
    "nassay.studies.search.search": ("search digits", "Interrupted. The same command continues the search."),
    "nassay.studies.proxy_bench.bench_proxies": (
        "bench proxies --table embedded",
        "Interrupted. The same command continues the benchmark.",
    ),
    "nassay.studies.recipe_search.search_on_table": (
        "dps --table embedded",
        "Interrupted. The same command continues the search.",
    ),
    "nassay.studies.supernet_gap.measure_supernet": (
        "gap supernet digits",
        "Interrupted. The same command continues the measurement.",
    ),
    "nassay.studies.device_kit.write_kit": ("device kit --out kit", "Interrupted."),
    "nassay.cli.profile.profile_space": ("profile nb201", "Interrupted."),
}


@pytest.mark.parametrize("called", INTERRUPTS)
def test_an_interrupt_is_130_and_says_whether_the_same_command_goes_on(nassay, monkeypatch, called):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(called, interrupt)
    words, message = INTERRUPTS[called]
    code, out, err = nassay(*words.split())
    assert (code, out, err.strip()) == (130, "", f"nassay: {message}")


def test_a_defect_keeps_its_traceback(nassay, monkeypatch):
    def defect(*arguments, **settings):
        raise ZeroDivisionError

    monkeypatch.setattr(search_module, "search", defect)
    with pytest.raises(ZeroDivisionError):
        nassay("search", "digits")


def test_a_reader_that_leaves_is_no_defect():
    process = subprocess.Popen(
        [sys.executable, "-m", "nassay", "list", "spaces", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 1)


def test_help_needs_no_torch():
    script = "import sys, nassay.cli.main; print(sorted({'torch', 'numpy', 'onnx', 'plotly'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"
