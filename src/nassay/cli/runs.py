"""`nassay status` and `nassay report`: what a run folder's ledger says, whether or not a search is at work on it."""

from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nassay.errors import UserError
from nassay.studies.ledger import Ledger
from nassay.studies.plan import read_plan
from nassay.studies.summary import summarize, write_results


def read_status(folder: Path) -> dict[str, Any]:
    """Phase, counts, best so far and time spent of a run folder.

    Raises:
        UserError: the folder holds no study.
    """
    summary, _ = _read(folder)
    keys = ("status", "space", "strategy", "constraints", "best", "evaluations", "seconds", "resumes")
    budget = {k: summary["config"][k] for k in ("minutes", "evaluations")}
    return {"folder": str(folder), **{k: summary[k] for k in keys}, "budget": budget}


def rewrite_report(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write `report.html` and `summary.json` from the ledger; returns the report's path and the summary.

    Raises:
        UserError: the folder holds no study.
    """
    summary, ledger = _read(folder)
    return write_results(folder, summary, ledger), summary


def _read(folder: Path) -> tuple[dict[str, Any], Ledger]:
    plan = read_plan(folder)
    if not (folder / "study.sqlite").exists():
        raise UserError(f"{folder} holds no evaluations yet: there is no study.sqlite in it.")
    ledger = Ledger.in_folder(folder)
    summary = summarize(ledger, plan)
    if summary["status"] == "running" and not _at_work(folder):
        summary["status"] = "interrupted"
    return summary, ledger


def _at_work(folder: Path) -> bool:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
