"""Estimators that read the architecture's graph alone."""

from nassay.estimators.topology.base import TopologyScorer, score, topologies

__all__ = ["TopologyScorer", "score", "topologies"]
