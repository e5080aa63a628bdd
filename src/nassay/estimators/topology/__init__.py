"""Estimators that read the architecture's graph alone."""

from nassay.estimators.topology.base import TopologyScorer, entry_of, score, topologies

__all__ = ["TopologyScorer", "entry_of", "score", "topologies"]
