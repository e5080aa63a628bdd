"""Topology-only estimators: scores of an architecture's labelled graph. No network is built, no batch is seen.

They see operations and their sizes, not widths, strides or repetitions: where those are the choices they are not
defined. One that was fitted to a benchmark's accuracies names the table (`trained_on`) when it is registered.
"""

import time
from collections.abc import Callable, Sequence

from torch import nn

from nassay.estimators.base import Estimate
from nassay.estimators.proxies.base import Unmeasurable, proxies
from nassay.estimators.topology.flow import Flow, flow
from nassay.registry import Entry, Registry
from nassay.spaces.base import Architecture, Graph, Space

NO_GRAPH = (
    "a module has no labelled graph of operations, which is all that this estimator reads; score an architecture of "
    "a space"
)

_MODULES = ("sed", "paths", "tg_nas")
topologies: Registry[Callable[[Flow], float]] = Registry(
    "topology", tuple(f"nassay.estimators.topology.{name}" for name in _MODULES)
)


def entry_of(name: str) -> Entry[Callable[..., float]]:
    """The topology-only estimator or else the proxy of this name.

    Raises:
        UserError: there is neither.
    """
    return topologies[name] if name in topologies else proxies[name]


def score(subject: Graph | nn.Module, names: Sequence[str]) -> dict[str, Estimate]:
    """Scores a graph by topology-only estimators.

    Args:
        subject: a labelled graph, such as `Space.graph` gives; for a module each estimate is a reason.
        names: estimators, by name.

    Returns:
        One estimate per name, its `seconds` an equal share of the work; a reason where input and output are not
        connected or where the labels hide what is chosen.

    Raises:
        UserError: a name or a label of the graph is unknown.
    """
    functions = {name: topologies[name].target for name in names}
    if isinstance(subject, nn.Module):
        return {name: Estimate.failed(NO_GRAPH) for name in functions}
    start = time.perf_counter()
    try:
        contracted = flow(subject)
    except Unmeasurable as error:
        return {name: Estimate.failed(str(error)) for name in functions}
    values = {name: function(contracted) for name, function in functions.items()}
    seconds = (time.perf_counter() - start) / max(len(functions), 1)
    return {name: Estimate.of(value, seconds=seconds) for name, value in values.items()}


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
