"""The plain count that a cleverer score has to beat: ways from an input position to an output position.

A convolution over t positions offers t ways, each with a weight of its own; skip and pooling, without weights,
offer one. Ways multiply along a path and add up over distinct paths; the score is the count's natural logarithm.
No theory, no constants, no network.
"""

from math import log, prod

from nassay.estimators.topology.base import topologies
from nassay.estimators.topology.flow import Flow


@topologies.register("paths", direction=+1, needs=frozenset({"graph"}), paper="baseline of this library")
def paths(flow: Flow) -> float:
    """Logarithm of the number of weighted ways from input positions to one output position."""
    ways = [1]
    for operation, sources in zip(flow.operations, flow.sources, strict=True):
        ways.append(prod(operation.convolutions) * sum(ways[i] for i in sources))
    return log(sum(ways[i] for i in flow.output))
