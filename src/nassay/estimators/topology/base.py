"""Topology-only estimators: scores of an architecture's labelled graph. No network is built, no batch is seen.

They see operations and their sizes, not widths, strides or repetitions: in spaces whose choices are widths they say
little or nothing.
"""

import time
from collections.abc import Callable, Sequence

from torch import nn

from nassay.estimators.base import Estimate
from nassay.estimators.topology.flow import Flow, flow
from nassay.registry import Registry
from nassay.spaces.base import Architecture, Graph, Space

NO_GRAPH = (
    "a module has no labelled graph of operations, which is all that this estimator reads; score an architecture of "
    "a space"
)

_MODULES = ("sed", "paths")
topologies: Registry[Callable[[Flow], float]] = Registry(
    "topology", tuple(f"nassay.estimators.topology.{name}" for name in _MODULES)
)


class Disconnected(Exception):
    """No way leads from the graph's input to its output."""


def score(subject: Graph | nn.Module, names: Sequence[str]) -> dict[str, Estimate]:
    """Scores a graph by topology-only estimators.

    Args:
        subject: a labelled graph, such as `Space.graph` gives; for a module each estimate is a reason.
        names: estimators, by name.

    Returns:
        One estimate per name; a reason where input and output are not connected.

    Raises:
        UserError: a name or a label of the graph is unknown.
    """
    functions = {name: topologies[name].target for name in names}
    if isinstance(subject, nn.Module):
        return {name: Estimate.failed(NO_GRAPH) for name in functions}
    contracted = flow(subject)
    return {name: _estimate(function, contracted) for name, function in functions.items()}


def _estimate(function: Callable[[Flow], float], contracted: Flow) -> Estimate:
    start = time.perf_counter()
    try:
        return Estimate.of(function(contracted), seconds=time.perf_counter() - start)
    except Disconnected:
        return Estimate.failed("no way leads from input to output", seconds=time.perf_counter() - start)


class TopologyScorer:
    """Scores architectures of a space by several topology-only estimators; equal graphs are scored once.

    Args:
        space: where the architectures come from.
        names: estimators, by name.

    Attributes:
        names: the estimators.
        directions: +1 or -1 per estimator.

    Raises:
        UserError: a name is unknown.
    """

    def __init__(self, space: Space, names: Sequence[str]) -> None:
        self._space = space
        self._known: dict[Graph, dict[str, Estimate]] = {}
        self.names = tuple(names)
        self.directions: dict[str, int] = {name: topologies[name].info["direction"] for name in self.names}

    def score_all(self, architectures: Sequence[Architecture]) -> list[dict[str, Estimate]]:
        """One dictionary of estimates, by name, for each architecture, in order."""
        return [self._score(self._space.graph(architecture)) for architecture in architectures]

    def _score(self, graph: Graph) -> dict[str, Estimate]:
        if graph not in self._known:
            self._known[graph] = score(graph, self.names)
        return self._known[graph]
