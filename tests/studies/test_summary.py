import json

import pytest

from nassay.estimators.base import Estimate
from nassay.reports.page import write_report
from nassay.studies.summary import failures, measured_gaps, report_data, summarize

COSTS = ("params", "macs", "peak_memory_bytes", "latency_ms")
KEYS = ("architecture", "test_accuracy", "validation_accuracy", *COSTS)


def train(ledger, bound, **values):
    """Trainings to a bound: {architecture: accuracy}; None is a failure."""
    for name, value in values.items():
        details = {"train_seconds": 3.0, "epochs": 4.0, "curve": []}
        estimate = Estimate.failed("the loss became nan") if value is None else Estimate(value, None, 3.0, details)
        ledger.add([((name, "training", bound), estimate)], "search")


def score(ledger, estimator, **values):
    """Values of a cheap estimator: {architecture: value}."""
    ledger.add([((name, estimator, ""), Estimate.of(value)) for name, value in values.items()], "screen")


def row(accuracy):
    return {"test_accuracy": accuracy, "validation_accuracy": accuracy, **dict.fromkeys(COSTS, 10)}


def test_a_study_that_has_just_begun(ledger, plan):
    summary = summarize(ledger, plan)
    assert summary["status"] == "running"
    assert [summary[k] for k in ("best", "reference", "random")] == [None] * 3
    assert [summary[k] for k in ("finalists", "gaps", "failures")] == [[]] * 3
    assert summary["evaluations"] == {}
    assert summary["seconds"] == {"total": 0, "phases": {}}
    assert (summary["resumes"], summary["test_openings"]) == (0, 0)


def test_settings_are_repeated(ledger, plan):
    summary = summarize(ledger, plan)
    assert (summary["seed"], summary["space"], summary["strategy"]) == (0, "resnet", "random")
    assert summary["constraints"] == {f"max_{name}": None for name in COSTS}
    assert summary["config"] == plan.to_dict()


def test_before_the_end_the_best_is_the_best_trained_and_untested(ledger, plan):
    train(ledger, "epochs=4", a=0.5, b=0.7, c=None)
    score(ledger, "params", a=100, b=200)
    best = summarize(ledger, plan)["best"]
    assert (best["architecture"], best["validation_accuracy"], best["params"]) == ("b", 0.7, 200)
    assert (best["test_accuracy"], best["macs"]) == (None, None)
    assert "test_accuracy" in best["reasons"]


def test_at_the_end_the_roles_have_their_rows(ledger, plan):
    train(ledger, "epochs=30,final", a=0.5, b=0.9)
    ledger.put("rows", {"a": row(0.8), "b": row(0.7), "m": row(0.6)})
    ledger.put("roles", {"best": "a", "finalists": ["a", "b"], "reference": "m", "random": "b"})
    ledger.put("state", "finished")
    summary = summarize(ledger, plan)
    assert summary["status"] == "finished"
    assert summary["best"] == {"architecture": "a", **row(0.8)}  # the role's, not the best validation's
    assert [c["architecture"] for c in summary["finalists"]] == ["a", "b"]
    assert [summary[k]["architecture"] for k in ("reference", "random")] == ["m", "b"]
    assert all(key in summary[k] for key in KEYS for k in ("best", "reference", "random"))


def test_a_missing_role_is_none(ledger, plan):
    ledger.put("rows", {"m": row(0.6)})
    ledger.put("roles", {"best": None, "finalists": [], "reference": "m", "random": None})
    summary = summarize(ledger, plan)
    assert summary["best"] is None
    assert summary["random"] is None


def test_failures_are_counted_and_listed_with_their_reasons(ledger, plan):
    train(ledger, "epochs=4", a=0.5, b=None)
    summary = summarize(ledger, plan)
    assert summary["evaluations"] == {"training": {"ok": 1, "failed": 1}}
    assert summary["failures"] == [
        {"estimator": "training", "reason": "the loss became nan", "count": 1, "architecture": "b"}
    ]


def test_failures_of_one_kind_do_not_hide_those_of_another():
    def failed(estimator, reason, architecture):
        return {"estimator": estimator, "reason": reason, "architecture": architecture, "value": None}

    records = [failed("zen", "inf", f"a{i}") for i in range(600)]
    records += [failed("training", "nan", "b"), {**failed("training", None, "c"), "value": 0.5}]
    assert failures(records) == [
        {"estimator": "zen", "reason": "inf", "count": 600, "architecture": "a0"},
        {"estimator": "training", "reason": "nan", "count": 1, "architecture": "b"},
    ]


def test_the_order_in_which_workers_finish_changes_no_gap():
    def row(architecture, estimator, value, fidelity=""):
        return {"architecture": architecture, "estimator": estimator, "fidelity": fidelity, "value": value}

    records = [row(a, "training", 0.1 * i, "epochs=2") for i, a in enumerate("abcdef")]
    records += [row(a, name, (7 * i) % 5) for i, a in enumerate("abcdef") for name in ("zen", "snip")]
    assert measured_gaps(records, 0) == measured_gaps(records[::-1], 0)


def test_time_adds_up_over_sessions(ledger, plan):
    for seconds in (10.0, 5.5):
        ledger.touch_session(ledger.open_session(), seconds, {"search": seconds - 1, "start": 1.0})
    summary = summarize(ledger, plan)
    assert summary["seconds"] == {"total": 15.5, "phases": {"search": 13.5, "start": 2.0}}
    assert summary["resumes"] == 1


