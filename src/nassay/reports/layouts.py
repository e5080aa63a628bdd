"""Where the boxes and arrows of a network drawing go, in pixels from the top left.

Chains of blocks (macro networks) run in rows like text; anything else is layered by longest path, long edges
routed through dummy nodes and layers ordered by barycentres (Sugiyama et al. 1981).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import networkx as nx

Edge = tuple[int, int]

HEIGHT = 34.0
_LETTER = 7.3  # width of a letter of the drawings' 12 px monospace font
_PADDING = 20.0
_GAP = 26.0  # between boxes of a row
_ROW = 84.0  # from row to row of a chain
_MARGIN = 30.0
_LANE = 52.0  # from line to line of a layer


@dataclass(frozen=True)
class Box:
    """A node: its label and rectangle; `x`, `y` are the top left corner."""

    label: str
    x: float
    y: float
    width: float
    height: float = HEIGHT

    @property
    def middle(self) -> float:
        """The y of its middle."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Layout:
    """A drawing: boxes by node number, arrows as SVG path data, the drawing's size."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    width: float
    height: float


def lay_out(labels: Sequence[str], edges: Sequence[Edge], width: float) -> Layout:
    """Place a labelled DAG whose edges go from lower to higher numbers.

    Args:
        labels: one per node, as they are drawn.
        edges: pairs (i, j), i < j.
        width: a chain's rows are broken at it; a layered drawing may be wider.
    """
    if len(labels) > 2 and {(i, i + 1) for i in range(len(labels) - 1)} <= set(edges):
        return _chain(labels, edges, width)
    return _layered(labels, edges)


def _box_width(label: str) -> float:
    return HEIGHT if len(label) <= 1 else _LETTER * len(label) + _PADDING


# Chains ---------------------------------------------------------------------------------------------------


def _chain(labels: Sequence[str], edges: Sequence[Edge], width: float) -> Layout:
    """Boxes from left to right in rows; edges that pass boxes by are arcs above them."""
    skips = [(i, j) for i, j in edges if j > i + 1]
    boxes: list[Box] = []
    x, y = _MARGIN, _MARGIN
    for group in _unbroken(len(labels), skips):
        needed = sum(_box_width(labels[i]) + _GAP for i in group) - _GAP
        if x > _MARGIN and x + needed > width - _MARGIN:
            x, y = _MARGIN, y + _ROW
        for i in group:
            boxes.append(Box(labels[i], x, y, _box_width(labels[i])))
            x += boxes[-1].width + _GAP
    steps = [_step(a, b) for a, b in zip(boxes, boxes[1:], strict=False)]
    right = max(box.x + box.width for box in boxes) + _MARGIN
    return Layout(tuple(boxes), (*steps, *(_arc(boxes[i], boxes[j]) for i, j in skips)), right, y + HEIGHT + _MARGIN)


def _unbroken(count: int, skips: Sequence[Edge]) -> list[list[int]]:
    """Nodes in groups that stay on one row: from after a skip's source to its target."""
    tied = {k for i, j in skips for k in range(i + 2, j + 1)}
    groups: list[list[int]] = []
    for node in range(count):
        if node in tied:
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _step(a: Box, b: Box) -> str:
    """From one box of a chain to the next, around the corner where a row ends."""
    start = f"M{a.x + a.width:.1f} {a.middle:.1f}"
    if a.y == b.y:
        return f"{start} H{b.x:.1f}"
    between = b.y - (_ROW - HEIGHT) / 2
    return f"{start} h12 V{between:.1f} H{b.x - 14:.1f} V{b.middle:.1f} H{b.x:.1f}"


def _arc(a: Box, b: Box) -> str:
    """From a box's right edge over those between to the top of another, or from the row above."""
    left, right = a.x + a.width + _GAP / 3, b.x + b.width / 2
    if a.y != b.y:
        left = _MARGIN - _GAP / 3
    over = b.y - 20
    return f"M{left:.1f} {b.middle:.1f} C{left:.1f} {over:.1f} {right:.1f} {over:.1f} {right:.1f} {b.y:.1f}"


# Layers ---------------------------------------------------------------------------------------------------


def _layered(labels: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Layers from left to right."""
    layers, routes = _layers(len(labels), edges)
    widest = [max((_box_width(labels[v]) for v in layer if v < len(labels)), default=0.0) for layer in layers]
    tallest = max(len(layer) for layer in layers)
    places: dict[int, Box] = {}
    x = _MARGIN
    for layer, column in zip(layers, widest, strict=True):
        top = _MARGIN + (tallest - len(layer)) * _LANE / 2
        for lane, node in enumerate(layer):
            width = _box_width(labels[node]) if node < len(labels) else column
            label = labels[node] if node < len(labels) else ""
            places[node] = Box(label, x + (column - width) / 2, top + lane * _LANE, width)
        x += column + 2 * _GAP
    arrows = tuple(_curve([places[v] for v in route]) for route in routes)
    boxes = tuple(places[v] for v in range(len(labels)))
    return Layout(boxes, arrows, x - 2 * _GAP + _MARGIN, 2 * _MARGIN + (tallest - 1) * _LANE + HEIGHT)


def _layers(count: int, edges: Sequence[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """Nodes and dummy nodes (numbers from `count`) by layer, and each edge's route through them."""
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(count))
    layers = [sorted(layer) for layer in nx.topological_generations(graph)]
    layer_of = {node: depth for depth, layer in enumerate(layers) for node in layer}
    routes = []
    for i, j in edges:
        dummies = []
        for depth in range(layer_of[i] + 1, layer_of[j]):
            dummies.append(count)
            layers[depth].append(count)
            count += 1
        routes.append([i, *dummies, j])
    return _untangled(layers, routes), routes


def _untangled(layers: list[list[int]], routes: list[list[int]]) -> list[list[int]]:
    """Each layer sorted by the mean place of its neighbours, forward and backward, four times."""
    steps = [(a, b) for route in routes for a, b in zip(route, route[1:], strict=False)]
    before = _neighbours([(b, a) for a, b in steps])
    after = _neighbours(steps)
    for _ in range(4):
        for order, near in ((range(1, len(layers)), before), (range(len(layers) - 2, -1, -1), after)):
            for depth in order:
                place = {v: k / max(1, len(layer)) for layer in layers for k, v in enumerate(layer)}
                layers[depth] = sorted(layers[depth], key=_mean_place(near, place))
    return layers


def _neighbours(steps: list[Edge]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for a, b in steps:
        found.setdefault(a, []).append(b)
    return found


def _mean_place(near: dict[int, list[int]], place: dict[int, float]) -> Callable[[int], float]:
    def key(node: int) -> float:
        places = [place[v] for v in near.get(node, [])] or [place[node]]
        return sum(places) / len(places)

    return key


def _curve(boxes: list[Box]) -> str:
    """A smooth arrow from the first box's right edge through the dummies to the last box's left edge."""
    path = f"M{boxes[0].x + boxes[0].width:.1f} {boxes[0].middle:.1f}"
    x, y = boxes[0].x + boxes[0].width, boxes[0].middle
    for box in boxes[1:]:
        half = (box.x - x) / 2
        path += f" C{x + half:.1f} {y:.1f} {x + half:.1f} {box.middle:.1f} {box.x:.1f} {box.middle:.1f}"
        x, y = box.x, box.middle
        if box is not boxes[-1]:
            x += box.width
            path += f" H{x:.1f}"
    return path
