from html.parser import HTMLParser

import pytest

from nassay.reports import standalone
from nassay.reports.bench_page import render_bench, render_zero_shot


@pytest.fixture(autouse=True)
def small_library(monkeypatch):
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")


class Ids(HTMLParser):
    """Ids, links within the page and things from outside."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.foreign = set(), set(), []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if (found.get("href") or "").startswith("#"):
            self.links.add(found["href"][1:])
        self.foreign += [v for k, v in attrs if k == "src"]


def parsed(html):
    parser = Ids()
    parser.feed(html)
    return parser


def test_everything_is_on_the_page(bench, drawn):
    html = render_bench(bench, drawn)
    page = parsed(html)
    assert page.links <= page.ids
    assert page.foreign == []
    assert {"plot-forest", "plot-matrix", "plot-scatter-0"} <= page.ids
    for text in (
        "zen ranks cifar10 best",
        ".600 to .800",
        "τ .296, ρ .350",
        "a figure",
        "the network is dead",
        "torch 2",
    ):
        assert text in html
    assert "3 of 1000, drawn at random" in html


def test_a_proxy_without_scores_says_so(bench, drawn):
    bench["rows"][0]["pick"] = None
    html = render_bench(bench, drawn)
    assert "plot-scatter-0" not in parsed(html).ids
    assert "No architecture has a score." in html


def test_foreign_text_is_escaped(bench, drawn):
    bench["rows"][0]["reasons"] = {"</script><script>alert(1)</script>": 1}
    bench["dataset"] = "<img src=x>"
    html = render_bench(bench, drawn)
    assert "<script>alert" not in html
    assert "<img" not in html


def test_many_benchmarks(zero_shot):
    html = render_zero_shot(zero_shot)
    page = parsed(html)
    assert page.links <= page.ids
    assert {"plot-whole", "plot-best"} <= page.ids
    assert "A finding." in html
    assert 'href="nasbench201-cifar10/report.html"' in html
    assert "nds: there is no file" in html
