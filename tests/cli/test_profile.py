import json

import pytest

from nassay.cli.profile import profile_space
from nassay.errors import InfeasibleError
from nassay.estimators.base import Estimate
from nassay.spaces.base import spaces
from nassay.strategies.problem import Constraints

SHAPE = (1, 8, 8)


@pytest.fixture(autouse=True)
def meter(monkeypatch):
    """Every network takes 2 ms; the networks that were asked for are kept."""
    asked = []

    class Meter:
        def __init__(self, space):
            pass

        def estimate(self, architectures):
            asked.extend(architectures)
            return [Estimate.of(2.0) for _ in architectures]

    monkeypatch.setattr("nassay.cli.profile.LatencyEstimator", Meter)
    return asked


def profiled(limits=None, samples=20, seed=0):
    return profile_space("nb201", SHAPE, 3, limits or Constraints(), samples=samples, seed=seed)


def test_costs_of_the_smallest_network_are_those_of_the_built_one():
    space = spaces["nb201"].target(SHAPE, 3)
    found = profiled()
    assert found["size"] == 15625
    assert found["smallest"]["architecture"] == space.to_string(space.smallest())
    assert found["smallest"]["params"] == sum(p.numel() for p in space.build(space.smallest()).parameters())
    assert found["smallest"]["latency_ms"] == 2.0


def test_quantiles_are_in_order_and_of_as_many_networks_as_asked():
    found = profiled(samples=30)
    for spread in found["random"].values():
        levels = [spread[k] for k in ("min", "p10", "median", "p90", "max")]
        assert levels == sorted(levels)
    assert found["random"]["params"]["n"] == 30
    assert 0 < found["random"]["latency_ms"]["n"] <= 30
    assert found["smallest"]["params"] <= found["random"]["params"]["min"]


def test_the_share_inside_the_limits():
    assert profiled()["share_inside_analytic_limits"] == 1.0
    half = profiled()["random"]["params"]["median"]
    assert 0.3 < profiled(Constraints(max_params=int(half)))["share_inside_analytic_limits"] < 0.8


def test_examples_are_inside_the_limits():
    space = spaces["nb201"].target(SHAPE, 3)
    limit = int(profiled()["random"]["params"]["median"])
    for text in profiled(Constraints(max_params=limit))["examples"]:
        assert sum(p.numel() for p in space.build(space.from_string(text)).parameters()) <= limit


def test_the_seed_decides():
    assert profiled(seed=1) == profiled(seed=1)
    assert profiled(seed=1)["random"] != profiled(seed=2)["random"]


def test_one_sample_is_enough():
    assert profiled(samples=1)["random"]["params"]["n"] == 1


def test_few_networks_are_measured(meter):
    profiled(samples=200)
    assert len(meter) < 30


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Constraints(max_params=5), "max_params = 5 parameters, but the smallest network has"),
        (Constraints(max_latency_ms=1.0), "max_latency_ms = 1 ms, but the smallest network has 2 ms"),
    ],
)
def test_limits_that_nothing_meets(limits, message):
    with pytest.raises(InfeasibleError, match=message):
        profiled(limits)


def test_the_command_prints_json_or_a_table(nassay):
    words = ("profile", "nb201", "--input", "1x8x8", "--classes", "3", "--samples", "20")
    code, out, err = nassay(*words, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(profiled()))
    code, out, err = nassay(*words)
    assert (code, err) == (0, "")
    assert "peak_memory_bytes" in out
    assert "The limits can be met" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nb210"], "Did you mean nb201"),
        (["nb201", "--input", "32"], "CxHxW"),
        (["nb201", "--classes", "0"], "num_outputs must be at least 1"),
        (["nb201", "--max-params", "0"], "max_params must be positive"),
        (["nb201", "--max-latency-ms", "nan"], "max_latency_ms must be positive"),
    ],
)
def test_wrong_words_are_named(nassay, words, message):
    code, out, err = nassay("profile", *words)
    assert (code, out) == (2, "")
    assert message in err
