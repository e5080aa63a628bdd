import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.devices import onnx_latency
from nassay.estimators.devices.onnx_latency import LatencyEstimator, measure_latency_ms
from nassay.exports.onnx import to_onnx
from nassay.spaces.base import Architecture, Space


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))


def test_a_measurement_states_how_it_was_made():
    found = measure_latency_ms(network(), (3, 8, 8), batch=2, warmup=1, runs=25)
    assert 0 < found.p10_ms <= found.p90_ms
    assert (found.batch, found.threads, found.warmup, found.provider) == (2, 1, 1, "CPUExecutionProvider")
    assert found.runs <= 25


def test_bytes_and_files_are_measured_too(tmp_path):
    model = to_onnx(network(), (3, 8, 8))
    (tmp_path / "model.onnx").write_bytes(model)
    for source in (model, tmp_path / "model.onnx"):
        assert measure_latency_ms(source, (3, 8, 8), runs=10).runs == 10


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"threads": 0}, {"runs": 0}, {"warmup": -1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        measure_latency_ms(b"", (3, 8, 8), **wrong)


class OneNetwork(Space):
    name = "one"
    options = (2,)
    built = 0

    def canonical(self, architecture):
        return Architecture(self.name, (0,))

    def layout(self, architecture, *, width=1.0): ...

    def build(self, architecture, *, width=1.0):
        type(self).built += 1
        return network()

    def graph(self, architecture): ...

    def to_string(self, architecture): ...

    def from_string(self, text): ...


def test_a_network_without_an_onnx_form_has_a_reason(monkeypatch):
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    monkeypatch.setattr(OneNetwork, "build", lambda *_, **__: Spectrum())
    (found,) = LatencyEstimator(OneNetwork((3, 8, 8), 5)).estimate([Architecture("one", (0,))])
    assert found.value is None
    assert "eig" in found.reason


def test_the_estimator_measures_equal_networks_once_and_restores_the_random_state():
    estimator = LatencyEstimator(OneNetwork((3, 8, 8), 5))
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first, second = estimator.estimate([Architecture("one", (0,)), Architecture("one", (1,))])
    assert OneNetwork.built == 1
    assert first.value == second.value == first.details["median_ms"]
    assert (first.seconds > 0, second.seconds) == (True, 0.0)
    assert (estimator.name, estimator.direction) == ("latency_ms", -1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_what_is_measured_is_what_a_task_deploys(monkeypatch):
    seen = []

    def measure(model, *arguments, **settings):
        seen.append(model)
        raise RuntimeError("seen")

    monkeypatch.setattr(onnx_latency, "measure_latency_ms", measure)
    space = OneNetwork((3, 8, 8), 5)
    space.deployed = lambda made: nn.Sequential(nn.Softmax(dim=1), made)
    LatencyEstimator(space).estimate([Architecture("one", (0,))])
    assert [type(part) for part in seen[0]] == [nn.Softmax, nn.Sequential]


@pytest.mark.parametrize("error", [RuntimeError, ValueError, KeyError])
def test_whatever_the_exporter_or_the_runtime_raises_is_a_reason(monkeypatch, error):
    def measure(*arguments, **settings):
        raise error("no kernel")

    monkeypatch.setattr(onnx_latency, "measure_latency_ms", measure)
    (found,) = LatencyEstimator(OneNetwork((3, 8, 8), 5)).estimate([Architecture("one", (0,))])
    assert found.value is None
    assert "no kernel" in found.reason
