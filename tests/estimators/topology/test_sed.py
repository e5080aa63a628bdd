from math import e, log, pi

import numpy as np
import pytest
from scipy.stats import norm

from nassay.estimators.topology import score
from nassay.estimators.topology.sed import RECTIFIED_VARIANCE
from nassay.spaces.base import Graph

H0 = 0.5 * log(2 * pi * e)  # 1.4189 nats
CONV3 = 0.5 * log(9 * (0.5 - 0.5 / pi))  # +0.5604
CONV1 = 0.5 * log(0.5 - 0.5 / pi)  # -0.5382
POOL3 = -log(9)


def chain(*labels: str) -> Graph:
    nodes = ("input", *labels, "output")
    return Graph(nodes, tuple((i, i + 1) for i in range(len(nodes) - 1)))


def sed(graph: Graph) -> float | None:
    return score(graph, ["sed"])["sed"].value


@pytest.mark.parametrize(
    ("labels", "change"),
    [
        ((), 0.0),
        (("skip_connect",), 0.0),
        (("conv_3x3",), CONV3),
        (("conv_1x1",), CONV1),
        (("avg_pool_3x3",), POOL3),
        (("conv_3x3", "avg_pool_3x3", "skip_connect", "conv_1x1"), CONV3 + POOL3 + CONV1),
        (("k3e6",), log(3) + log(0.5 - 0.5 / pi)),  # one window of nine, two ReLUs in three convolutions
    ],
)
def test_changes_add_up_along_a_path(labels: tuple[str, ...], change: float) -> None:
    assert sed(chain(*labels)) == pytest.approx(H0 + change)


def test_paths_add_up() -> None:
    # a residual block of two convolutions, the second also reading the input:
    # paths input -> output, input -> b -> output, input -> a -> b -> output
    graph = Graph(("input", "conv_3x3", "conv_1x1", "add", "output"), ((0, 1), (0, 2), (1, 2), (0, 3), (2, 3), (3, 4)))
    assert sed(graph) == pytest.approx(3 * H0 + CONV3 + 2 * CONV1)


def test_a_repeated_path_adds_nothing() -> None:
    # both poolings carry one signal, and so do the two skips
    twice = Graph(("input", "avg_pool_3x3", "avg_pool_3x3", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert sed(twice) == pytest.approx(H0 + POOL3)
    skips = Graph(("input", "skip_connect", "skip_connect", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
    assert sed(skips) == pytest.approx(H0)


def test_a_convolution_in_the_place_of_a_needless_skip_is_better() -> None:
    edges = ((0, 1), (0, 2), (1, 3), (2, 3))
    skips, mixed = (Graph(("input", "skip_connect", label, "output"), edges) for label in ("skip_connect", "conv_1x1"))
    assert (sed(mixed) or 0) > (sed(skips) or 0)


def test_variance_of_a_rectified_standard_normal() -> None:
    x = np.linspace(-9, 9, 100_001)
    p = norm.pdf(x) * (x[1] - x[0])
    relu = np.maximum(x, 0)
    assert np.sum(p * relu**2) - np.sum(p * relu) ** 2 == pytest.approx(RECTIFIED_VARIANCE, abs=1e-6)


def test_entropy_rate_of_an_averaged_white_field() -> None:
    # the mean of ln |transfer function| of a 3x3 mean over all frequencies, midpoint rule
    w = (np.arange(400) + 0.5) * pi / 400
    one_axis = np.log(np.abs(1 + 2 * np.cos(w)) / 3)
    assert 2 * one_axis.mean() == pytest.approx(POOL3, abs=5e-3)


def test_no_way_through() -> None:
    estimate = score(chain("conv_3x3", "none"), ["sed"])["sed"]
    assert estimate.reason == "no way leads from input to output"
