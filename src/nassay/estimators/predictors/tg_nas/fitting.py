"""Training TG-NAS's predictor on measured cells.

The paper's recipe: mean squared error of the accuracy as a fraction, AdamW, a learning rate of 0.001 divided by ten
every 40 epochs, 100 epochs, batches of 128. What differs in `SHIPPED` was chosen on held-out cells of NAS-Bench-101
alone; see `benchmarks/results/tg_nas.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nassay.estimators.predictors.tg_nas.gcn import GCN, Cells, join
from nassay.spaces.base import Graph

DECAY = 0.01
STEP, STEP_FACTOR = 0.4, 0.1  # the rate falls whenever this share of the epochs is over
FEWEST = 16  # cells of a batch; a smaller rest waits for the next epoch

Measured = tuple[Sequence[Graph], Sequence[float] | np.ndarray]


@dataclass(frozen=True)
class Settings:
    """How a predictor is made.

    Attributes:
        layers: graph convolutions.
        normalised: whether edges are weighted by degrees.
        ranking: learn the order of pairs, softplus(-(p_i - p_j)) for each pair with y_i > y_j, instead of accuracies.
        epochs: passes over the cells.
        batch: cells of a step.
        rate: the learning rate at first.
    """

    layers: int = 4
    normalised: bool = False
    ranking: bool = False
    epochs: int = 100
    batch: int = 128
    rate: float = 1e-3


PAPER_CODE = Settings()
PAPER_TEXT = Settings(layers=2, normalised=True)
SHIPPED = Settings(ranking=True, epochs=40, batch=256, rate=3e-3)


def fit(
    columns: Sequence[Measured],
    table: Tensor,
    rows: Mapping[str, int],
    settings: Settings,
    seed: int,
    watch: Callable[[int, GCN], None] | None = None,
) -> GCN:
    """Trains one network; the global generators are left as they were.

    Args:
        columns: cells and (n,) accuracies in percent; cells of different columns are never held against each other.
        table: (rows + 1, features) features of the labels and, last, of the nodes that all others feed.
        rows: row of each label.
        settings: how.
        seed: of weights and batches.
        watch: called after every epoch with its number from 1 and the network, which it leaves in training mode.

    Returns:
        The network, in evaluation mode.
    """
    rng = np.random.default_rng(seed)
    joined = [
        (join(graphs, rows, len(table) - 1), torch.tensor(np.asarray(accuracies) / 100, dtype=torch.float32))
        for graphs, accuracies in columns
    ]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GCN(table.shape[1], settings.layers, settings.normalised)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, max(1, round(STEP * settings.epochs)), STEP_FACTOR)
    for epoch in range(1, settings.epochs + 1):
        for cells, accuracies in _batches(joined, settings.batch, rng):
            loss = _loss(network(table, cells), accuracies, settings.ranking)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
        if watch is not None:
            watch(epoch, network)
    return network.eval()


def _batches(
    columns: Sequence[tuple[Cells, Tensor]], size: int, rng: np.random.Generator
) -> list[tuple[Cells, Tensor]]:
    """An epoch's batches, each of one column, in random order."""
    batches = []
    for cells, accuracies in columns:
        order = rng.permutation(len(cells))
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        batches += [(cells[chosen], accuracies[chosen]) for chosen in chunks if len(chosen) >= FEWEST]
    return [batches[i] for i in rng.permutation(len(batches))]


def _loss(predictions: Tensor, accuracies: Tensor, ranking: bool) -> Tensor:
    if not ranking:
        return functional.mse_loss(predictions, accuracies)
    better = accuracies[:, None] > accuracies[None, :]
    return functional.softplus(-(predictions[:, None] - predictions[None, :])[better]).mean()