def test_openings_of_the_test_split_are_counted(ledger, plan):
    ledger.audit("test split", "final table")
    assert summarize(ledger, plan)["test_openings"] == 1


def test_the_summary_is_strict_json(ledger, plan):
    train(ledger, "epochs=4", a=0.5, b=0.5, c=0.5)  # no order: rank correlations are not defined
    score(ledger, "params", a=1, b=2, c=3)
    text = json.dumps(summarize(ledger, plan), allow_nan=False)
    assert json.loads(text)["gaps"][0]["kendall_tau"] is None


# Gaps ----------------------------------------------------------------------------------------------------------------


def test_without_trainings_there_is_no_truth(ledger):
    score(ledger, "params", a=1, b=2)
    assert measured_gaps(ledger.records(), 0) == []


def test_a_proxy_is_held_against_the_shortest_trainings(ledger):
    """Of the six pairs of four networks, synflow orders five as training does: tau = (5 - 1) / 6."""
    train(ledger, "epochs=4", a=0.1, b=0.2, c=0.3, d=0.4)
    train(ledger, "epochs=12", c=0.6, d=0.5)
    score(ledger, "synflow", a=1, b=2, c=4, d=3, untrained=9)
    score(ledger, "params", a=4, b=3, c=2, d=1)
    gaps = {g["estimator"]: g for g in measured_gaps(ledger.records(), 0)}
    assert gaps["synflow"]["truth"] == "training@epochs=4"
    assert gaps["synflow"]["n"] == 4
    assert gaps["synflow"]["kendall_tau"] == pytest.approx(4 / 6)
    assert gaps["synflow"]["ci_low"] <= 4 / 6 <= gaps["synflow"]["ci_high"]
    assert gaps["params"]["kendall_tau"] == pytest.approx(-1)
    assert all({"estimator", "truth", "kendall_tau", "ci_low", "ci_high", "n"} <= set(g) for g in gaps.values())


def test_each_bound_is_held_against_the_next_longer_and_the_final_is_the_last(ledger):
    train(ledger, "epochs=12", b=0.6, c=0.5)
    train(ledger, "epochs=100,final", c=0.9)
    train(ledger, "epochs=4", a=0.1, b=0.2, c=0.3)
    pairs = {(g["estimator"], g["truth"]) for g in measured_gaps(ledger.records(), 0)}
    assert pairs == {
        ("training@epochs=4", "training@epochs=12"),
        ("training@epochs=12", "training@epochs=100,final"),
    }


def test_a_final_bound_shorter_than_a_rung_is_still_the_truth(ledger):
    train(ledger, "seconds=30", a=0.1, b=0.2)
    train(ledger, "seconds=20.5,final", a=0.4, b=0.5)
    (gap,) = measured_gaps(ledger.records(), 0)
    assert (gap["estimator"], gap["truth"]) == ("training@seconds=30", "training@seconds=20.5,final")


def test_device_costs_are_no_proxies(ledger):
    train(ledger, "epochs=4", a=0.1, b=0.2, c=0.3)
    for name in ("latency_ms", "predicted_latency_ms", "peak_memory_bytes"):
        score(ledger, name, a=1, b=2, c=3)
    assert measured_gaps(ledger.records(), 0) == []


def test_gaps_are_best_first_and_undefined_ones_last(ledger):
    train(ledger, "epochs=4", a=0.1, b=0.2, c=0.3)
    score(ledger, "constant", a=1, b=1, c=1)
    score(ledger, "wrong", a=3, b=2, c=1)
    score(ledger, "right", a=1, b=2, c=3)
    gaps = measured_gaps(ledger.records(), 0)
    assert [g["estimator"] for g in gaps] == ["right", "wrong", "constant"]
    assert gaps[-1]["kendall_tau"] is None


def test_networks_without_a_score_are_left_out_not_scored_as_zero(ledger):
    train(ledger, "epochs=4", a=0.1, b=0.2, c=0.3, d=0.4)
    ledger.add([(("a", "zico", ""), Estimate.failed("no gradient"))], "screen")
    score(ledger, "zico", b=-3, c=-2, d=-1)
    (gap,) = measured_gaps(ledger.records(), 0)
    assert gap["kendall_tau"] == pytest.approx(1)
    assert gap["n"] == 3


# The report's data ---------------------------------------------------------------------------------------------------


def test_the_report_sees_each_training_bound_as_an_estimator_of_its_own(ledger, plan):
    train(ledger, "epochs=4", a=0.1, b=0.2)
    train(ledger, "epochs=12", b=0.4)
    score(ledger, "synflow", a=1, b=2)
    data = report_data(summarize(ledger, plan), ledger)
    names = [r["estimator"] for r in data.records]
    assert names.count("training") == 3
    assert names.count("training@epochs=4") == 2
    assert names.count("training@epochs=12") == 1


def test_a_report_can_be_written_at_any_stage(ledger, plan, tmp_path):
    def written():
        return write_report(tmp_path, report_data(summarize(ledger, plan), ledger)).stat().st_size

    assert written()
    score(ledger, "synflow", a=1, b=2)
    assert written()
    train(ledger, "epochs=4", a=0.1, b=None)
    assert written()
