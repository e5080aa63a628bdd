"""What a report is made of agrees with what studies, spaces and devices write, and any part of it may be missing."""

import dataclasses

import pytest

from nassay.estimators.base import Estimate
from nassay.estimators.devices.onnx_latency import Latency
from nassay.reports import comparison, data, standalone
from nassay.reports.data import Candidate, GraphData, LatencyData, Picture, Record, ReportData, Summary, TaskData
from nassay.reports.page import render
from nassay.reports.points import cost_points
from nassay.spaces.base import Graph
from nassay.strategies.problem import Constraints
from nassay.studies.ledger import Ledger
from nassay.studies.plan import Plan
from nassay.studies.summary import summarize

PARTIAL = (LatencyData, GraphData, Candidate, TaskData, data.Counts, data.Failures, data.Seconds, Summary, Record)


def fields(kind):
    return {field.name for field in dataclasses.fields(kind)}


def keys(kind):
    return set(kind.__annotations__)


@pytest.fixture
def ledger(tmp_path):
    found = Ledger.in_folder(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("kind", PARTIAL, ids=lambda kind: kind.__name__)
def test_every_key_may_be_absent(kind):
    assert keys(kind) == kind.__optional_keys__


def test_a_picture_is_whole():
    assert Picture.__required_keys__ == {"caption", "png"}


def test_reports_share_nothing_and_are_frozen():
    one, other = ReportData(), ReportData()
    one.summary["seed"] = 1
    one.records.append({})
    one.pictures.append({"caption": "", "png": ""})
    assert (other.summary, other.records, other.pictures) == ({}, [], [])
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.records = []


def test_a_summary_has_the_keys_that_studies_write(ledger):
    settings = {"task": "classification", "space": "resnet", "strategy": "random", "constraints": Constraints()}
    counts = {"minutes": 1.0, "evaluations": None, "seed": 0, "workers": 1, "threads": 1}
    written = set(summarize(ledger, Plan(source="digits", device="cpu", **settings, **counts)))
    assert written - {"test_openings"} == keys(Summary)  # how often the test split was opened is not shown


def test_a_record_has_the_ledger_s_columns(ledger):
    ledger.add([(("a", data.TRAINING, "epochs=1"), Estimate.of(0.5))], "search")
    (row,) = ledger.records()
    assert set(row) - {"id", "finished_at"} == keys(Record)
    shown = ReportData(records=[row, {**row, "estimator": data.LATENCY, "value": 2.0}])
    (point,) = cost_points(shown, data.LATENCY)
    assert (point.architecture, point.cost, point.accuracy, point.fidelity) == ("a", 2.0, 0.5, "epochs=1")


def test_a_candidate_has_what_is_compared_limited_and_drawn():
    limited = {name.removeprefix("max_") for name in fields(Constraints)}
    compared = {column.key for column in comparison.COLUMNS}
    assert limited <= compared <= keys(Candidate)
    assert data.LATENCY in limited


def test_graphs_and_latencies_have_the_names_of_what_they_come_from():
    assert keys(GraphData) == fields(Graph)
    assert keys(LatencyData) - {"device", "mape"} <= fields(Latency)  # which are those of a modelled one


@pytest.mark.parametrize("nothing", [True, False])
def test_parts_may_be_there_with_nothing_in_them(sample, monkeypatch, nothing):
    """Empty, or all of it None; a record says at least of which architecture it is."""
    monkeypatch.setattr(standalone, "get_plotlyjs", lambda: "/* plotly */")
    summary = {key: emptied(part, nothing) for key, part in sample.summary.items()}
    records = [{**emptied(record, nothing), "architecture": record["architecture"]} for record in sample.records]
    assert "How it was run" in render(ReportData(summary, records))


def emptied(part, nothing):
    """The same parts without what is in them."""
    if isinstance(part, list):
        return [emptied(item, nothing) for item in part]
    return ({} if nothing else dict.fromkeys(part)) if isinstance(part, dict) else part
