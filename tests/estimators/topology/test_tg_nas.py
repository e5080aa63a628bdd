import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.topology import score, topologies
from nassay.estimators.topology.flow import flow
from nassay.estimators.topology.tg_nas import cell, predict
from nassay.spaces.base import Architecture, Graph
from nassay.spaces.nb201 import NB201
from nassay.spaces.nds_cells import NDSDARTS
from nassay.spaces.resnet import ResNet


def test_identities_are_edges_in_what_the_predictor_reads() -> None:
    graph = Graph(
        ("input", "nor_conv_3x3", "skip_connect", "avg_pool_3x3", "output"), ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4))
    )
    assert cell(flow(graph)) == Graph(
        ("input", "nor_conv_3x3", "avg_pool_3x3", "output"), ((0, 1), (0, 2), (1, 2), (2, 3))
    )


def test_equal_poolings_are_one_and_convolutions_are_not() -> None:
    def twice(label: str) -> Graph:
        return Graph(("input", label, label, "output"), ((0, 1), (0, 2), (1, 3), (2, 3)))

    assert cell(flow(twice("avg_pool_3x3"))).labels == ("input", "avg_pool_3x3", "output")
    assert cell(flow(twice("conv_3x3"))) == twice("conv_3x3")


def test_the_table_of_its_labels_is_named() -> None:
    assert topologies["tg_nas"].info["trained_on"] == ("nasbench101",)


def test_many_are_scored_as_one_by_one() -> None:
    space, rng = NB201(), np.random.default_rng(0)
    graphs = [space.graph(Architecture("nb201", tuple(int(i) for i in rng.integers(5, size=6)))) for _ in range(30)]
    graphs.append(space.graph(Architecture("nb201", (0,) * 6)))
    alone = [score(graph, ["tg_nas"])["tg_nas"].value for graph in graphs]
    together = predict(graphs)
    assert np.isnan(together).tolist() == [value is None for value in alone]
    np.testing.assert_allclose(together[:-1], np.array(alone[:-1], dtype=float), rtol=1e-4, atol=1e-5)
    assert np.isnan(together[-1])


def test_cells_of_genotypes_are_scored_unchanged() -> None:
    space, rng = NDSDARTS(), np.random.default_rng(0)
    values = predict([space.graph(space.sample(rng)) for _ in range(5)])
    assert len(set(values[~np.isnan(values)].tolist())) > 1


def test_what_graphs_hide_has_no_score() -> None:
    assert np.isnan(predict([ResNet().graph(ResNet().smallest())])).all()
    with pytest.raises(UserError, match="operation"):
        predict([Graph(("input", "warp", "output"), ((0, 1), (1, 2)))])
