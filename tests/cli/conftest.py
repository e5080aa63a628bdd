"""The command within this process, and a run folder made by hand."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nassay.cli import main
from nassay.estimators.base import Estimate
from nassay.strategies.problem import Constraints
from nassay.studies.ledger import Ledger
from nassay.studies.plan import PLAN, Plan, write_atomically

Answer = tuple[int, str, str]


@pytest.fixture
def nassay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """nassay("list", "spaces") -> (exit code, standard output, standard error)."""

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["nassay", *map(str, words)])
        capsys.readouterr()
        try:
            main.run()
            code = 0
        except SystemExit as leave:
            code = int(leave.code or 0)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def refused(nassay: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """refused(...) -> the message of `nassay search ...`, after what every refusal has in common was checked."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        code, out, err = nassay("search", *words)
        assert (code, out) == (2, ""), err
        assert "Traceback" not in err
        assert sorted(tmp_path.rglob("*")) == before
        return " ".join(err.split())

    return call


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A search that was killed: two networks scored and trained, a third one failed."""
    folder = tmp_path / "run"
    folder.mkdir()
    plan = Plan(
        source="digits",
        task="classification",
        space="resnet",
        strategy="random",
        constraints=Constraints(max_params=50_000),
        minutes=None,
        evaluations=8,
        seed=3,
        workers=1,
        threads=1,
        device="cpu",
    )
    write_atomically(folder / PLAN, json.dumps(plan.to_dict()))
    ledger = Ledger.in_folder(folder)
    ledger.touch_session(ledger.open_session(), 75.0, {"start": 5.0, "search": 70.0})
    details = {"train_seconds": 2.0, "epochs": 4.0, "curve": []}
    for name, accuracy, params in (("net-a", 0.81, 1200), ("net-b", 0.9125, 4000)):
        ledger.add([((name, "params", ""), Estimate.of(params))], "search")
        ledger.add([((name, "training", "epochs=4"), Estimate(accuracy, None, 2.0, details))], "search")
    ledger.add([(("net-c", "training", "epochs=4"), Estimate.failed("the loss became nan"))], "search")
    ledger.close()
    return folder
