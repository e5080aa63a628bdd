"""Wrong input to `nassay search`: exit code 2, one message, no traceback, nothing left behind."""

import json

import numpy as np
import pytest
from PIL import Image

from nassay.errors import NassayError
from nassay.studies import search as search_module


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test in a folder of its own; a search that comes so far as to begin ends at once."""

    def begin(*arguments, **settings):
        raise NassayError("the search begins")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(search_module, "Study", begin)
    return tmp_path


def pictures(folder, counts, size=(8, 8)):
    """A folder of class folders with so many JPEGs each."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(folder / name / f"{i}.jpg")
    return folder


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def archive(path, **arrays):
    np.savez(path, **arrays)
    return path


def noise(n=30):
    return np.random.default_rng(0).integers(0, 255, (n, 1, 8, 8)).astype(np.uint8), np.arange(n) % 3


# The images ----------------------------------------------------------------------------------------------------------


def test_no_such_path(refused):
    assert "no/such/photos" in refused("no/such/photos")


def test_an_unknown_data_set_is_told_the_nearest(refused):
    assert "digits" in refused("digist")


def test_no_images(refused, here):
    (here / "photos" / "cats").mkdir(parents=True)
    (here / "photos" / "cats" / "notes.txt").write_text("none")
    assert "photos" in refused("photos")


def test_one_class(refused, here):
    pictures(here / "photos", {"cat": 6})
    assert "a single class, cat" in refused("photos")


def test_a_class_with_one_image(refused, here):
    pictures(here / "photos", {"cat": 6, "dog": 6, "emu": 1})
    message = refused("photos")
    assert "emu (1)" in message
    assert "at least 3 training images" in message


def test_a_truncated_image_is_named_skipped_and_counted(nassay, here):
    folder = pictures(here / "photos", {"cat": 20, "dog": 20})
    truncate(folder / "dog" / "7.jpg")
    code, _, err = nassay("search", folder, "--out", "run")
    assert code == 1  # it went on
    assert "the search begins" in err
    message = " ".join(err.split())
    assert "7.jpg" in message
    assert "1 of 40" in message or "1 image" in message


def test_more_than_a_few_truncated_images_are_an_error(refused, here):
    folder = pictures(here / "photos", {"cat": 20, "dog": 20})
    for i in range(3):
        truncate(folder / "dog" / f"{i}.jpg")
    message = refused("photos")
    assert "0.jpg" in message
    assert "3" in message


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": noise()[0], "y": noise()[1][:-1]}, "one label for each image, found 30 in x and 29 in y"),
        ({"x": noise()[0].astype(np.float32) * np.nan, "y": noise()[1]}, "30 of 30 images contain NaN"),
        ({"x": noise()[0], "y": np.arange(30) / 7}, "labels must be whole numbers or strings"),
        ({"x": noise()[0], "y": np.eye(3)[noise()[1]]}, "argmax"),
        ({"x": noise()[0][:0], "y": noise()[1][:0]}, "there are no images"),
        ({"x": noise()[0], "y": np.zeros(30, int)}, "class"),
        ({"pixels": noise()[0]}, "no images under a known name"),
        ({"x": noise()[0]}, "not their labels"),
    ],
)
def test_arrays_that_do_not_fit(refused, here, arrays, message):
    archive(here / "mine.npz", **arrays)
    assert message in refused("mine.npz")


def test_an_archive_that_is_none(refused, here):
    (here / "mine.npz").write_bytes(b"no archive")
    assert "mine.npz cannot be read" in refused("mine.npz")


def test_objects_are_not_unpickled(refused, here):
    archive(here / "mine.npz", x=noise()[0], y=np.array([{}] * 30, dtype=object))
    assert "mine.npz cannot be read" in refused("mine.npz")


