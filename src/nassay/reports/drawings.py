"""A network drawn as inline SVG, from its labelled graph; colours come from the page's style."""

import re

from markupsafe import Markup, escape

from nassay.reports.data import GraphData
from nassay.reports.layouts import Box, lay_out

_LONGEST = 28  # letters of a label that are drawn; the whole label is in the tooltip
_KINDS = 5  # number of colours for kinds of operations
_ENDS = ("input", "output")
_NOTHING = ("none", "zero", "zeroize")
_SHORT = {"add": "+", "multiply": "×"}


def draw_network(graph: GraphData, *, width: float = 1120) -> Markup:
    """The drawing as an SVG element, safe to put into a page.

    Args:
        graph: labels, and edges (i, j) with i < j.
        width: a chain of blocks is broken into rows of this many pixels.
    """
    labels = [str(label) for label in graph.get("labels") or []]
    edges = [(int(i), int(j)) for i, j in graph.get("edges") or [] if 0 <= i < j < len(labels)]
    if not labels:
        return Markup("")
    layout = lay_out([_short(label) for label in labels], edges, width)
    kinds = _kinds(labels)
    parts = [
        Markup(
            '<svg class="network" role="img" aria-label="{}" viewBox="0 0 {:.0f} {:.0f}" width="{:.0f}">'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
        ).format(_description(labels, edges), layout.width, layout.height, layout.width)
    ]
    parts += [Markup('<path class="arrow" marker-end="url(#tip)" d="{}"/>').format(path) for path in layout.arrows]
    parts += [_draw_box(box, label, kinds[label]) for box, label in zip(layout.boxes, labels, strict=True)]
    return Markup("").join([*parts, Markup("</svg>")])


def _short(label: str) -> str:
    label = _SHORT.get(label, label)
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _description(labels: list[str], edges: list[tuple[int, int]]) -> str:
    """The drawing in words, for readers who do not see it."""
    operations = [label for label in labels if label not in _ENDS]
    return f"The network: {len(operations)} operations, {len(edges)} connections: {', '.join(operations)}"


def _kinds(labels: list[str]) -> dict[str, str]:
    """Label -> CSS class; labels that begin alike (up to the first digit) are of one kind."""
    stems = list(dict.fromkeys(_stem(label) for label in labels if not _plain(label)))
    return {label: _plain(label) or f"kind-{stems.index(_stem(label)) % _KINDS}" for label in labels}


def _stem(label: str) -> str:
    return re.split(r"[\d\s]", label, maxsplit=1)[0]


def _plain(label: str) -> str:
    """The class of labels that are no operation to speak of, else an empty string."""
    if label in _ENDS:
        return "end"
    return "nothing" if label in _NOTHING else "sum" if label in _SHORT else ""


def _draw_box(box: Box, label: str, kind: str) -> Markup:
    return Markup(
        '<g class="box {}"><title>{}</title>'
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="{}"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text></g>'
    ).format(
        kind,
        escape(label),
        box.x,
        box.y,
        box.width,
        box.height,
        17 if kind in ("end", "sum") else 7,
        box.x + box.width / 2,
        box.middle + 4,
        escape(box.label),
    )
