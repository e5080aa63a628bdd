"""TG-NAS: a predictor trained once, on NAS-Bench-101, that scores the cells of any space; Qiao et al. 2024.

arXiv:2404.00271. Operations are phrases, phrases are embedded by a sentence transformer, and a graph convolutional
network reads the graph; see `estimators.predictors.tg_nas`. No label, no image and no weight of the target space.

What differs from the paper: the graph is the contracted one (`flow`). NAS-Bench-101, on which the predictor is trained,
has no identities and no unconnected operations; there a skip is an edge. So the cells of other spaces are read in that
form, too, and isomorphic cells score the same; the paper leaves "Residual connection" and "None" as nodes. The effect
of this choice, which was made before it was measured, is in `benchmarks/results/tg_nas.md`.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from nassay.estimators.predictors.tg_nas.predictor import shipped
from nassay.estimators.proxies.base import Unmeasurable
from nassay.estimators.topology.base import topologies
from nassay.estimators.topology.flow import Flow, flow
from nassay.spaces.base import Graph

TRAINED_ON = ("nasbench101",)  # tables whose labels it has seen: its ranking of their cells says nothing of others


def cell(contracted: Flow) -> Graph:
    """The contracted graph as one that the predictor reads: input, operations, output."""
    edges = [(i, j) for j, read in enumerate((*contracted.sources, contracted.output), start=1) for i in sorted(read)]
    return Graph(("input", *contracted.labels, "output"), tuple(edges))


@topologies.register(
    "tg_nas",
    direction=+1,
    needs=frozenset({"graph"}),
    paper="Qiao et al. 2024, arXiv:2404.00271",
    trained_on=TRAINED_ON,
)
def tg_nas(contracted: Flow) -> float:
    """TG-NAS: accuracy as predicted from operators' descriptions by a network trained on another benchmark."""
    return float(shipped().predict([cell(contracted)])[0])


def predict(graphs: Sequence[Graph]) -> np.ndarray:
    """(n,) TG-NAS's scores of many graphs at once, NaN where it has none.

    Raises:
        UserError: a label is unknown.
    """
    cells = {}
    for graph in dict.fromkeys(graphs):
        with suppress(Unmeasurable):
            cells[graph] = cell(flow(graph))
    values = dict(zip(cells, shipped().predict(list(cells.values())), strict=True))
    return np.array([values.get(graph, np.nan) for graph in graphs], dtype=float)
