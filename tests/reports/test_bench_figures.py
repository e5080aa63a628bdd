import pytest

from nassay.reports.bench_figures import benchmark_matrix, correlation_matrix, forest, rank_scatter


def test_the_forest_has_both_shares_and_the_claims(bench):
    figure = forest(bench)
    everything, best, claims = figure.data
    assert (everything.name, best.name, claims.name) == ("all", "best 10 %", "published, all")
    assert dict(zip(everything.y, everything.x, strict=True)) == {
        "random": 0.01,
        "macs": 0.5,
        "params": 0.5,
        "zen": 0.7,
    }
    place = list(everything.y).index("zen")
    assert everything.error_x.array[place] == pytest.approx(0.1)
    assert everything.error_x.arrayminus[place] == pytest.approx(0.1)
    assert (list(claims.y), list(claims.x)) == (["zen"], [0.296])
    assert list(figure.layout.yaxis.categoryarray) == ["random", "macs", "params", "zen"]  # from below


def test_a_share_without_interval_has_no_whiskers(bench):
    bench["rows"][0]["shares"][0] |= {"ci_low": None, "ci_high": None}
    figure = forest(bench)
    place = list(figure.data[0].y).index("zen")
    assert (figure.data[0].error_x.array[place], figure.data[0].error_x.arrayminus[place]) == (0, 0)


def test_ranks_and_the_pick(bench, drawn):
    points, star = rank_scatter(bench, drawn, bench["rows"][0]).data
    assert (list(points.x), list(points.y)) == ([3, 1, 2], [1, 2, 3])
    assert (star.x[0], star.y[0]) == (3, 1)
    assert "92.50" in star.hovertext[0]


def test_a_pick_that_is_not_drawn_has_no_star(bench, drawn):
    bench["rows"][0]["pick"] = 700
    assert len(rank_scatter(bench, drawn, bench["rows"][0]).data) == 1


def test_no_score_no_plot(bench, drawn):
    bench["rows"][0]["pick"] = None
    assert rank_scatter(bench, drawn, bench["rows"][0]) is None


def test_names_are_escaped(bench, drawn):
    bench["rows"][0]["name"] = "<b>zen"
    bench["correlations"]["names"][0] = "<b>zen"
    assert "&lt;b&gt;zen" in forest(bench).data[0].y
    assert correlation_matrix(bench).data[0].x[0] == "&lt;b&gt;zen"


def test_the_matrix_writes_its_values(bench):
    (heat,) = correlation_matrix(bench).data
    assert list(heat.text[0])[:2] == ["1.00", ".50"]
    assert list(heat.text[3])[:1] == [""]
    assert list(heat.x) == list(heat.y) == bench["correlations"]["names"]


def test_proxies_on_benchmarks(zero_shot):
    (heat,) = benchmark_matrix(zero_shot, 1.0).data
    assert list(heat.x) == ["nasbench201 cifar10"]
    assert dict(zip(heat.y, [line[0] for line in heat.z], strict=True))["zen"] == pytest.approx(0.8)
