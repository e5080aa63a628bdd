"""TG-NAS's predictor: a graph convolutional network over a cell whose operations are embedded phrases.

Qiao, Xu & Huang 2024, arXiv:2404.00271. A node's feature is its phrase's embedding and a 0; one more node, which every
node feeds, has zeros and a 1. A layer is

    X <- ReLU(BatchNorm(A X W + b))

where row i of A sums over node i and what feeds it; normalised, each edge from j to i has the weight
1 / sqrt(in-degree of i times out-degree of j), loops counted. The last node's features go through a linear layer.
The paper's text has two layers and normalises, its published code has four and does not.

Cells are padded to the largest of their batch, as in the code; nothing leads from padding to a cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nassay.spaces.base import Graph

HIDDEN = 64
SPREAD = 0.05  # weights start uniform within +- this


@dataclass(frozen=True)
class Cells:
    """Cells side by side; the last node of each is the one that all others feed.

    Attributes:
        rows: (cells, nodes) row of each node in the table of features; -1 for padding.
        adjacency: (cells, nodes, nodes) row i of a cell is 1 where node i sums over, itself included.
    """

    rows: Tensor
    adjacency: Tensor

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: np.ndarray | slice) -> "Cells":
        """Some of the cells."""
        return Cells(self.rows[which], self.adjacency[which])


def join(graphs: Sequence[Graph], rows: Mapping[str, int], last_row: int) -> Cells:
    """Cells side by side.

    Args:
        graphs: the cells, at least one.
        rows: row of each label in the table of features.
        last_row: row of the last nodes.
    """
    nodes = 1 + max(len(graph.labels) for graph in graphs)
    found = np.full((len(graphs), nodes), -1)
    adjacency = np.zeros((len(graphs), nodes, nodes), dtype=np.float32)
    found[:, -1] = last_row
    for i, graph in enumerate(graphs):
        count = len(graph.labels)
        found[i, :count] = [rows[label] for label in graph.labels]
        for source, target in graph.edges:
            adjacency[i, target, source] = 1
        adjacency[i, range(count), range(count)] = 1
        adjacency[i, -1, :count] = 1
    adjacency[:, -1, -1] = 1
    return Cells(torch.from_numpy(found), torch.from_numpy(adjacency))


class GCN(nn.Module):
    """The network; weights are drawn from torch's global generator.

    Args:
        features: length of a node's features.
        layers: graph convolutions.
        normalised: whether edges are weighted by degrees.
    """

    def __init__(self, features: int, layers: int, normalised: bool) -> None:
        super().__init__()
        self.normalised = normalised
        sizes = [features] + [HIDDEN] * layers
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(a, b).uniform_(-SPREAD, SPREAD)) for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.empty(b).uniform_(-SPREAD, SPREAD)) for b in sizes[1:])
        self.norms = nn.ModuleList(nn.BatchNorm1d(HIDDEN) for _ in range(layers))
        self.head = nn.Linear(HIDDEN, 1)

    def forward(self, table: Tensor, cells: Cells) -> Tensor:
        """(rows, features) table and cells -> (cells,) predictions."""
        adjacency = cells.adjacency
        if self.normalised:
            received, sent = (adjacency.sum(axis).clamp(min=1).rsqrt() for axis in (2, 1))
            adjacency = received[:, :, None] * adjacency * sent[:, None, :]
        padded = functional.pad(table, (0, 0, 0, 1))  # a row of zeros, which padding has
        x = padded
        for i, (weight, bias, norm) in enumerate(zip(self.weights, self.biases, self.norms, strict=True)):
            x = x @ weight
            if i == 0:
                x = functional.embedding(cells.rows.remainder(len(padded)), x)
            x = adjacency @ x + bias
            x = functional.relu(norm(x.flatten(0, 1)).view_as(x))
        predictions: Tensor = self.head(x[:, -1])[:, 0]
        return predictions
