"""The search on a benchmark, with a table of NAS-Bench-201 cells and an executor that answers by formulas."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.estimators.proxies.eproxy_recipe import Recipe
from nassay.estimators.proxies.settings import ProbeSettings
from nassay.gaps.gap import gap
from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb201 import NB201
from nassay.studies import bench_folder, recipe_search
from nassay.studies.bench_folder import BenchFolder
from nassay.studies.proxy_scores import Sample
from nassay.studies.recipe_search import search_on_table


class FewCells:
    """Thirty networks; the more convolutions the better."""

    name = "few"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.networks = sorted({NB201().sample(rng) for _ in range(30)})

    def dataset(self, name: str | None) -> str:
        return name or "toys"

    def space(self, dataset: str) -> Space:
        return NB201((3, 16, 16), 10, channels=2, cells=1)

    def metric(self, dataset: str) -> tuple[str, str]:
        return "accuracy", "percent"

    def values(self, dataset: str) -> dict[Architecture, float]:
        return {a: accuracy(a.choices) for a in self.networks}


def accuracy(choices: Sequence[int]) -> float:
    return sum(c in (2, 3) for c in choices) + 0.01 * choices[0] + 0.001 * choices[5]


class Workers:
    """Answers a job: only slow learning orders as the truth does; without a barrier nothing has a value."""

    paid = 0

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def run(self, jobs: Sequence[dict[str, Any]]) -> Iterator[tuple[int, Any]]:
        for i, job in enumerate(jobs):
            Workers.paid += len(job["names"]) * len(job["choices"])
            yield i, [{name: self.estimate(name, c) for name in job["names"]} for c in job["choices"]]

    def estimate(self, name: str, choices: Sequence[int]) -> dict[str, Any]:
        recipe = Recipe.parse(name.removeprefix("eproxy:"))
        sign = -1 if recipe.learning_rate < 0.8 else 1
        value = 10 + sign * accuracy(choices) if recipe.barrier else None
        return {"value": value, "reason": None if recipe.barrier else "no barrier", "seconds": 0.1, "details": {}}

    def close(self) -> None:
        """Nothing to end."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> FewCells:
    table = FewCells()
    monkeypatch.setattr(recipe_search, "open_table", lambda name: table)
    monkeypatch.setattr(bench_folder, "Executor", Workers)
    Workers.paid = 0
    return table


def run(folder: Path, **options: Any) -> recipe_search.RecipeResult:
    return search_on_table("few", out=folder, **{"labelled": 10, "evaluations": 12, "held_out": 15, **options})


def test_the_recipe_is_judged_on_networks_that_the_search_has_not_seen(tmp_path: Path) -> None:
    result = run(tmp_path / "run", seed=2)
    rows = {row["estimator"]: row for row in result.summary["rows"]}
    assert list(rows) == ["eproxy", "eproxy+dps", "no barrier", "macs"]
    assert result.found.recipe.learning_rate < 0.8
    assert rows["eproxy"]["spearman_rho"] == pytest.approx(-1)
    assert rows["eproxy+dps"]["n"] == rows["macs"]["n"] == 15
    assert rows["no barrier"]["coverage"] == 0
    assert rows["macs"]["spearman_rho"] > 0.5
    if result.found.recipe.alpha == 0:
        assert rows["eproxy+dps"]["spearman_rho"] == pytest.approx(1)
    saved = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert saved == json.loads(json.dumps(result.summary))
    assert saved["found"]["proxy"] == result.found.recipe.name


def test_the_macs_term_is_applied_to_held_out_networks(tmp_path: Path, few: FewCells) -> None:
    result = run(tmp_path, seed=2)
    order = np.random.default_rng([2, *b"labelled"]).permutation(len(few.networks))[10:25]
    networks = [few.networks[i] for i in order]
    recipe, space = result.found.recipe, few.space("toys")
    counts = Analytic(space)
    sign = -1 if recipe.learning_rate < 0.8 else 1
    scores = [recipe.value(10 + sign * accuracy(a.choices), counts.totals(a)["macs"]) for a in networks]
    expected = gap("eproxy+dps", "accuracy", scores, [accuracy(a.choices) for a in networks], direction=-1)
    assert result.summary["rows"][1]["spearman_rho"] == pytest.approx(expected.spearman_rho)


