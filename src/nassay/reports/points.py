"""From ledger rows to the points of the plots: one point per architecture that has both coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nassay.reports.comparison import rows, value_of
from nassay.reports.data import LATENCY, PREDICTED_LATENCY, TRAINING, Record, ReportData


@dataclass(frozen=True)
class Point:
    """A network in the plane of cost and validation accuracy.

    Attributes:
        role: "best", "finalist", "reference", "random" or "other".
        label: how the report calls it.
        architecture: its string.
        cost: latency in ms, MACs or parameters.
        accuracy: share in 0..1.
        predicted: whether the cost comes from a model and not from a measurement.
        fidelity: how thoroughly an "other" network was trained; empty for the fully trained ones.
    """

    role: str
    label: str
    architecture: str
    cost: float
    accuracy: float
    predicted: bool = False
    fidelity: str = ""


def last_records(records: Sequence[Record], estimator: str) -> dict[str, Record]:
    """Architecture -> the last record with a value of one estimator."""
    return {
        record["architecture"]: record
        for record in records
        if record.get("estimator") == estimator and record.get("value") is not None
    }


def cost_points(data: ReportData, key: str) -> list[Point]:
    """Every network with a validation accuracy and a cost: the compared ones, then others of the ledger.

    Args:
        data: summary and records.
        key: the cost, "latency_ms" (predicted where it was not measured), "macs" or "params".
    """
    points = []
    for row in rows(data.summary):
        cost, accuracy = value_of(row.candidate, key), row.candidate.get("validation_accuracy")
        if cost is not None and accuracy is not None:
            predicted = key == LATENCY and bool(row.candidate.get("latency_predicted"))
            name = row.candidate.get("architecture") or ""
            points.append(Point(row.role, row.label, name, cost, accuracy, predicted))
    compared = {row.candidate.get("architecture") for row in rows(data.summary)}
    answered = last_records(data.records, key)
    modelled = key == LATENCY and bool((data.summary.get("config") or {}).get("device_profile"))
    predictions = last_records(data.records, PREDICTED_LATENCY) if key == LATENCY else {}
    for name, training in last_records(data.records, TRAINING).items():
        cost_record = answered.get(name) or predictions.get(name)
        if name not in compared and cost_record:
            cost, accuracy, fidelity = cost_record["value"], training["value"], training.get("fidelity") or ""
            predicted = modelled or name not in answered
            points.append(Point("other", "Searched", name, cost, accuracy, predicted, fidelity))
    return points


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both cost and accuracy, by rising cost."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def gap_pairs(data: ReportData, report: dict[str, Any]) -> list[tuple[str, float, float]]:
    """(architecture, cheap value, true value) for every architecture that has both."""
    cheap = last_records(data.records, report.get("estimator") or "")
    true = last_records(data.records, report.get("truth") or "")
    return [(name, cheap[name]["value"], record["value"]) for name, record in true.items() if name in cheap]
