"""The page as a text: complete, escaped, self-contained; `test_pictures.py` looks at it in a browser."""

import json
import re
from html.parser import HTMLParser

import pytest

from nassay.reports import standalone
from nassay.reports.data import ReportData
from nassay.reports.page import render, write_report

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{7*7}}"
JOINING = {"training", "latency_ms", "predicted_latency_ms", "epochs=3"}  # names that the report looks for


class Elements(HTMLParser):
    """Collects tags with attributes, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.text = ""
        self._stack: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._stack.append(tag)

    def handle_data(self, data):
        if self._stack and self._stack[-1] not in ("script", "style"):
            self.text += data

    def handle_endtag(self, tag):
        self._stack.append(f"/{tag}")


@pytest.fixture
def small_library(monkeypatch):
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")


def plots_of(html: str) -> dict:
    return json.loads(re.search(r'id="plots">(.*?)</script>', html, re.S)[1])


def with_hostile_texts(value):
    """The same data, each text (and key of a table) with the hostile text behind it."""
    if isinstance(value, str):
        return value if value in JOINING else value + HOSTILE
    if isinstance(value, list):
        return [with_hostile_texts(v) for v in value]
    if isinstance(value, dict):
        tables = ("phases", "evaluations", "versions", "config")
        return {
            k: {a + HOSTILE: with_hostile_texts(b) for a, b in v.items()} if k in tables else with_hostile_texts(v)
            for k, v in value.items()
        }
    return value


def test_nothing_is_loaded_and_the_library_is_there_once(sample):
    html = render(sample)
    elements = Elements(html)
    assert not [a for _, a in elements.tags for key in ("src", "srcset", "data") if key in a]
    assert all(a["href"].startswith("#") for _, a in elements.tags if "href" in a)
    assert html.count("* plotly.js v") == 1
    assert "default-src 'none'" in html
    assert "@import" not in html.split("</style>")[0]
    assert "url(" not in html.split("</style>")[0]


def test_everything_is_on_the_page(sample, small_library):
    html = render(sample)
    text = Elements(html).text.replace("\u00a0", " ")
    for words in (
        "97.2 % test accuracy at 1.92 ms", "95 % interval 95.0 % to 98.5 %", "All limits are kept",
        "az_nas", "0.38 to 0.70", "spans 0", "19 min 48 s", "the loss became NaN in epoch 2", "8 x 8 grey images",
        "nassay: digits", "one run in ten takes 2.01 ms",
    ):  # fmt: skip
        assert words in text
    assert set(plots_of(html)) == {"pareto", "curves", "gap-0", "gap-1", "gap-2"}
    assert html.count("<svg") == 1


def test_pictures_and_all_metrics_of_a_task_are_shown(sample, small_library):
    sample.summary["best"]["test_metrics"] = {"AP": 0.31, "AP_50": 0.52}
    html = render(ReportData(sample.summary, sample.records, [{"caption": "<b>boxes</b>", "png": "AAAA"}]))
    elements = Elements(html)
    (image,) = [attributes for tag, attributes in elements.tags if tag == "img"]
    assert image == {"src": "data:image/png;base64,AAAA", "alt": "<b>boxes</b>"}
    assert "Test: AP 0.310, AP 50 0.520." in elements.text
    assert "<b>boxes</b>" in elements.text


def test_hostile_texts_stay_texts(sample, small_library):
    hostile = ReportData(with_hostile_texts(sample.summary), with_hostile_texts(sample.records))
    html = render(hostile)
    elements = Elements(html)
    tags = [tag for tag, _ in elements.tags]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert not [key for _, attributes in elements.tags for key in attributes if key.startswith("on")]
    assert elements.text.count("alert(1)") > 20
    assert "49" not in re.findall(r"&(\d+)", elements.text)
    texts = json.dumps(plots_of(html))
    assert "&lt;script&gt;alert(1)" in texts
    assert "<script" not in texts


@pytest.mark.parametrize("missing", ["absent", "none"])
def test_every_part_of_the_summary_may_be_missing(sample, small_library, missing):
    for key in list(sample.summary):
        rest = {k: v for k, v in sample.summary.items() if k != key} | ({key: None} if missing == "none" else {})
        assert "How it was run" in render(ReportData(rest, sample.records))


@pytest.mark.parametrize("missing", ["absent", "none"])
def test_every_number_of_the_best_may_be_missing(sample, small_library, missing):
    best = sample.summary["best"]
    for key in list(best):
        rest = {k: v for k, v in best.items() if k != key} | ({key: None} if missing == "none" else {})
        assert "Networks compared" in render(ReportData({**sample.summary, "best": rest}, sample.records))


def test_an_empty_and_a_running_study(small_library):
    text = Elements(render(ReportData())).text
    assert "No network has been trained to the end yet." in text
    assert "Plotly" not in render(ReportData())
    assert "This study is interrupted" in Elements(render(ReportData({"status": "interrupted"}))).text


def test_a_missing_value_shows_its_reason(sample, small_library):
    sample.summary["random"] |= {"latency_ms": None, "latency": None, "reasons": {"latency_ms": "the export failed"}}
    assert "the export failed" in Elements(render(sample)).text


def test_written_whole_over_what_was_there(tmp_path, sample, small_library):
    path = write_report(tmp_path, sample)
    assert path == tmp_path / "report.html"
    assert path.read_text("utf-8") == render(sample)
    assert write_report(tmp_path, ReportData()).read_text("utf-8") == render(ReportData())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html"]
