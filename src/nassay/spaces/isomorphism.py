"""Numberings of a graph's nodes that isomorphic graphs share, so that equal cells get one canonical form."""

from collections.abc import Iterator, Sequence
from itertools import permutations, product


def orderings(expressions: Sequence[str]) -> Iterator[list[int]]:
    """Every order of nodes that their expressions allow: short ones first, equal ones in any order.

    Where a node's expression holds those of its inputs, each order is topological, and two isomorphic graphs have the
    same set of orders up to the isomorphism: the smallest result over all of them is a canonical form.

    Args:
        expressions: what each node computes, written from the inputs on.

    Yields:
        Indices into `expressions`.
    """
    groups: dict[str, list[int]] = {}
    for i in sorted(range(len(expressions)), key=lambda i: (len(expressions[i]), expressions[i])):
        groups.setdefault(expressions[i], []).append(i)
    for order in product(*(permutations(group) for group in groups.values())):
        yield [i for group in order for i in group]
