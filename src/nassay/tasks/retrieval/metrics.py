"""Recall@k, mAP@R and NMI of embeddings, by pytorch-metric-learning's calculator.

Every item is a query among all others of its split; neighbours are by cosine similarity. Items without a second of
their class are no queries. mAP@R: Musgrave, Belongie & Lim, ECCV 2020, arXiv:2003.08505. NMI is of k-means clusters,
as many as there are classes.
"""

from typing import Any

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.cluster import KMeans
from torch import Tensor

RECALLS = (1, 2, 4, 8)
BLOCK = 1024  # queries at once


class _Calculator(AccuracyCalculator):
    """The library's calculator with Recall@k, without faiss."""

    def __init__(self) -> None:
        super().__init__(
            k="max_bin_count",
            device=torch.device("cpu"),
            knn_func=CustomKNN(CosineSimilarity(), batch_size=BLOCK),
            kmeans_func=_clusters,
        )

    def calculate_recalls(
        self, knn_labels: Tensor, query_labels: Tensor, not_lone_query_mask: Tensor, **_: Any
    ) -> dict[int, float]:
        """Shares of queries with one of their class among the first k."""
        found = (knn_labels == query_labels[:, None])[not_lone_query_mask].double()
        return {k: found[:, :k].amax(1).mean().item() if len(found) else float("nan") for k in RECALLS}

    def requires_knn(self) -> list[str]:
        """Names of the metrics that need neighbours."""
        return [*super().requires_knn(), "recalls"]

    def determine_k(self, bin_counts: Tensor, num_reference_embeddings: int, ref_includes_query: bool) -> int:
        """As many neighbours as the largest class needs, and as the largest Recall@k does."""
        largest: int = super().determine_k(bin_counts, num_reference_embeddings, ref_includes_query)
        return min(max(largest, *RECALLS), num_reference_embeddings - int(ref_includes_query))


def recall_at_1(embeddings: Tensor, labels: Tensor) -> float:
    """Share of items whose nearest neighbour is of their class.

    Args:
        embeddings: (N, D).
        labels: (N,) class indices.

    Returns:
        0..1; NaN where an embedding is not finite, or no class has two items.
    """
    if not torch.isfinite(embeddings).all():
        return float("nan")
    recalls: dict[int, float] = _Calculator().get_accuracy(embeddings, labels, include=("recalls",))["recalls"]
    return recalls[1]


def retrieval_metrics(embeddings: Tensor, labels: Tensor) -> dict[str, float]:
    """recall_at_1, _2, _4, _8, map_at_r and nmi, each as `recall_at_1`."""
    if not torch.isfinite(embeddings).all():
        return dict.fromkeys((*(f"recall_at_{k}" for k in RECALLS), "map_at_r", "nmi"), float("nan"))
    found = _Calculator().get_accuracy(embeddings, labels, include=("recalls", "mean_average_precision_at_r", "NMI"))
    recalls = {f"recall_at_{k}": value for k, value in found["recalls"].items()}
    return {**recalls, "map_at_r": float(found["mean_average_precision_at_r"]), "nmi": float(found["NMI"])}


def _clusters(embeddings: Tensor, count: int) -> Tensor:
    """(N,) clusters by k-means from a fixed start."""
    return torch.from_numpy(KMeans(count, n_init=1, random_state=0).fit_predict(embeddings.numpy()))
