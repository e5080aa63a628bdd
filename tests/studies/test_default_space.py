"""Which space a search is in where the user names none: the strategy's own."""

from pathlib import Path
from typing import Any

import pytest

from nassay.errors import UserError
from nassay.studies import search as job


@pytest.mark.parametrize(
    ("strategy", "space", "expected"),
    [("flash", None, "skip_concat"), ("flash", "skip_add", "skip_add"), ("random", None, "convnets")],
)
def test_a_strategy_brings_its_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, space: str | None, expected: str
) -> None:
    plans: list[Any] = []
    monkeypatch.setattr(job, "_run", lambda folder, plan, *rest: plans.append(plan))
    job.search("digits", strategy=strategy, space=space, evaluations=4, out=tmp_path / "run")
    assert [plan.space for plan in plans] == [expected]
    assert job.read_plan(tmp_path / "run").space == expected


def test_an_unknown_strategy_is_named_first(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no strategy called 'flush'"):
        job.search("digits", strategy="flush", out=tmp_path / "run")
