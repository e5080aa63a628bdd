from nassay.reports.comparison import COLUMNS, cell, cells, checks, rows


def test_the_best_is_not_repeated_among_the_finalists(sample):
    assert [row.label for row in rows(sample.summary)] == ["Best", "Finalist 2", "Reference", "Random"]


def test_finalists_without_a_best_are_counted_from_one():
    summary = {"finalists": [{"architecture": "a"}, {"architecture": "b"}], "best": None}
    assert [row.label for row in rows(summary)] == ["Finalist 1", "Finalist 2"]


def test_a_missing_value_is_a_dash_with_its_reason():
    candidate = {"architecture": "a", "macs": None, "reasons": {"macs": "the export failed"}}
    assert cell(candidate, "macs").note == "the export failed"
    assert cell(candidate, "macs").text == "–"
    assert cell(candidate, "params").note == "not measured"


def test_latency_from_the_median_and_predictions_are_marked():
    assert cell({"latency": {"median_ms": 1.5}}, "latency_ms").text == "1.50\u00a0ms"
    assert cell({"latency_ms": 1.5, "latency_predicted": True}, "latency_ms").note == "predicted"


def test_one_cell_per_column(sample):
    for row in rows(sample.summary):
        assert len(cells(row)) == len(COLUMNS)
        assert all(c.note == "" for c in cells(row))


def test_limits_are_kept_broken_or_unknown():
    best = {"latency_ms": 3.0, "params": 100, "macs": None}
    limits = {"max_latency_ms": 2.0, "max_params": 100, "max_macs": 5, "max_peak_memory_bytes": None}
    found = {check.heading: check.kept for check in checks({"best": best, "constraints": limits})}
    assert found == {"Latency": False, "Parameters": True, "MACs": None}


def test_a_median_that_hides_slow_runs_is_noted():
    best = {"latency_ms": 1.9, "latency": {"median_ms": 1.9, "p90_ms": 2.3}}
    (check,) = checks({"best": best, "constraints": {"max_latency_ms": 2.0}})
    assert check.kept
    assert check.note == "one run in ten takes 2.30\u00a0ms or more"


def test_a_limit_kept_by_prediction_only_is_noted():
    best = {"latency_ms": 1.9, "latency_predicted": True}
    (check,) = checks({"best": best, "constraints": {"max_latency_ms": 2.0}})
    assert (check.kept, check.note) == (True, "as predicted, not as measured")


def test_an_unheard_of_limit_is_shown_as_it_is():
    (check,) = checks({"best": {"energy_mj": 3.0}, "constraints": {"max_energy_mj": 4.0}})
    assert (check.heading, check.limit, check.kept) == ("energy_mj", "4.00", True)
