"""Against definitions written out in NumPy."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

from nassay.tasks.retrieval.metrics import recall_at_1, retrieval_metrics


def by_definition(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Recall@k and mAP@R, query by query."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    rows = []
    for i in range(len(x)):
        others = [j for j in np.argsort(-(x @ x[i]), kind="stable") if j != i]
        hits = y[others] == y[i]
        relevant = hits.sum()
        precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        at_r = (precisions * hits)[:relevant].sum() / relevant
        rows.append([*(hits[:k].any() for k in (1, 2, 4, 8)), at_r])
    names = ("recall_at_1", "recall_at_2", "recall_at_4", "recall_at_8", "map_at_r")
    return dict(zip(names, np.mean(rows, axis=0), strict=True))


def test_all_metrics_by_definition() -> None:
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(6), 5))
    x = rng.normal(size=(30, 7)) + 0.7 * rng.normal(size=(6, 7))[y]
    found = retrieval_metrics(torch.tensor(x, dtype=torch.float32), torch.from_numpy(y))
    expected = by_definition(x, y)
    assert 0.1 < expected["recall_at_1"] < 0.9
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert recall_at_1(torch.tensor(x, dtype=torch.float32), torch.from_numpy(y)) == found["recall_at_1"]


def test_small_classes_have_a_recall_at_8() -> None:
    """Pairs on a circle, the partner from fifth to ninth nearest of nine: more neighbours than the class has."""
    angles = np.concatenate([np.arange(5), np.arange(5) + 40]) / 180 * np.pi
    x = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1), dtype=torch.float32)
    found = retrieval_metrics(x, torch.arange(10) % 5)
    assert found["recall_at_4"] == 0.0
    assert found["recall_at_8"] == 0.8


def test_separate_clusters_are_found() -> None:
    x = torch.eye(4).repeat(6, 1) + 0.01 * torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    found = retrieval_metrics(x, torch.arange(24) % 4)
    assert all(value == pytest.approx(1.0) for value in found.values())
    half = retrieval_metrics(x, torch.arange(24) % 4 // 2)  # two clusters a class, two of them looked for
    assert 0 <= half["nmi"] <= 1


def test_nmi_of_clusters_by_scikit_learn() -> None:
    x = torch.eye(2).repeat(10, 1)
    y = torch.cat([torch.arange(2).repeat(9), torch.tensor([1, 0])])
    clusters = torch.arange(2).repeat(10)
    expected = normalized_mutual_info_score(y.numpy(), clusters.numpy())
    assert retrieval_metrics(x, y)["nmi"] == pytest.approx(expected)


def test_an_item_alone_in_its_class_is_no_query() -> None:
    x = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    assert recall_at_1(x, torch.tensor([0, 0, 1])) == 1.0
    assert math.isnan(recall_at_1(x, torch.arange(3)))
