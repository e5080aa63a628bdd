from dataclasses import asdict

import numpy as np
import pytest
from torch import nn

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, Layer, Profile, profile
from nassay.estimators.devices.latency_model import (
    FEATURES,
    LatencyModel,
    ModelledLatency,
    PredictionError,
    features,
)
from nassay.spaces.base import spaces


def layer(kind, *, channels=(16, 16), size=4, kernel=(1, 1), groups=1, macs=0):
    elements = channels[1] * size * size
    conv = kind in ("conv", "depthwise")
    return Layer("", kind, kernel if conv else (), (1, 1) if conv else (), groups, *channels, size, size, macs,
                 0, 4 * channels[0] * size * size, 4 * elements)  # fmt: skip


def of(*layers):
    return Profile(0, sum(x.macs for x in layers), 0, tuple(layers))


def named(found):
    return dict(zip(FEATURES, features(found).tolist(), strict=True))


def test_features_sort_the_macs_by_kind():
    found = named(
        of(
            layer("conv", kernel=(3, 3), macs=900),
            layer("norm"),
            layer("conv", macs=100),
            layer("depthwise", kernel=(5, 5), groups=16, macs=50),
            layer("linear", size=1, macs=7),
            layer("add"),
        )
    )
    assert found == {
        "conv_macs": 900,
        "pointwise_macs": 100,
        "depthwise_macs": 50,
        "vector_macs": 7,
        "elementwise_elements": 16 * 16,
        "operations": 5,
        "one": 1,
    }


def test_channels_are_rounded_up_to_blocks():
    found = named(of(layer("conv", channels=(8, 24), macs=100), layer("depthwise", channels=(8, 8), macs=10)))
    assert found["pointwise_macs"] == pytest.approx(100 * (16 / 8) * (32 / 24))
    assert found["depthwise_macs"] == pytest.approx(10 * 16 / 8)


def test_image_channels_of_the_stem_are_not_rounded():
    stem = layer("conv", channels=(3, 16), kernel=(3, 3), macs=100)
    assert named(of(stem))["conv_macs"] == 100


def random_profiles(n, seed=0):
    rng = np.random.default_rng(seed)
    kinds = [("conv", (3, 3)), ("conv", (1, 1)), ("depthwise", (3, 3))]
    return [
        of(
            *(layer(kind, kernel=kernel, macs=int(rng.integers(1e5, 1e7))) for kind, kernel in kinds),
            layer("linear", size=1, macs=int(rng.integers(1e4, 1e5))),
            *(layer("activation") for _ in range(rng.integers(1, 30))),
        )
        for _ in range(n)
    ]


def linear_latency(found):
    x = named(found)
    return 1e-7 * x["conv_macs"] + 2e-7 * x["pointwise_macs"] + 9e-7 * x["depthwise_macs"] + 0.01 * x["operations"]


def test_a_latency_that_is_linear_is_found_exactly():
    profiles = random_profiles(20)
    model = LatencyModel.fit(profiles, [linear_latency(p) for p in profiles])
    unseen = random_profiles(5, seed=1)
    assert [model.predict(p) for p in unseen] == pytest.approx([linear_latency(p) for p in unseen], rel=1e-4)
    assert model.error.mape < 1e-4
    assert model.error.spearman == pytest.approx(1)
    assert model.error.n == 20


def test_the_error_is_that_of_networks_left_out():
    # latencies that have nothing to do with the networks cannot be predicted
    profiles, rng = random_profiles(12), np.random.default_rng(5)
    latencies = np.exp(rng.normal(size=12))
    model = LatencyModel.fit(profiles, latencies)
    seen = np.mean([abs(model.predict(p) - y) / y for p, y in zip(profiles, latencies, strict=True)])
    assert model.error.mape > seen


def test_more_of_anything_never_costs_less():
    profiles, rng = random_profiles(15), np.random.default_rng(3)
    model = LatencyModel.fit(profiles, [linear_latency(p) * rng.uniform(0.7, 1.4) for p in profiles])
    assert min(model.weights) >= 0
    bigger = of(*profiles[0].layers, layer("add"))
    assert model.predict(bigger) >= model.predict(profiles[0])


def test_equal_latencies_have_no_rank_correlation():
    assert LatencyModel.fit(random_profiles(8), [1.0] * 8).error.spearman is None


@pytest.mark.parametrize(
    ("count", "latencies", "message"),
    [
        (7, [1.0] * 7, "8 or more"),
        (8, [1.0] * 9, "8 networks and 9"),
        (8, [1.0] * 7 + [float("nan")], "nan"),
        (8, [1.0] * 7 + [0.0], "0.0"),
    ],
)
def test_wrong_measurements_are_refused(count, latencies, message):
    with pytest.raises(UserError, match=message):
        LatencyModel.fit(random_profiles(count), latencies)


def test_an_estimate_carries_the_error_and_what_else_is_said():
    space = spaces["nb201"].target((3, 8, 8), 2)
    model = LatencyModel.fit(random_profiles(8), [1.0] * 8)
    (found,) = ModelledLatency(model, space, {"device": "board"}).estimate([space.smallest()])
    assert found.value == model.predict(Analytic.of(space).profile(space.smallest()))
    assert found.details == {**asdict(model.error), "device": "board"}


def test_errors_of_predictions_by_hand():
    # off by 5 %, 20 %, 0 and 50 %; one inversion among six pairs, so rho = 1 - 6 x 2 / (4 x 15)
    found = PredictionError.of(np.array([1.05, 1.6, 3.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert found.mape == pytest.approx((0.05 + 0.2 + 0.0 + 0.5) / 4)
    assert found.spearman == pytest.approx(1 - 6 * 2 / 60)
    assert (found.within_10, found.n) == (0.5, 4)


def test_profiles_of_real_networks_have_features():
    network = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 4))
    found = named(profile(network, (3, 4, 4)))
    assert found["conv_macs"] == 3 * 16 * 9 * 16
    assert found["vector_macs"] == 256 * 4 * 4  # 4 outputs count as one block of 16
    assert found["operations"] == 3