def test_the_same_command_pays_for_nothing_twice(tmp_path: Path) -> None:
    first = run(tmp_path)
    paid = Workers.paid
    assert paid >= 10 * 2 + 15 * 2
    assert run(tmp_path).found == first.found
    assert Workers.paid == paid
    run(tmp_path, evaluations=16)
    assert Workers.paid > paid


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labelled": 7}, "label 8 or more"),
        ({"labelled": 28}, "label 8 or more"),
        ({"held_out": 2}, "leave three or more"),
        ({"space": "mobile"}, "of the space nb201, not mobile"),
        ({"workers": 0}, "At least one worker"),
        ({"evaluations": 0}, "At least one evaluation"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="holds a search"):
        run(tmp_path)
    (tmp_path / "plan.json").rename(tmp_path / "gap.json")
    (tmp_path / "study.sqlite").touch()  # studies of gaps have a ledger of that name, too
    with pytest.raises(UserError, match="holds a study of a gap"):
        run(tmp_path)
    (tmp_path / "study.sqlite").unlink()
    (tmp_path / "gap.json").rename(tmp_path / "thesis.txt")
    with pytest.raises(UserError, match=r"found thesis\.txt"):
        run(tmp_path)


def test_a_benchmark_of_proxies_and_a_search_keep_out_of_each_other_s_folders(tmp_path: Path) -> None:
    class Proxies(BenchFolder):
        kind, program = "proxies", "nowhere"

    run(tmp_path / "recipes")
    with pytest.raises(UserError, match="holds a benchmark of recipes, not of proxies"):
        Proxies(tmp_path / "recipes")
    with Proxies(tmp_path / "proxies"):
        pass
    with pytest.raises(UserError, match="holds a benchmark of proxies, not of recipes"):
        run(tmp_path / "proxies")


def test_recipes_that_differ_in_the_macs_term_alone_are_paid_for_once(tmp_path: Path, few: FewCells) -> None:
    space, networks = few.space("toys"), few.networks[:5]
    truth = np.array([accuracy(a.choices) for a in networks])
    sample = Sample("few", "toys", space, few.metric("toys"), 30, networks, truth, networks, np.arange(5))
    recipes = [Recipe(), Recipe(alpha=0.5, max_macs=100), Recipe(learning_rate=0.6)]
    with recipe_search._Payer(tmp_path / "run", 1, ProbeSettings(), 0) as payer:
        plain, other, slow = payer.losses(sample, recipes, lambda *_: None)
    assert plain == other == [10 + t for t in truth]
    assert slow == [10 - t for t in truth]
    assert Workers.paid == 2 * 5


def test_a_network_beyond_the_recipe_s_macs_has_no_score(few: FewCells) -> None:
    networks = few.networks[:4]
    truth = [accuracy(a.choices) for a in networks]
    sample = Sample(
        "few", "toys", NB201(), ("accuracy", "percent"), 30, networks, np.array(truth), networks, np.arange(4)
    )

    class Paid:
        def macs(self, sample: Sample) -> list[float]:
            return [100.0, 200.0, 300.0, 400.0]

        def losses(self, sample: Sample, recipes: list[Recipe], progress: Any) -> list[list[float]]:
            return [[0.1, 0.2, 0.3, 0.4] for _ in recipes]

    found = SimpleNamespace(recipe=Recipe(alpha=0.5, max_macs=150))  # ends at 300
    rows = recipe_search._judged(Paid(), sample, found, lambda *_: None)  # type: ignore[arg-type]
    assert [row["coverage"] for row in rows] == [1, 0.5, 1, 1]
