import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nassay.gaps.fidelity import fidelity_findings, fidelity_rows
from nassay.studies import fidelity_gap

VALUES = {"c0r0s0e8": [0.5, 0.6, 0.7, 0.8], "c2r0s0e8": [0.3, 0.4, 0.6, 0.5]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the study was called with; it answers with a made-up result."""
    arguments: dict[str, Any] = {}

    def study(data: str, **options: Any) -> Any:
        arguments.update(options, data=data)
        seconds, planned = {k: [1.0] * 4 for k in VALUES}, dict.fromkeys(VALUES, 8.0)
        rows = fidelity_rows(VALUES, seconds, planned, "c0r0s0e8", 0)
        summary = {
            "source": data,
            "space": "mobile",
            "seed": 0,
            "reference": "c0r0s0e8",
            "input_shape": [3, 32, 32],
            "classes": 10,
            "train": 800,
            "validation": 200,
            "networks": 4,
            "trained": 8,
            "wanted": 8,
            "price": "CPU seconds",
            "rows": rows,
            "findings": fidelity_findings(rows, VALUES, "c0r0s0e8", 0),
        }
        return SimpleNamespace(folder=Path("runs/x"), summary=summary)

    monkeypatch.setattr(fidelity_gap, "measure_fidelities", study)
    return arguments


def test_options_arrive(nassay: Any, asked: dict[str, Any]) -> None:
    words = ("--space", "nb201", "--networks", 9, "--fidelities", "c2r0s0e8,c0r2s0e8", "--reference", "c0r0s0e12")
    code, out, err = nassay("gap", "fidelity", "digits", *words, "--minutes", 3, "--seed", 4, "--out", "here", "--json")
    assert (code, err.strip()) == (0, "")
    asked.pop("listener")
    assert asked == {
        "data": "digits",
        "space": "nb201",
        "networks": 9,
        "fidelities": ["c2r0s0e8", "c0r2s0e8"],
        "reference": "c0r0s0e12",
        "minutes": 3.0,
        "out": Path("here"),
        "seed": 4,
        "workers": None,
        "device": "auto",
        "image_shape": None,
    }
    assert json.loads(out)["rows"][0]["setting"] == "c0r0s0e8"


def test_the_table_and_what_it_says_are_printed(nassay: Any, asked: dict[str, Any]) -> None:
    code, out, _ = nassay("gap", "fidelity", "digits", "--image-shape", "1x8x8")
    assert code == 0
    assert asked["fidelities"] == fidelity_gap.FIDELITIES
    assert asked["image_shape"] == (1, 8, 8)
    for text in ("c0r0s0e8 (ref.)", "c2r0s0e8 *", "0.67", "keeps the order best", "runs/x/report.html"):
        assert text in out


def test_a_wrong_setting_is_refused_with_an_example(nassay: Any) -> None:
    code, out, err = nassay("gap", "fidelity", "digits", "--fidelities", "half")
    assert (code, out) == (2, "")
    assert "c4r4s0e60" in err
