from nassay.reports.data import ReportData
from nassay.reports.points import Point, cost_points, gap_pairs, last_records, pareto_front


def record(architecture: str, estimator: str, value: float | None, fidelity: str = "") -> dict:
    return {"architecture": architecture, "estimator": estimator, "value": value, "fidelity": fidelity}


def point(cost: float, accuracy: float) -> Point:
    return Point("other", "", "", cost, accuracy)


def test_the_last_value_counts_and_failures_do_not():
    records = [record("a", "p", 1.0), record("a", "p", 2.0), record("a", "p", None), record("b", "q", 3.0)]
    assert {k: r["value"] for k, r in last_records(records, "p").items()} == {"a": 2.0}


def test_front_by_hand():
    points = [point(1, 0.5), point(2, 0.4), point(2, 0.7), point(3, 0.7), point(0.5, 0.5), point(4, 0.9)]
    assert [(p.cost, p.accuracy) for p in pareto_front(points)] == [(0.5, 0.5), (2, 0.7), (4, 0.9)]
    assert pareto_front([]) == []


def test_measured_latency_goes_before_predicted():
    records = [record(a, "training", 0.8, "epochs=3") for a in "abc"]
    records += [record("a", "latency_ms", 2.0), record("a", "predicted_latency_ms", 2.4)]
    records += [record("b", "predicted_latency_ms", 1.4)]
    points = cost_points(ReportData({}, records), "latency_ms")
    assert [(p.architecture, p.cost, p.predicted, p.fidelity) for p in points] == [
        ("a", 2.0, False, "epochs=3"),
        ("b", 1.4, True, "epochs=3"),
    ]


def test_a_device_s_profile_models_every_latency():
    records = [record("a", "training", 0.8, "epochs=3"), record("a", "latency_ms", 2.0)]
    summary = {"config": {"device_profile": "board"}}
    assert cost_points(ReportData(summary, records), "latency_ms")[0].predicted
    assert not cost_points(ReportData({"config": {"device_profile": None}}, records), "latency_ms")[0].predicted


def test_compared_networks_come_once_with_their_role():
    best = {"architecture": "a", "validation_accuracy": 0.95, "latency_ms": 2.0}
    records = [record("a", "training", 0.8), record("a", "latency_ms", 2.1)]
    (found,) = cost_points(ReportData({"best": best}, records), "latency_ms")
    assert (found.role, found.cost, found.accuracy) == ("best", 2.0, 0.95)


def test_gap_pairs_have_both_values():
    records = [record("a", "p", 1.0), record("b", "p", 2.0), record("c", "p", None), record("d", "p", 4.0)]
    records += [record(a, "training@epochs=1", 0.5) for a in "abc"]
    data = ReportData({}, records)
    report = {"estimator": "p", "truth": "training@epochs=1"}
    assert gap_pairs(data, report) == [("a", 1.0, 0.5), ("b", 2.0, 0.5)]
