"""Which encodings of a NAS-Bench-201 cell, or of another cell with its nodes and edges, are the same computation.

Dong & Yang 2020, arXiv:2001.00326, count 6,466 unique cells among 15,625 by the strings of what the cells compute.
Here there are 5,260 classes. Strings differ, and classes do not, where

- a sum holds zeros: `x + 0` and `x + 0 + 0`;
- a sum that a skip passes on is not sorted in with the other terms: `(a + c) + b` and `(a + b) + c`.

Classes differ, and strings do not, where a convolution is shared by two nodes instead of made twice with weights of
its own: the parameters differ.

A convolution of a zero node is taken for zero, as in the paper: all it could add is its batch norm's bias.

TransNAS-Bench-101's cells have the first four of the operations. They are used with stride 2 as well (`reduces`), where
a skip from the input node is an operation with weights of its own.
"""

from functools import cache
from itertools import product

from nassay.spaces.isomorphism import orderings

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NONE, SKIP, POOL = (
    OPERATIONS.index("none"),
    OPERATIONS.index("skip_connect"),
    OPERATIONS.index("avg_pool_3x3"),
)
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (target node, source node)
OUTPUT_NODE = 3

Choices = tuple[int, ...]


def live_edges(choices: Choices) -> set[int]:
    """Indices of the edges on a way of operations other than `none` from input to output."""
    reached = {0}
    for (target, source), choice in zip(EDGES, choices, strict=True):
        if choice != NONE and source in reached:
            reached.add(target)
    used = {OUTPUT_NODE}
    live = set()
    for i in reversed(range(len(EDGES))):
        target, source = EDGES[i]
        if choices[i] != NONE and target in used and source in reached:
            used.add(source)
            live.add(i)
    return live


def computation(choices: Choices, reduces: bool = False) -> tuple[object, ...]:
    """What a cell computes, the same for two encodings exactly if they are isomorphic.

    The live operations are numbered, each with the multiset of what it sums up (0 is the cell's input):
    `none` edges and dead operations vanish, `skip_connect` passes its source on, equal poolings are one. Of
    all numberings of operations with equal expressions, the smallest result counts.

    Args:
        choices: operation index of each of the six edges.
        reduces: whether a skip from the input node is an operation, as with stride 2.

    Returns:
        Nested tuples: one (operation, inputs) for each operation, then the output's inputs.
    """
    operations, output = _operations(choices, reduces)
    expressions: list[str] = ["x"]
    for choice, inputs in operations[1:]:
        expressions.append(f"{choice}({'+'.join(sorted(expressions[i] for i in inputs))})")

    def numbered(order: list[int]) -> tuple[object, ...]:
        number = {0: 0} | {old + 1: new for new, old in enumerate(order, start=1)}
        renamed = [(operations[i + 1][0], tuple(sorted(number[j] for j in operations[i + 1][1]))) for i in order]
        return (*renamed, tuple(sorted(number[j] for j in output)))

    return min(numbered(order) for order in orderings(expressions[1:]))


def _operations(choices: Choices, reduces: bool) -> tuple[list[tuple[int, Choices]], Choices]:
    """The live operations as (operation index, sorted inputs), the input first, and the output's terms."""
    live = live_edges(choices)
    operations: list[tuple[int, Choices]] = [(SKIP, ())]
    nodes: list[list[int]] = [[0], [], [], []]
    for i, (target, source) in enumerate(EDGES):
        if i not in live:
            continue
        if choices[i] == SKIP and not (reduces and source == 0):
            nodes[target] += nodes[source]
            continue
        operation = (choices[i], tuple(sorted(nodes[source])))
        if choices[i] != POOL or operation not in operations:
            operations.append(operation)
            nodes[target].append(len(operations) - 1)
        else:
            nodes[target].append(operations.index(operation))
    return operations, tuple(sorted(nodes[OUTPUT_NODE]))


@cache
def classes(
    num_operations: int = len(OPERATIONS), reduces: bool = False
) -> tuple[dict[Choices, Choices], dict[Choices, list[Choices]]]:
    """For every encoding its canonical one, and for every canonical one its members.

    Args:
        num_operations: how many of the operations the cells have.
        reduces: whether a skip from the input node is an operation, as with stride 2.
    """
    first: dict[tuple[object, ...], Choices] = {}
    canonical: dict[Choices, Choices] = {}
    members: dict[Choices, list[Choices]] = {}
    for choices in product(range(num_operations), repeat=len(EDGES)):
        canonical[choices] = first.setdefault(computation(choices, reduces), choices)
        members.setdefault(canonical[choices], []).append(choices)
    return canonical, members


def one_edge_away(
    choices: Choices, num_operations: int, known: tuple[dict[Choices, Choices], dict[Choices, list[Choices]]]
) -> list[Choices]:
    """The canonical encodings one edge away from any encoding of a canonical one, without itself, sorted.

    Args:
        choices: a canonical encoding.
        num_operations: how many operations an edge may have.
        known: what `classes` gives for these cells.
    """
    canonical, members = known
    near = {
        canonical[(*member[:i], option, *member[i + 1 :])]
        for member in members[choices]
        for i in range(len(EDGES))
        for option in range(num_operations)
    }
    return sorted(near - {choices})
