"""Which encodings of a NAS-Bench-201 cell are the same computation.

Dong & Yang 2020, arXiv:2001.00326, count 6,466 unique cells among 15,625 by the strings of what the cells compute.
Here there are 5,260 classes. Strings differ, and classes do not, where

- a sum holds zeros: `x + 0` and `x + 0 + 0`;
- a sum that a skip passes on is not sorted in with the other terms: `(a + c) + b` and `(a + b) + c`.

Classes differ, and strings do not, where a convolution is shared by two nodes instead of made twice with weights of
its own: the parameters differ.

A convolution of a zero node is taken for zero, as in the paper: all it could add is its batch norm's bias.
"""

from functools import cache
from itertools import permutations, product

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


def computation(choices: Choices) -> tuple[object, ...]:
    """What a cell computes, the same for two encodings exactly if they are isomorphic.

    The live operations are numbered, each with the multiset of what it sums up (0 is the cell's input):
    `none` edges and dead operations vanish, `skip_connect` passes its source on, equal poolings are one. Of
    all numberings of operations with equal expressions, the smallest result counts.

    Args:
        choices: operation index of each of the six edges.

    Returns:
        Nested tuples: one (operation, inputs) for each operation, then the output's inputs.
    """
    operations, output = _operations(choices)
    expressions: list[str] = ["x"]
    for choice, inputs in operations[1:]:
        expressions.append(f"{choice}({'+'.join(sorted(expressions[i] for i in inputs))})")
    groups: dict[str, list[int]] = {}
    for i in sorted(range(1, len(operations)), key=lambda i: (len(expressions[i]), expressions[i])):
        groups.setdefault(expressions[i], []).append(i)

    def numbered(order: list[int]) -> tuple[object, ...]:
        number = {0: 0} | {old: new for new, old in enumerate(order, start=1)}
        renamed = [(operations[i][0], tuple(sorted(number[j] for j in operations[i][1]))) for i in order]
        return (*renamed, tuple(sorted(number[j] for j in output)))

    orders = product(*(permutations(group) for group in groups.values()))
    return min(numbered([i for group in order for i in group]) for order in orders)


def _operations(choices: Choices) -> tuple[list[tuple[int, Choices]], Choices]:
    """The live operations as (operation index, sorted inputs), the input first, and the output's terms."""
    live = live_edges(choices)
    operations: list[tuple[int, Choices]] = [(SKIP, ())]
    nodes: list[list[int]] = [[0], [], [], []]
    for i, (target, source) in enumerate(EDGES):
        if i not in live:
            continue
        if choices[i] == SKIP:
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
def classes() -> tuple[dict[Choices, Choices], dict[Choices, list[Choices]]]:
    """For every encoding its canonical one, and for every canonical one its members."""
    first: dict[tuple[object, ...], Choices] = {}
    canonical: dict[Choices, Choices] = {}
    members: dict[Choices, list[Choices]] = {}
    for choices in product(range(len(OPERATIONS)), repeat=len(EDGES)):
        canonical[choices] = first.setdefault(computation(choices), choices)
        members.setdefault(canonical[choices], []).append(choices)
    return canonical, members
