"""The page in a real browser: plots are drawn, hostile texts do nothing."""

import re
import shutil

import pytest
from PIL import Image

from nassay.errors import UserError
from nassay.reports.data import ReportData
from nassay.reports.page import write_report
from nassay.reports.pictures import browse, find_browser, picture

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium on this machine")
ATTACK = "<img src=x onerror=\"document.documentElement.dataset.hacked='yes'\"><b>bold</b>"


@needs_browser
def test_plots_are_drawn_without_errors(tmp_path, sample):
    done = browse(write_report(tmp_path, sample), "--dump-dom", "--enable-logging=stderr", "--v=0")
    assert len(re.findall(r'class="main-svg"', done.stdout)) >= 5
    assert len(re.findall(r'class="plot[^"]* js-plotly-plot"', done.stdout)) == 5
    assert "CONSOLE" not in done.stderr


@needs_browser
def test_hostile_texts_do_nothing_in_the_browser(tmp_path, sample):
    best = sample.summary["best"]
    hostile = {**sample.summary, "best": {**best, "architecture": ATTACK}, "space": ATTACK}
    records = [
        {**r, "architecture": ATTACK} if r["architecture"] == best["architecture"] else r for r in sample.records
    ]
    hostile["gaps"] = [{**sample.summary["gaps"][0], "truth": "training", "estimator": "az_nas"}]
    dom = browse(write_report(tmp_path, ReportData(hostile, records)), "--dump-dom").stdout
    assert "js-plotly-plot" in dom
    assert "data-hacked" not in dom
    assert "<b>bold" not in dom


@needs_browser
def test_a_picture_has_the_asked_size(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<style>:root{background:#fff}@media(prefers-color-scheme:dark){:root{background:#000}}</style>")
    light = picture(page, tmp_path / "light.png", width=640, height=480)
    dark = picture(page, tmp_path / "dark.png", width=640, height=480, dark=True)
    with Image.open(light) as a, Image.open(dark) as b:
        assert a.size == b.size == (640, 480)
        assert a.convert("L").getpixel((5, 5)) == 255
        assert b.convert("L").getpixel((5, 5)) == 0


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no page"):
        picture(tmp_path / "none.html", tmp_path / "none.png")
    (tmp_path / "page.html").write_text("")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="Install chromium"):
        picture(tmp_path / "page.html", tmp_path / "none.png")
