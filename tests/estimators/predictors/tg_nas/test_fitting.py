"""Small cells whose accuracy is the number of an operation: the network must learn to count."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from torch.nn import functional

from nassay.estimators.predictors.tg_nas.fitting import PAPER_TEXT, SHIPPED, Settings, _batches, _loss, fit
from nassay.estimators.predictors.tg_nas.gcn import GCN, join
from nassay.spaces.base import Graph

ROWS = {"input": 0, "a": 1, "b": 2, "output": 3}
TABLE = torch.eye(5)


def chain(*labels: str) -> Graph:
    return Graph(("input", *labels, "output"), tuple((i, i + 1) for i in range(len(labels) + 1)))


def cells(count: int) -> tuple[list[Graph], np.ndarray]:
    rng = np.random.default_rng(0)
    graphs = [chain(*("ab"[i] for i in rng.integers(2, size=6))) for _ in range(count)]
    return graphs, np.array([80.0 + graph.labels.count("a") for graph in graphs])


def trained(settings: Settings, seed: int = 0) -> GCN:
    return fit([cells(96)], TABLE, ROWS, settings, seed)


@pytest.mark.parametrize("settings", [replace(PAPER_TEXT, rate=0.01), replace(SHIPPED, rate=0.01)])
def test_it_learns_to_rank(settings: Settings) -> None:
    graphs, truth = cells(96)
    found = trained(replace(settings, epochs=15, batch=32))(TABLE, join(graphs, ROWS, 4)).tolist()
    assert kendalltau(found, truth).statistic > 0.8


def test_equal_seeds_train_equal_networks_and_leave_the_generators_alone() -> None:
    settings = Settings(epochs=2)
    before = torch.get_rng_state()
    a, b, c = trained(settings), trained(settings), trained(settings, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert not torch.equal(a.weights[0], c.weights[0])
    assert not a.training


def test_every_epoch_is_watched() -> None:
    seen: list[tuple[int, bool]] = []
    fit([cells(20)], TABLE, ROWS, Settings(epochs=3), 0, lambda epoch, network: seen.append((epoch, network.training)))
    assert seen == [(1, True), (2, True), (3, True)]


def test_ranking_loss_is_the_mean_over_ordered_pairs() -> None:
    predictions, accuracies = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([0.9, 0.8, 0.9])
    expected = functional.softplus(torch.tensor([2.0, 1.0])).mean()  # 0 over 1, and 2 over 1; 0 and 2 are even
    assert _loss(predictions, accuracies, True).item() == pytest.approx(expected.item())
    assert _loss(predictions, accuracies, False).item() == pytest.approx((0.1**2 + 2.2**2 + 1.1**2) / 3, rel=1e-5)


def test_batches_keep_columns_apart_and_leave_small_rests() -> None:
    graphs = [chain(), chain("a"), *[chain("a", "b")] * 58]
    first, second = (join(own, ROWS, 4) for own in (graphs[:40], graphs[40:]))
    truth = torch.arange(60.0)
    batches = _batches([(first, truth[:40]), (second, truth[40:])], 32, np.random.default_rng(0))
    assert sorted(len(cells) for cells, _ in batches) == [20, 32]  # a rest of eight waits
    for _, own in batches:
        assert len({value < 40 for value in own.tolist()}) == 1
