"""NN-Degree against graphs of single channels, built by hand link by link, and against layers counted in networks."""

import networkx as nx
import numpy as np
import pytest
from torch import nn

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, profile
from nassay.estimators.topology.nn_degree import NNDegree, degree_of_profile, nn_degree, skip_links
from nassay.spaces.nb201 import NB201
from nassay.spaces.skip_nets import SkipAdd, SkipConcat, SkipNets, skip_sources


def channel_graph(width: int, depth: int, skips: int, *, concat: bool) -> nx.DiGraph:
    """A cell's graph: nodes (layer, channel), layer 0 its input; consecutive layers fully linked, and skip links."""
    graph = nx.MultiDiGraph()
    channels = range(width)
    for layer, sources in enumerate(skip_sources(depth, skips), start=1):
        graph.add_edges_from(((layer - 1, a), (layer, b)) for a in channels for b in channels)
        for source in sources:
            pairs = [(a, b) for a in channels for b in channels] if concat else [(a, a) for a in channels]
            graph.add_edges_from(((source + 1, a), (layer, b)) for a, b in pairs)
    return graph


def mean_in_degree(graph: nx.DiGraph) -> float:
    return float(np.mean([degree for (layer, _), degree in graph.in_degree() if layer > 0]))


def test_a_lattice_has_the_degree_of_its_width() -> None:
    graph = channel_graph(4, 5, 0, concat=True)
    assert {degree for (layer, _), degree in graph.in_degree() if layer > 0} == {4}
    assert nn_degree([4], [5], [0]) == 4


@pytest.mark.parametrize("concat", [False, True])
@pytest.mark.parametrize(("width", "depth", "skips"), [(4, 5, 1), (4, 5, 6), (3, 9, 11), (2, 12, 40)])
def test_skips_raise_the_mean_in_degree_by_their_term(width: int, depth: int, skips: int, concat: bool) -> None:
    graph = channel_graph(width, depth, skips, concat=concat)
    links = skip_links([width], [skips], concat=concat)
    assert graph.number_of_edges() == width * width * depth + links.sum()
    assert nn_degree([width], [depth], links) == pytest.approx(mean_in_degree(graph))


def test_cells_add_up_by_hand() -> None:
    # (8 + 16 / (8 * 4)) + (10 + 5 / (10 * 2)) + 3 for a single layer, where skip links have no place
    assert nn_degree([8, 10, 3], [4, 2, 1], [16, 5, 9]) == pytest.approx(8.5 + 10.25 + 3)


def test_many_networks_at_once() -> None:
    rng = np.random.default_rng(0)
    widths, depths, links = rng.uniform(4, 30, (6, 3)), rng.uniform(5, 30, (6, 3)), rng.uniform(0, 90, (6, 3))
    one_by_one = [nn_degree(w, d, s) for w, d, s in zip(widths, depths, links, strict=True)]
    assert nn_degree(widths, depths, links).tolist() == pytest.approx(one_by_one)


@pytest.mark.parametrize("space", [SkipAdd((1, 14, 14), 3), SkipConcat((1, 14, 14), 3)], ids=lambda s: s.name)
def test_layers_of_a_built_skip_network_have_the_degree_of_the_formula(space: SkipNets) -> None:
    """But for the first layers of the second and third cell, which read fewer channels than the formula has it."""
    architecture = space.from_string(f"{space.name}:w1.0-d5s4-d6s3-d7s9")
    cells = space.cells(architecture)
    missing = sum((b.width - a.width) / b.depth for a, b in zip(cells, cells[1:], strict=False))
    (formula,) = NNDegree(space).estimate([architecture])
    assert formula.value is not None
    assert degree_of_profile(Analytic.of(space).profile(architecture)) == pytest.approx(formula.value - missing)
    by_hand = {"skip_add": 8 + 4 / 5 + 16 + 3 / 6 + 32 + 9 / 7, "skip_concat": 8 * 9 / 5 + 16 * 9 / 6 + 32 * 16 / 7}
    assert formula.value == pytest.approx(by_hand[space.name])


def test_groups_and_resolutions_of_any_network() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # reads the image
        nn.Conv2d(8, 16, 3, padding=1),  # 16 nodes of 8 links
        nn.Conv2d(16, 16, 3, padding=1, groups=16),  # 16 nodes of 1
        nn.Conv2d(16, 4, 1, stride=2),  # another resolution: 4 nodes of 16
        nn.Flatten(),
        nn.Linear(4 * 16, 5),
    )
    assert degree_of_profile(profile(network, (3, 8, 8))) == pytest.approx((16 * 8 + 16) / 32 + 16)


def test_other_spaces_are_counted() -> None:
    space = NB201((3, 8, 8), 10)
    found = NNDegree(space).estimate([space.sample(np.random.default_rng(0))])
    assert found[0].value is not None
    assert found[0].value > 0


def test_a_network_without_links_between_convolutions_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 2 * 2, 5))
    with pytest.raises(UserError, match="none but the first"):
        degree_of_profile(profile(network, (3, 4, 4)))
