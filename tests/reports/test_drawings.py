from xml.etree import ElementTree

from markupsafe import Markup

from nassay.reports.drawings import draw_network

SVG = "{http://www.w3.org/2000/svg}"
GRAPH = {"labels": ["input", "conv 3x3", "conv 5x5", "none", "add", "output"]}
GRAPH["edges"] = [[0, 1], [0, 2], [0, 3], [1, 4], [2, 4], [3, 4], [4, 5]]


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_boxes_labels_and_arrows():
    root = parsed(draw_network(GRAPH))
    assert [text.text for text in root.iter("text")] == ["input", "conv 3x3", "conv 5x5", "none", "+", "output"]
    assert sum(path.get("class") == "arrow" for path in root.iter("path")) == 7
    assert [g.get("class") for g in root.iter("g")] == [
        "box end", "box kind-0", "box kind-0", "box nothing", "box sum", "box end",
    ]  # fmt: skip


def test_it_is_told_in_words():
    assert parsed(draw_network(GRAPH)).get("aria-label") == (
        "The network: 4 operations, 7 connections: conv 3x3, conv 5x5, none, add"
    )


def test_hostile_and_long_labels():
    hostile = '"><script>alert(1)</script>' + "x" * 50
    svg = draw_network({"labels": ["input", hostile, "output"], "edges": [[0, 1], [1, 2]]})
    root = parsed(svg)
    assert "<script" not in svg
    assert [title.text for title in root.iter("title")][1] == hostile
    assert len([text.text for text in root.iter("text")][1]) == 28


def test_nothing_to_draw_and_edges_to_nowhere():
    assert draw_network({}) == Markup("")
    root = parsed(draw_network({"labels": ["a", "b"], "edges": [[0, 7], [1, 0], [0, 1]]}))
    assert sum(path.get("class") == "arrow" for path in root.iter("path")) == 1
