import pytest

from nassay.reports.zero_shot_findings import findings, overview, relative_regret, rho


def row(name, whole, best=None, regret=1.0, milliseconds=1.0, budgets=()):
    shares = [{"share": 1.0, "spearman_rho": whole}, {"share": 0.05, "spearman_rho": best}]
    return {
        "name": name,
        "shares": shares,
        "regret": regret,
        "milliseconds": milliseconds,
        "budgets": [{"regret": r} for r in budgets],
    }


def benchmark(*rows, best=90.0, mean=80.0):
    return {"table": "t", "dataset": "d", "best": {"value": best}, "mean": mean, "rows": list(rows)}


@pytest.fixture
def two():
    """zen leads params on the first benchmark and trails on the second; random is random."""
    return [
        benchmark(
            row("params", 0.6, 0.1, regret=2.0, milliseconds=0.1, budgets=(1, 2)),
            row("zen", 0.8, 0.2, regret=1.0, milliseconds=20, budgets=(2, 1)),
            row("random", 0.0, 0.0, regret=10.0, budgets=(9, 1)),
        ),
        benchmark(
            row("params", 0.5, None, regret=5.0, milliseconds=0.3, budgets=(0, 5)),
            row("zen", 0.3, None, regret=None, milliseconds=40, budgets=(None, 3)),
            row("random", 0.1, None, regret=10.0),
        ),
    ]


def test_means_over_the_benchmarks_that_have_a_value(two):
    lines = {line["name"]: line for line in overview(two)}
    assert list(lines) == ["params", "zen", "random"] or list(lines) == ["zen", "params", "random"]
    zen = lines["zen"]
    assert (zen["rho"], zen["worst"], zen["rho_best"], zen["milliseconds"]) == pytest.approx((0.55, 0.3, 0.2, 30))
    assert (zen["ahead"], zen["behind"], zen["benchmarks"]) == (1, 1, 2)
    assert zen["relative_regret"] == pytest.approx(0.1)  # 1 of the 10 that a random pick lacks
    assert lines["params"]["relative_regret"] == pytest.approx((0.2 + 0.5) / 2)
    assert (lines["params"]["ahead"], lines["params"]["behind"]) == (0, 0)


def test_a_benchmark_that_a_proxy_was_trained_on_does_not_count(two):
    two[0]["rows"][1]["trained_on"] = ["t"]
    two[1]["table"] = "another"
    two[1]["rows"][1]["trained_on"] = ["t"]
    zen = {line["name"]: line for line in overview(two)}["zen"]
    assert (zen["rho"], zen["benchmarks"], zen["ahead"], zen["behind"]) == (0.3, 1, 0, 1)


def test_regret_is_measured_in_that_of_chance(two):
    assert relative_regret(two[0], two[0]["rows"][2]) == 1
    assert relative_regret(two[1], two[1]["rows"][1]) is None
    assert relative_regret(benchmark(row("p", 0.5), best=80.0), row("p", 0.5)) is None


def test_the_reviews_findings(two):
    stability, baseline, collapse, choice, budget, price = findings(two)
    assert "worst ρ .500" in stability
    assert "mean ρ .550: no proxy beats it on every benchmark by more than 0.05, as the review found" in baseline
    assert collapse == (
        "Among the truly best 5 % correlations collapse: mean ρ of all proxies .550 over all architectures, "
        ".150 among the best; highest there: zen, .200."
    )
    assert "zen 10.0" in choice
    assert "params 35.0" in choice
    assert "in 2 of 3 pairs" in budget  # params twice; zen has no tight value once; random does not count
    assert price == "Below a millisecond an architecture: params; dearest: zen, 30.0 ms."


def test_a_proxy_that_always_leads_is_named():
    found = findings([benchmark(row("params", 0.5), row("zen", 0.6))])
    assert found[0].startswith("Best on average over 1 benchmark: zen")
    assert "zen beats it on every benchmark" in found[1]
    assert "never behind by more than that: zen" in found[1]
    assert found[2] == "No benchmark has enough architectures for a ranking of its best 5 %."
    assert found[4] == "No benchmark has multiply-accumulates for a budget."


@pytest.mark.parametrize(
    ("best", "verdict"),
    [(0.7, "do not fall"), (0.6, "do not fall"), (0.4, "fall"), (0.2, "collapse"), (-0.3, "collapse")],
)
def test_correlations_among_the_best_are_told_as_they_are(best, verdict):
    found = findings([benchmark(row("params", 0.6, best))])
    assert found[2].startswith(f"Among the truly best 5 % correlations {verdict}: ")


def test_leading_where_others_have_no_value_is_not_leading_everywhere(two):
    two[0]["rows"].append(row("rare", 0.9, 0.9, regret=0.0))
    stability, baseline, collapse, choice, *_ = findings(two)
    assert stability.startswith("Best on average over 2 benchmarks: ")
    assert "rare" not in stability + baseline + collapse + choice


def test_proxies_of_few_benchmarks_are_counted_where_there_are_no_others():
    benchmarks = [benchmark(row("params", 0.6)), benchmark(row("params", None), row("zen", 0.2))]
    stability, baseline, *_ = findings(benchmarks)
    assert stability.startswith("Best on average over 1 benchmark of 2: params, mean ρ .600")
    assert "no proxy beats it" in baseline
    assert findings([benchmark(row("params", None), row("zen", 0.2))])[1] == (
        "The number of parameters ranks no benchmark."
    )


def test_the_best_pick_is_never_that_of_chance():
    pick = findings([benchmark(row("params", 0.5, regret=8.0), row("random", 0.1, regret=1.0))])[3]
    assert pick.replace("\N{NO-BREAK SPACE}", " ").endswith("to the best: params 80.0 %; params 80.0 %.")
    assert findings([benchmark(row("params", 0.5, regret=None), row("random", 0.1, regret=None))])[3] == (
        "No proxy picks an architecture."
    )


def test_picks_within_budgets_of_latency(two):
    regrets = {"params": (2.0, 4.0), "zen": (1.0, None), "random": (0.5, 0.5), "swap": (0.0, 0.0)}
    rows = {name: [{"regret": r} for r in found] for name, found in regrets.items()}
    two[0]["latency_budgets"] = {"board": rows, "phone": rows}
    others = {"params": 6.0, "zen": 1.0, "random": 0.5}  # no swap: what was scored on some only is not compared
    two[1]["latency_budgets"] = {"board": {name: [{"regret": r}] for name, r in others.items()}}
    # params: (2 + 4 + 2 + 4 + 6) / 5
    assert findings(two)[5] == (
        "Within budgets of measured latency (2 devices, mean over budgets) the pick lacks least to the best with zen, "
        "1.00 percentage points; params 3.60, random 0.500."
    )


def test_nothing_to_judge():
    assert findings([benchmark(row("params", None), row("random", 0.1))]) == [
        "No proxy could be judged on any benchmark."
    ]


def test_rho_of_a_share():
    assert rho(row("p", 0.5, 0.25), 0.05) == 0.25
