"""From the ledger to plain data: `summary.json`, the measured gaps, and what the report shows.

Works on a study in any state, finished or killed.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nassay.gaps import gap
from nassay.reports.data import PREDICTED_LATENCY, SUMMARY, TRAINING, ReportData
from nassay.reports.page import write_report
from nassay.studies.ledger import Ledger, by_estimator, of_search
from nassay.studies.plan import Plan, write_atomically

NOT_PROXIES = {TRAINING, "epoch_seconds", "latency_ms", PREDICTED_LATENCY, "peak_memory_bytes"}
SHOWN_FAILURES = 200  # pairs of estimator and reason

Row = dict[str, Any]


def summarize(ledger: Ledger, plan: Plan) -> dict[str, Any]:
    """The content of `summary.json`, as far as the study has come."""
    records = ledger.records()
    rows, roles = ledger.get("rows") or {}, ledger.get("roles") or {}
    sessions = ledger.sessions()
    seconds = {"total": round(sum(s["seconds"] for s in sessions), 3), "phases": _phases(sessions)}
    return {
        "status": ledger.get("state") or "running",
        "best": _candidate(roles.get("best"), rows) or _leader(records, plan, ledger.get("finalists") or []),
        "finalists": [c for text in roles.get("finalists", []) if (c := _candidate(text, rows))],
        "reference": _candidate(roles.get("reference"), rows),
        "random": _candidate(roles.get("random"), rows),
        "gaps": measured_gaps(records, plan.seed),
        "evaluations": by_estimator(records),
        "latency_model": ledger.get("latency model"),
        "adapted": ledger.get("adapted"),
        "failures": failures(records),
        "seconds": seconds,
        "seed": plan.seed,
        "versions": ledger.get("versions") or {},
        "constraints": plan.to_dict()["constraints"],
        "space": plan.space,
        "strategy": plan.strategy,
        "task": ledger.get("task") or {},
        "config": plan.to_dict(),
        "resumes": max(0, len(sessions) - 1),
        "test_openings": len(ledger.audits()),
    }


def failures(records: Sequence[Row]) -> list[dict[str, Any]]:
    """How often each estimator had no value for each reason, and the first such architecture; most frequent first."""
    failed = [r for r in records if r["value"] is None]
    first: dict[tuple[str, str], str] = {}
    for record in failed:
        first.setdefault((record["estimator"], record["reason"]), record["architecture"])
    counts = Counter((r["estimator"], r["reason"]) for r in failed)
    return [
        {"estimator": estimator, "reason": reason, "count": count, "architecture": first[estimator, reason]}
        for (estimator, reason), count in counts.most_common(SHOWN_FAILURES)
    ]


def measured_gaps(records: Sequence[Row], seed: int) -> list[dict[str, Any]]:
    """Every cheap estimator against training, on this very task, best first.

    Proxies and counts are held against the trainings at the lowest bound, which the most architectures have; each
    bound of training is held against the next higher one. Recipes that were tried for these very trainings are left
    out: what they are worth elsewhere is told by the search for them.
    """
    records = sorted(records, key=lambda r: (r["architecture"], r["estimator"]))  # not in the order of being finished
    trainings = _by_bound(records)
    if not trainings:
        return []
    bounds = list(trainings)
    lowest = bounds[0]
    reports = []
    names = sorted({r["estimator"] for r in records})
    for name in [n for n in names if n not in NOT_PROXIES and not n.startswith(("eproxy:", "supernet:"))]:
        reports.append(_gap(name, lowest, _values(records, name), trainings[lowest], seed))
    for low, high in zip(bounds, bounds[1:], strict=False):
        reports.append(_gap(_at(low), high, trainings[low], trainings[high], seed))
    reports.sort(key=lambda g: (g["kendall_tau"] is None, -(g["kendall_tau"] or 0.0)))
    return reports


def report_data(summary: dict[str, Any], ledger: Ledger) -> ReportData:
    """What the report shows: the summary, and the ledger's rows with one estimator name for each training bound."""
    records = ledger.records()
    at_bounds = [{**r, "estimator": _at(r["fidelity"])} for r in records if r["estimator"] == TRAINING]
    pictures = ledger.get("pictures") or []
    return ReportData(summary=summary, records=records + at_bounds, pictures=pictures)  # type: ignore[arg-type]


def write_results(folder: Path, summary: dict[str, Any], ledger: Ledger) -> Path:
    """Write `summary.json` and `report.html` into a run folder; returns the report's path."""
    write_atomically(folder / SUMMARY, json.dumps(summary, indent=1))
    return write_report(folder, report_data(summary, ledger))


def _gap(name: str, bound: str, cheap: dict[str, Any], true: dict[str, Any], seed: int) -> dict[str, Any]:
    architectures = list(true)
    report = gap(
        name,
        _at(bound),
        [cheap.get(a) for a in architectures],
        [true[a] for a in architectures],
        seed=seed,
    )
    return report.to_dict()


def _at(bound: str) -> str:
    return f"{TRAINING}@{bound}"


def _by_bound(records: Sequence[Row]) -> dict[str, dict[str, float]]:
    """{bound: {architecture: value}} of all trainings that have a value, lowest bound first."""
    found: dict[str, dict[str, float]] = {}
    for record in records:
        if record["estimator"] == TRAINING and record["value"] is not None:
            found.setdefault(record["fidelity"], {})[record["architecture"]] = record["value"]
    return dict(sorted(found.items(), key=lambda item: _length(item[0])))


def _length(bound: str) -> tuple[bool, float]:
    """Final trainings last, the others by their length: `seconds=12.5` or `epochs=3`."""
    return bound.endswith("final"), float(bound.split(",")[0].split("=")[1])


def _values(records: Sequence[Row], estimator: str) -> dict[str, Any]:
    return {r["architecture"]: r["value"] for r in records if r["estimator"] == estimator}


def _candidate(text: str | None, rows: dict[str, Row]) -> Row | None:
    return {"architecture": text, **rows[text]} if text in rows else None


def _leader(records: Sequence[Row], plan: Plan, finalists: Sequence[str]) -> Row | None:
    """The best so far, of a study that has not come to its final table: of the finalists, else of the search."""
    final = {r["architecture"]: r for r in records if r["estimator"] == TRAINING and r["value"] is not None}
    trained = [final[text] for text in finalists if text in final] or of_search(records)
    if not trained:
        return None
    best = max(trained, key=lambda r: r["value"])
    costs = {
        key: _values(records, key).get(best["architecture"])
        for key in ("params", "macs", "peak_memory_bytes", "latency_ms")
    }
    return {
        "architecture": best["architecture"],
        "test_accuracy": None,
        "validation_accuracy": best["value"],
        **costs,
        "latency_predicted": plan.device_profile is not None,
        "train_seconds": best["details"].get("train_seconds"),
        "epochs": best["details"].get("epochs"),
        "reasons": {"test_accuracy": "the test split is opened only when the study is finished"},
    }


def _phases(sessions: Sequence[Row]) -> dict[str, float]:
    total: dict[str, float] = {}
    for session in sessions:
        for name, seconds in session["phases"].items():
            total[name] = round(total.get(name, 0.0) + seconds, 3)
    return total
