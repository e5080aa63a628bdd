import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nassay.estimators.predictors.dps import Found
from nassay.estimators.proxies.eproxy_recipe import Recipe
from nassay.gaps.gap import gap
from nassay.studies import recipe_search

RECIPE = Recipe(learning_rate=0.7)

PLAIN = {"nasbench201": 0.4, "nasbench101": 0.7}  # what plain Eproxy is worth there


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments that the search was called with; it answers with a made-up result."""
    arguments: dict[str, Any] = {}

    def search(table: str, dataset: str | None, **options: Any) -> Any:
        arguments.update(options, table=table, dataset=dataset)
        found = Found(RECIPE, 0.5, 0.8, 0.6, PLAIN[table], 3)
        rows = [gap("eproxy+dps", "accuracy", [4, 2, 3, 1], [1, 2, 3, 4], direction=-1).to_dict()]
        summary = {
            "table": table,
            "dataset": "cifar100",
            "metric": "accuracy",
            "labelled": 20,
            "held_out": 4,
            "found": found.to_dict(),
            "rows": rows,
            "inputs": "16 images",
        }
        return SimpleNamespace(folder=Path("runs/x"), found=found, summary=summary)

    monkeypatch.setattr(recipe_search, "search_on_table", search)
    return arguments


def test_options_arrive(nassay: Any, asked: dict[str, Any]) -> None:
    words = ("--space", "nb201", "--table", "nasbench201", "--dataset", "cifar100", "--labelled", 20, "--held-out", 50)
    code, out, err = nassay("dps", *words, "--evaluations", 30, "--seed", 4, "--out", "here", "--json")
    assert (code, err.strip()) == (0, "")
    asked.pop("listener")
    assert asked == {
        "table": "nasbench201",
        "dataset": "cifar100",
        "space": "nb201",
        "labelled": 20,
        "held_out": 50,
        "evaluations": 30,
        "seed": 4,
        "out": Path("here"),
        "workers": None,
    }
    assert json.loads(out)["found"]["proxy"] == RECIPE.name


def test_defaults_are_the_paper_s(nassay: Any, asked: dict[str, Any]) -> None:
    nassay("dps", "--table", "nasbench201")
    assert (asked["labelled"], asked["evaluations"], asked["seed"], asked["out"]) == (20, 200, 0, None)


def test_the_table_shows_rho_and_the_recipe(nassay: Any, asked: dict[str, Any]) -> None:
    code, out, _ = nassay("dps", "--table", "nasbench201")
    assert code == 0
    assert "eproxy+dps" in out
    assert "0.800" in out  # rho of 4 2 3 1 against 1 2 3 4, smaller is better
    assert RECIPE.name in out.replace("\n", "")
    assert "rho 0.600 for a search, 0.400 for plain Eproxy" in out
    assert "score with plain" not in out


def test_a_search_that_is_worth_less_is_said_to_be(nassay: Any, asked: dict[str, Any]) -> None:
    _, out, _ = nassay("dps", "--table", "nasbench101")
    assert "The search is not worth more: score with plain `eproxy`." in " ".join(out.split())


def test_an_unknown_table_is_one_message(nassay: Any) -> None:
    code, out, err = nassay("dps", "--table", "nasbnch201", "--json")
    assert (code, out) == (2, "")
    assert "nasbench201" in err
