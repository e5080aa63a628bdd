"""One layer by hand, and what a graph network must not depend on."""

import numpy as np
import pytest
import torch

from nassay.estimators.predictors.tg_nas.gcn import GCN, join
from nassay.spaces.base import Graph

ROWS = {"input": 0, "a": 1, "b": 2, "output": 3}
CHAIN = Graph(("input", "a", "b", "output"), ((0, 1), (1, 2), (2, 3)))
DIAMOND = Graph(("input", "a", "b", "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))
SHORT = Graph(("input", "output"), ((0, 1),))
TABLE = torch.cat([torch.randn(5, 7, generator=torch.Generator().manual_seed(0)), torch.eye(5)[:, -1:]], 1)


def network(layers: int = 3, normalised: bool = False) -> GCN:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return GCN(TABLE.shape[1], layers, normalised).eval()


def test_nodes_sum_over_what_feeds_them_and_the_last_over_all() -> None:
    cells = join([DIAMOND], ROWS, 4)
    assert cells.rows.tolist() == [[0, 1, 2, 3, 4]]
    expected = [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert cells.adjacency[0].tolist() == expected


def test_small_cells_are_padded() -> None:
    cells = join([SHORT, CHAIN], ROWS, 4)
    assert cells.rows.tolist() == [[0, 3, -1, -1, 4], [0, 1, 2, 3, 4]]
    assert cells.adjacency[0].tolist() == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [0] * 5, [0] * 5, [1, 1, 0, 0, 1]]
    assert cells[1:].rows.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize("normalised", [False, True])
def test_layers_follow_the_formula(normalised: bool) -> None:
    net, cells = network(2, normalised), join([DIAMOND], ROWS, 4)
    matrix = cells.adjacency[0].numpy()
    if normalised:
        matrix = matrix / np.sqrt(matrix.sum(1)[:, None] * matrix.sum(0)[None, :])
    x = TABLE[cells.rows[0]].numpy()
    for weight, bias, norm in zip(net.weights, net.biases, net.norms, strict=True):
        x = matrix @ x @ weight.detach().numpy() + bias.detach().numpy()
        x = np.maximum(x / np.sqrt(1 + norm.eps), 0)  # a fresh norm has mean 0 and variance 1
    expected = x[-1] @ net.head.weight[0].detach().numpy() + net.head.bias.item()
    assert net(TABLE, cells).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("normalised", [False, True])
def test_company_does_not_matter(normalised: bool) -> None:
    net = network(normalised=normalised)
    together = net(TABLE, join([SHORT, DIAMOND, CHAIN], ROWS, 4))
    alone = torch.cat([net(TABLE, join([graph], ROWS, 4)) for graph in (SHORT, DIAMOND, CHAIN)])
    torch.testing.assert_close(together, alone)


def test_the_order_of_nodes_does_not_matter() -> None:
    swapped = Graph(("input", "b", "a", "output"), DIAMOND.edges)
    torch.testing.assert_close(network()(TABLE, join([DIAMOND], ROWS, 4)), network()(TABLE, join([swapped], ROWS, 4)))


def test_labels_and_edges_matter() -> None:
    relabelled = Graph(("input", "a", "a", "output"), DIAMOND.edges)
    values = network()(TABLE, join([DIAMOND, CHAIN, relabelled], ROWS, 4)).tolist()
    assert len(set(values)) == 3
