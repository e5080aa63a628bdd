"""Genotypes of pyramid networks: a directed acyclic graph of nodes 0 to n with at most one path between two of them.

Node 0 is what comes in; node i is the sum of the paths that lead to it; all nodes but 0 add up to what goes out. A
genotype has one option for each pair (target, source), source < target, in the order (1, 0), (2, 0), (2, 1), (3, 0) and
so on, and option 0 for no path. Two genotypes are the same network where they differ in the order of their nodes, or in
paths that lead on from nodes that nothing reaches.
"""

from functools import lru_cache

from nassay.spaces.isomorphism import orderings

Choices = tuple[int, ...]
Paths = dict[tuple[int, int], int]  # the option of every path that there is, by its target and source

INPUT, NO_PATH = 0, 0


def pairs(nodes: int) -> list[tuple[int, int]]:
    """(target, source) of every choice; choice i (i - 1) / 2 + j is the path from node j to node i."""
    return [(target, source) for target in range(1, nodes + 1) for source in range(target)]


@lru_cache(maxsize=65536)
def canonical(choices: Choices, nodes: int) -> Choices:
    """The encoding that stands for all encodings of a network: nodes that are reached come first."""
    return _numbered(_reached(_paths(choices, nodes)), nodes)


def is_dead(choices: Choices, nodes: int) -> bool:
    """Whether nothing reaches any node: what goes out is zero."""
    return not _reached(_paths(choices, nodes))


def one_path_away(choices: Choices, nodes: int, options: int) -> set[Choices]:
    """Canonical encodings with one path more, one less, or another option on one path.

    A new path may lead to a new node. A node goes with its last incoming path, but only where no path leads on from it:
    so each network is as far from its neighbor as the neighbor is from it.

    Args:
        choices: a canonical encoding that is not dead.
        nodes: number of nodes without the input.
        options: how many there are for a path, `NO_PATH` included.
    """
    paths = _paths(choices, nodes)
    alive = [INPUT, *sorted({target for target, _ in paths})]
    targets = alive[1:] + [len(alive)] * (len(alive) <= nodes)
    found = set()
    for target in targets:
        for source in alive:
            if _depends(paths, source, target):
                continue
            for option in range(options):
                changed = {**paths, (target, source): option}
                if option == NO_PATH:
                    del changed[target, source]
                if changed and _reached(changed) == changed:
                    found.add(_numbered(changed, nodes))
    return found - {choices}


def _paths(choices: Choices, nodes: int) -> Paths:
    return {pair: choice for pair, choice in zip(pairs(nodes), choices, strict=True) if choice != NO_PATH}


def _reached(paths: Paths) -> Paths:
    """The paths whose sources the input reaches."""
    alive: set[int] = {INPUT}
    while more := {target for target, source in paths if source in alive} - alive:
        alive |= more
    return {(target, source): option for (target, source), option in paths.items() if source in alive}


def _depends(paths: Paths, node: int, on: int) -> bool:
    """Whether a node is another one, or a way leads to it from there."""
    return node == on or any(_depends(paths, source, on) for target, source in paths if target == node)


def _numbered(paths: Paths, nodes: int) -> Choices:
    """The smallest encoding over the orders of the nodes that isomorphic graphs share."""
    known: dict[int, str] = {INPUT: "x"}

    def expression(node: int) -> str:
        if node not in known:
            terms = (f"{option}({expression(source)})" for (target, source), option in paths.items() if target == node)
            known[node] = f"[{'+'.join(sorted(terms))}]"
        return known[node]

    alive = sorted({target for target, _ in paths})
    expressions = [expression(node) for node in alive]

    def encoded(order: list[int]) -> Choices:
        number: dict[int, int] = {INPUT: 0} | {alive[old]: new for new, old in enumerate(order, start=1)}
        placed = {(number[target], number[source]): option for (target, source), option in paths.items()}
        return tuple(placed.get(pair, NO_PATH) for pair in pairs(nodes))

    return min(map(encoded, orderings(expressions)))
