from nassay.reports import figures
from nassay.reports.data import ReportData


def traces(figure) -> dict:
    return {trace.name: trace for trace in figure.data}


def test_pareto_shows_every_role_and_the_limit(sample):
    figure = figures.pareto(sample)
    found = traces(figure)
    assert set(found) == {"Pareto front", "Others searched", "Finalists", "Random", "Reference", "Best"}
    assert len(found["Others searched"].x) == 40
    assert sorted(set(found["Others searched"].marker.symbol)) == ["circle", "circle-open"]
    assert found["Best"].y == (97.91,)
    assert figure.layout.shapes[0].x0 == 2.0
    assert "1.92\u00a0ms" in found["Best"].hovertext[0]


def test_pareto_falls_back_to_macs_then_to_nothing():
    best = {"architecture": "a", "validation_accuracy": 0.9, "macs": 5e6}
    assert figures.pareto(ReportData({"best": best})).layout.xaxis.title.text == "MACs"
    assert figures.pareto(ReportData()) is None


def test_curves_of_the_compared_networks(sample):
    figure = figures.curves(sample)
    assert [trace.name for trace in figure.data] == ["Best", "Finalist 2", "Reference", "Random"]
    assert figure.layout.xaxis.title.text == "Training time, s"
    assert figure.data[0].y[-1] > 97
    assert figures.curves(ReportData(sample.summary)) is None


def test_curves_without_seconds_run_over_epochs():
    steps = [{"epoch": 1, "validation_accuracy": 0.5}, {"epoch": 2, "validation_accuracy": None}]
    record = {"architecture": "a", "estimator": "training", "value": 0.5, "details": {"curve": steps}}
    figure = figures.curves(ReportData({"best": {"architecture": "a"}}, [record]))
    assert figure.layout.xaxis.title.text == "Epoch"
    assert figure.data[0].x == (1, 2)
    assert figure.data[0].y == (50.0, None)


def test_wide_positive_columns_are_logarithmic(sample):
    gaps = {gap["estimator"]: figures.gap_scatter(sample, gap) for gap in sample.summary["gaps"]}
    assert gaps["synflow"].layout.xaxis.type == "log"
    assert gaps["az_nas"].layout.xaxis.type is None
    assert len(gaps["naswot"].data[0].x) == 40
    assert gaps["zen"] is None


def test_hover_texts_are_escaped_and_wrapped():
    text = figures.hover_text("<b>", "<script>" + "x" * 130, "a & b")
    assert text.startswith("<b>&lt;b&gt;</b><br>&lt;script&gt;")
    assert text.endswith("a &amp; b")
    assert text.count("<br>") == 4
