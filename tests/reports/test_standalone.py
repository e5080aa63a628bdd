import base64
import hashlib
import json
import re

import pytest

from nassay.reports import bench_tables, standalone
from nassay.reports.standalone import standalone_page


@pytest.fixture
def page(monkeypatch, bench):
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")
    plots = {"whole": {"data": [], "layout": {"title": "</script> & more"}}, "best": {"data": [], "layout": {}}}
    summary = {"overview": [], "benchmarks": [], "findings": ["x"], "absent": [], "seed": 0, "batch_size": 1}
    return standalone_page("zero_shot.html.j2", plots, summary=summary, tables=bench_tables)


def test_only_the_pages_own_scripts_may_run(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace("&#39;", "'")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    for source in scripts:
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_plots_cannot_leave_their_script(page):
    text = re.search(r'<script type="application/json" id="plots">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(text)["whole"]["layout"]["title"] == "</script> & more"
    assert "&" not in text


def test_a_plot_without_a_number_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="not JSON compliant"):
        standalone_page("zero_shot.html.j2", {"whole": {"data": [float("nan")]}})
