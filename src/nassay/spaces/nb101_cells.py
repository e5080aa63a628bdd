"""The cells of NAS-Bench-101 as graphs: pruning, isomorphism, and what one change makes of a cell.

Ying et al. 2019, arXiv:1902.09635: at most seven vertices (input and output included) and nine edges; the vertices
between carry an operation; vertices off every way from input to output are pruned, and isomorphic cells are one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nassay.spaces.isomorphism import orderings

OPERATIONS = ("maxpool3x3", "conv1x1-bn-relu", "conv3x3-bn-relu")  # from small to large
MAX_VERTICES = 7
MAX_EDGES = 9

Edge = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CellGraph:
    """A cell: vertex 0 is the input, the last vertex the output.

    Attributes:
        operations: operation index of the vertices 1, 2, ... between input and output.
        edges: pairs (source, target).
    """

    operations: tuple[int, ...]
    edges: frozenset[Edge]

    @property
    def output(self) -> int:
        """Number of the output vertex."""
        return len(self.operations) + 1

    def sources(self, vertex: int) -> list[int]:
        """The vertices with an edge to `vertex`, sorted."""
        return sorted(i for i, j in self.edges if j == vertex)

    def targets(self, vertex: int) -> list[int]:
        """The vertices with an edge from `vertex`, sorted."""
        return sorted(j for i, j in self.edges if i == vertex)


STRAIGHT = CellGraph((), frozenset({(0, 1)}))


def pruned(cell: CellGraph) -> CellGraph | None:
    """The cell without the vertices off every way from input to output; None if there is no way."""
    live = _reached(cell.edges, 0) & _reached(((j, i) for i, j in cell.edges), cell.output)
    if cell.output not in live:
        return None
    number = {old: new for new, old in enumerate(sorted(live))}
    edges = frozenset((number[i], number[j]) for i, j in cell.edges if i in live and j in live)
    return CellGraph(tuple(cell.operations[v - 1] for v in sorted(live)[1:-1]), edges)


def repaired(operations: Sequence[int], edges: Iterable[Edge]) -> CellGraph:
    """The cell that any set of edges stands for.

    Pruned; of more than nine edges, the nine between the nearest vertices stay; without a way from input to output
    it is the cell that joins them.
    """
    cell = pruned(CellGraph(tuple(operations), frozenset(edges)))
    if cell and len(cell.edges) > MAX_EDGES:
        nearest = sorted(cell.edges, key=lambda edge: (edge[1] - edge[0], edge))
        cell = pruned(replace(cell, edges=frozenset(nearest[:MAX_EDGES])))
    return cell or STRAIGHT


def canonical(cell: CellGraph) -> CellGraph:
    """The same cell with its vertices in an order that all isomorphic cells share (and that is topological)."""
    known = {0: "x"}

    def expression(vertex: int) -> str:
        if vertex not in known:
            inputs = sorted(expression(v) for v in cell.sources(vertex))
            known[vertex] = f"{cell.operations[vertex - 1]}({'+'.join(inputs)})"
        return known[vertex]

    expressions = [expression(v) for v in range(1, cell.output)]

    def numbered(order: list[int]) -> tuple[list[Edge], list[int]]:
        number = {0: 0, cell.output: cell.output} | {old + 1: new for new, old in enumerate(order, start=1)}
        return sorted((number[i], number[j]) for i, j in cell.edges), order

    edges, order = min(numbered(order) for order in orderings(expressions))
    return CellGraph(tuple(cell.operations[i] for i in order), frozenset(edges))


def changes(cell: CellGraph) -> list[CellGraph]:
    """Every cell one step away, vertices in any order.

    A step gives a vertex another operation, adds or removes an edge, inserts a vertex into an edge or beside one, or
    undoes such an insertion. Every step can be undone by one step.
    """
    return [*_operations_changed(cell), *_edges_changed(cell), *_vertices_added(cell), *_vertices_removed(cell)]


def _operations_changed(cell: CellGraph) -> Iterator[CellGraph]:
    for i, old in enumerate(cell.operations):
        for new in range(len(OPERATIONS)):
            if new != old:
                yield replace(cell, operations=(*cell.operations[:i], new, *cell.operations[i + 1 :]))


def _edges_changed(cell: CellGraph) -> Iterator[CellGraph]:
    for edge in sorted(cell.edges):
        fewer = replace(cell, edges=cell.edges - {edge})
        if _is_whole(fewer):
            yield fewer
    if len(cell.edges) < MAX_EDGES:
        for edge in _forward_pairs(cell):
            if edge not in cell.edges:
                yield replace(cell, edges=cell.edges | {edge})


def _vertices_added(cell: CellGraph) -> Iterator[CellGraph]:
    if cell.output + 1 == MAX_VERTICES:
        return
    new, output = cell.output, cell.output + 1
    for i, j in _forward_pairs(cell):
        edges = _renamed(cell.edges, new, output)
        target = output if j == cell.output else j
        way = {(i, new), (new, target)}
        for operation in range(len(OPERATIONS)):
            operations = (*cell.operations, operation)
            if len(edges) + 2 <= MAX_EDGES:
                yield CellGraph(operations, edges | way)
            if (i, j) in cell.edges and len(edges) + 1 <= MAX_EDGES:
                yield CellGraph(operations, edges - {(i, target)} | way)


def _vertices_removed(cell: CellGraph) -> Iterator[CellGraph]:
    for vertex in range(1, cell.output):
        sources, targets = cell.sources(vertex), cell.targets(vertex)
        if len(sources) != 1 or len(targets) != 1:
            continue
        joined = (sources[0], targets[0])
        rest = cell.edges - {(sources[0], vertex), (vertex, targets[0])}
        for edges in dict.fromkeys((rest, rest | {joined})):
            fewer = CellGraph(cell.operations[: vertex - 1] + cell.operations[vertex:], _without(edges, vertex))
            if _is_whole(fewer):
                yield fewer


def _is_whole(cell: CellGraph) -> bool:
    """Whether every vertex is on a way from input to output."""
    found = pruned(cell)
    return found is not None and found.output == cell.output


def _forward_pairs(cell: CellGraph) -> list[Edge]:
    """Pairs of vertices between which an edge makes no cycle."""
    pairs = []
    for j in range(1, cell.output + 1):
        after = _reached(cell.edges, j)
        pairs += [(i, j) for i in range(cell.output) if i not in after]
    return pairs


def _reached(edges: Iterable[Edge], start: int) -> set[int]:
    found, edges = {start}, list(edges)
    for _ in range(MAX_VERTICES):
        found |= {j for i, j in edges if i in found}
    return found


def _renamed(edges: Iterable[Edge], old: int, new: int) -> frozenset[Edge]:
    return frozenset((i, new if j == old else j) for i, j in edges)


def _without(edges: Iterable[Edge], vertex: int) -> frozenset[Edge]:
    return frozenset((i - (i > vertex), j - (j > vertex)) for i, j in edges)