# Budgets, limits and names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--minutes 0", "minutes must be positive, found 0"),
        ("--minutes -3", "minutes must be positive, found -3"),
        ("--minutes nan", "minutes must be positive, found nan"),
        ("--minutes inf", "minutes must be finite"),
        ("--minutes 0.01", "Give half a minute or more"),
        ("--evaluations 0", "evaluations must be positive, found 0"),
        ("--evaluations -1", "evaluations must be positive, found -1"),
        ("--evaluations 2", "evaluations must be at least 4"),
        ("--workers 0", "Invalid value for '--workers'"),
        ("--workers -1", "Invalid value for '--workers'"),
        ("--max-latency-ms 0", "max_latency_ms must be positive, found 0"),
        ("--max-params -5", "max_params must be positive, found -5"),
        ("--max-macs 0", "max_macs must be positive"),
        ("--max-peak-memory-bytes 0", "max_peak_memory_bytes must be positive"),
        ("--seed -1", "Invalid value for '--seed'"),
        ("--space mobil", "Did you mean mobile"),
        ("--strategy casc", "Did you mean cascade"),
        ("--device tpu", "device must be auto, cpu or cuda, found 'tpu'"),
        ("--image-shape 8x8", "CxHxW"),
        ("--nope", "No such option: --nope"),
    ],
)
def test_settings_that_cannot_be(refused, words, message):
    assert message in refused("digits", "--out", "run", *words.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--max-params 10", r"max_params = 10 parameters, but the smallest network has"),
        ("--max-macs 10", r"max_macs = 10 MACs, but the smallest network has"),
        ("--max-latency-ms 0.00001", r"max_latency_ms = 1e-05 ms, but the smallest network has 0."),
        ("--max-params 10 --max-macs 10", "max_macs = 10 MACs"),
    ],
)
def test_limits_that_nothing_meets_are_told_what_is_reachable(refused, words, message):
    assert message in refused("digits", "--space", "nb201", "--out", "run", *words.split())


# The run folder ------------------------------------------------------------------------------------------------------


def test_a_folder_of_other_things_is_left_alone(nassay, here):
    (here / "thesis").mkdir()
    (here / "thesis" / "thesis.tex").write_text("precious")
    code, out, err = nassay("search", "digits", "--out", "thesis")
    assert (code, out) == (2, "")
    assert "not empty and holds no study" in " ".join(err.split())
    assert (here / "thesis" / "thesis.tex").read_text() == "precious"
    assert not (here / "thesis" / "plan.json").exists()


def test_a_folder_that_cannot_be_made(nassay, here):
    (here / "file").write_text("")
    code, out, err = nassay("search", "digits", "--out", "file/run")
    assert (code, out) == (4, "")
    assert "The run folder file/run cannot be written" in err


def test_what_holds_no_study_cannot_be_resumed(nassay, here):
    code, out, err = nassay("search", "--resume", "gone")
    assert (code, out) == (2, "")
    assert "gone holds no study" in err
    assert not (here / "gone").exists()


def test_another_command_on_a_folder_is_told_what_differs(nassay, here):
    assert nassay("search", "digits", "--out", "run", "--evaluations", "8")[0] == 1
    plan = json.loads((here / "run" / "plan.json").read_text())
    code, _, err = nassay("search", "digits", "--out", "run", "--evaluations", "8", "--max-params", "9000")
    assert code == 2
    assert "constraints was" in " ".join(err.split())
    assert "--resume run" in " ".join(err.split())
    assert json.loads((here / "run" / "plan.json").read_text()) == plan


def test_changed_images_are_refused(nassay, here):
    folder = pictures(here / "photos", {"cat": 5, "dog": 5})
    assert nassay("search", folder, "--out", "run")[0] == 1
    (folder / "dog" / "0.jpg").unlink()
    code, _, err = nassay("search", folder, "--out", "run")
    assert code == 2
    assert "The data has changed" in err


@pytest.mark.parametrize(
    ("strategy", "space", "message"),
    [
        ("darts", "mobile", "mixes options"),
        ("spos", "nb101", "nb101"),
        ("netadapt_v2", "nb201", "have no sizes"),
        ("tg_nas", "mobile", "are chains of blocks"),
    ],
)
def test_a_strategy_that_cannot_search_a_space(refused, strategy, space, message):
    assert message in refused("digits", "--strategy", strategy, "--space", space)


@pytest.mark.parametrize("strategy", ["spos", "darts", "netadapt_v2", "tg_nas", "opanas", "p_darts"])
def test_a_strategy_can_search_its_own_space(nassay, strategy):
    code, _, err = nassay("search", "digits", "--strategy", strategy, "--evaluations", "4", "--out", "run")
    assert (code, "the search begins" in err) == (1, True)
