"""A labelled graph without its identities: what is computed from what, each thing once.

`skip_connect`, `add` and `concat` compute nothing. When they are contracted, every operation reads a *set* of
earlier signals: what two identities bring to one sum from the same source is one signal, scaled. Two poolings of
the same signals are one; two convolutions are not, their weights differ. So a path of the contracted graph is a
distinct sequence of operations from input to output.
"""

from dataclasses import dataclass, field

from nassay.estimators.proxies.base import Unmeasurable
from nassay.estimators.topology.operations import Operation, operation
from nassay.spaces.base import Graph

INPUT = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """Signals and what they are made of.

    Attributes:
        operations: what makes signal 1, 2, ... (signal 0 is the input), sources before what reads them.
        sources: the signals that each of them reads, at least one.
        output: the signals that the output sums up or concatenates.
        labels: how the graph named the operations; not part of what is compared.
    """

    operations: tuple[Operation, ...]
    sources: tuple[frozenset[int], ...]
    output: frozenset[int]
    labels: tuple[str, ...] = field(default=(), compare=False)


def flow(graph: Graph) -> Flow:
    """Contracts a graph; what does not depend on the input, and `none`, are left out.

    Raises:
        Unmeasurable: no way leads from input to output, or a label says too little.
        UserError: a label that `operation` does not know.
    """
    incoming: list[list[int]] = [[] for _ in graph.labels]
    for source, target in graph.edges:
        incoming[target].append(source)
    carried = [frozenset({INPUT})]
    made: dict[tuple[Operation, frozenset[int], int], int] = {}
    labels: dict[int, str] = {}
    for node, label in enumerate(graph.labels[1:], start=1):
        found = operation(label)
        read = frozenset[int]().union(*(carried[i] for i in incoming[node]))
        if found is None or not read:
            carried.append(frozenset())
        elif found.is_identity:
            carried.append(read)
        else:
            copy = node if found.convolutions else 0
            signal = made.setdefault((found, read, copy), len(made) + 1)
            labels.setdefault(signal, label)
            carried.append(frozenset({signal}))
    if not carried[-1]:
        raise Unmeasurable("no way leads from input to output")
    operations, sources = tuple(made_by for made_by, _, _ in made), tuple(read for _, read, _ in made)
    return Flow(operations, sources, carried[-1], tuple(labels.values()))
