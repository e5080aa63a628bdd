"""A search for another device: its profile answers for every latency."""

import json

import pytest

import nassay
from nassay.errors import InfeasibleError, UserError
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import spaces
from nassay.studies import evaluate as evaluate_module
from nassay.studies import finish as finish_module
from nassay.studies import search as search_module
from nassay.studies import study as study_module
from nassay.studies.listener import Listener
from nassay.studies.summary import summarize


class Ended:
    """Stands in for `Outcome`: the state is finished, no file is written."""

    def __init__(self, study, finish):
        self.study, self.finish = study, finish

    def write(self):
        self.study.ledger.put("state", "finished")
        return nassay.Result(self.study.folder, summarize(self.study.ledger, self.study.plan))


@pytest.fixture
def profile_file(device_form, tmp_path):
    path = tmp_path / "board.json"
    path.write_text(json.dumps(device_form()))
    return path


@pytest.fixture
def search(tmp_path, make_images, workers, monkeypatch, profile_file):
    """`nassay.search` with workers that answer by formulas; this machine's clock must not be asked."""

    def clock(space):
        pytest.fail("latency was measured on this machine")

    monkeypatch.setattr(study_module, "Executor", workers)
    monkeypatch.setattr(evaluate_module, "LatencyEstimator", clock)
    monkeypatch.setattr(search_module, "LatencyEstimator", clock)
    monkeypatch.setattr(search_module, "Outcome", Ended)
    defaults = {"space": "nb201", "strategy": "random", "evaluations": 4, "workers": 1, "device": "cpu"}

    def call(**settings):
        return nassay.search(
            make_images(60), **(defaults | {"out": tmp_path / "run", "device_profile": profile_file} | settings)
        )

    return call


def median_ms(device_form):
    rows = sorted(r["median_ms"] for r in device_form()["networks"])
    return rows[len(rows) // 2]


def test_trained_networks_keep_the_limit_as_the_profile_has_it(search, device_form, profile_file):
    limit = median_ms(device_form)
    result = search(constraints={"max_latency_ms": limit})
    best = result.summary["best"]["architecture"]  # the reference network may be ahead
    space = spaces["mobile" if best.startswith("mobile") else "nb201"].target((1, 8, 8), 3)
    (answer,) = DeviceProfile.load(profile_file).estimator(space).estimate([space.from_string(best)])
    assert answer.value <= limit
    assert result.summary["evaluations"]["latency_ms"]["failed"] == 0


def test_the_summary_names_the_device_and_its_error(search, device_form, profile_file):
    said = []

    class Hear(Listener):
        def message(self, text):
            said.append(text)

    result = search(constraints={"max_latency_ms": median_ms(device_form)}, listener=Hear())
    model = result.summary["latency_model"]
    assert (model["device"], model["n"]) == ("board", 4)
    assert result.summary["config"]["device_profile"] == DeviceProfile.load(profile_file).identity
    assert any("Latencies are those of the device board, modelled and not measured" in text for text in said)


@pytest.mark.slow
def test_a_real_search_for_a_device_says_so_in_its_files(make_images, profile_file, device_form, tmp_path, monkeypatch):
    monkeypatch.setattr(finish_module, "FINAL_EPOCHS", 1)
    limit = median_ms(device_form)
    result = nassay.search(
        make_images(60), space="nb201", strategy="random", evaluations=4, workers=1, device="cpu",
        constraints={"max_latency_ms": limit}, out=tmp_path / "run", device_profile=profile_file,
    )  # fmt: skip
    best = result.summary["best"]
    assert best["latency_ms"] <= limit
    assert (best["latency_predicted"], best["latency"]["device"]) == (True, "board")
    assert (tmp_path / "run" / "best" / "model.onnx").exists()
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Latencies are those of the device board, modelled and not measured" in page
    assert "fitted to measurements on board, not measured" in page


def test_the_run_folder_keeps_the_profile(search, profile_file, workers, tmp_path):
    workers.stop_after = 1
    with pytest.raises(KeyboardInterrupt):
        search()
    identity = DeviceProfile.load(profile_file).identity
    profile_file.unlink()
    workers.stop_after = None
    assert nassay.resume(tmp_path / "run").summary["status"] == "finished"
    assert DeviceProfile.load(tmp_path / "run" / "device.json").identity == identity


def test_another_profile_is_another_study(search, profile_file, device_form):
    search()
    profile_file.write_text(json.dumps(device_form(speed=2.0)))
    with pytest.raises(UserError, match="device_profile was board"):
        search()


def test_a_limit_that_the_device_cannot_meet_is_refused(search, tmp_path):
    with pytest.raises(InfeasibleError, match=r"the smallest network has 0\."):
        search(constraints={"max_latency_ms": 1e-4})
    assert not (tmp_path / "run").exists()


def test_a_profile_of_another_space_is_refused(search, tmp_path):
    with pytest.raises(UserError, match="measured on networks of nb201 at 1x8x8, the search is of resnet"):
        search(space="resnet")
    assert not (tmp_path / "run").exists()
