import json

import pytest

from nassay.estimators.analytic import profile
from nassay.estimators.topology import score as score_graph
from nassay.spaces.base import Architecture
from nassay.spaces.nb201 import NB201
from nassay.spaces.transnas_macro import TransNASMacro
from nassay.studies import bench_worker
from nassay.studies.bench_worker import BenchWorker, Scorer, seen_by_networks

CELL = (3, 1, 2, 4, 0, 3)
SETTINGS = {"batch_size": 2, "largest_side": 8, "seed": 0}


@pytest.fixture
def space():
    return NB201((3, 8, 8), 10, channels=2, cells=1)


def scorer(space, *names, **changes):
    return Scorer(space, names, **(SETTINGS | changes))


def test_counts_are_those_of_the_built_network(space):
    counts = profile(space.build(Architecture("nb201", CELL)), (3, 8, 8))
    found = scorer(space, "params", "macs").score(Architecture("nb201", CELL))
    assert (found["params"].value, found["macs"].value) == (counts.params, counts.macs)


def test_counts_do_not_depend_on_company(space, monkeypatch):
    """Memory is given back every so often; what was counted after is the same."""
    architectures = [Architecture("nb201", (i, 1, 2, 3, 0, 1)) for i in range(4)]
    kept = scorer(space, "params")
    expected = [kept.score(a)["params"].value for a in architectures]
    monkeypatch.setattr(bench_worker, "COUNTED_TOGETHER", 1)
    fresh = scorer(space, "params")
    assert [fresh.score(a)["params"].value for a in architectures] == expected


def test_random_scores_follow_from_seed_and_architecture(space):
    a, b = Architecture("nb201", CELL), Architecture("nb201", (1,) * 6)
    first, again, other = (scorer(space, "random", seed=seed).score(a)["random"].value for seed in (0, 0, 1))
    assert first == again != other
    assert first != scorer(space, "random").score(b)["random"].value
    assert all(0 <= v < 1 for v in (first, other))


def test_graph_scores_need_no_network(space, monkeypatch):
    monkeypatch.setattr(bench_worker, "ProxyScorer", None)
    architecture = Architecture("nb201", CELL)
    found = scorer(space, "sed", "paths").score(architecture)
    expected = score_graph(space.graph(architecture), ["sed", "paths"])
    assert {n: e.value for n, e in found.items()} == {n: e.value for n, e in expected.items()}


def test_a_dead_cell_has_reasons_and_counts(space):
    found = scorer(space, "zen", "sed", "params").score(Architecture("nb201", (0,) * 6))
    assert list(found) == ["zen", "sed", "params"]
    assert found["zen"].value is None
    assert found["zen"].reason
    assert found["sed"].value is None
    assert found["params"].value is not None
    assert found["params"].value > 0


def test_large_images_are_shown_smaller_and_counted_as_they_are():
    large = NB201((3, 32, 16), 10, channels=2, cells=1)
    seen = seen_by_networks(large, 8)
    assert seen.input_shape == (3, 8, 4)
    assert large.input_shape == (3, 32, 16)
    assert seen_by_networks(large, 32) is large
    architecture = Architecture("nb201", CELL)
    found = scorer(large, "macs", "az_complexity").score(architecture)
    assert found["macs"].value == profile(large.build(architecture), (3, 32, 16)).macs
    assert found["az_complexity"].value == profile(seen.build(architecture), (3, 8, 4)).macs


def test_networks_whose_resolution_is_searched_see_their_own():
    space = TransNASMacro((3, 256, 256), 10)
    assert seen_by_networks(space, 64) is space


def test_jobs_and_answers_are_plain_data(cells):
    job = {
        "table": "nasbench201",
        "dataset": "cifar10",
        "names": ["sed", "random"],
        "choices": [[3, 1, 2, 4, 0, 3], [0, 0, 0, 0, 0, 0]],
        "settings": SETTINGS,
    }
    worker = BenchWorker()
    first, dead = json.loads(json.dumps(worker.answer(job), allow_nan=False))
    assert first["sed"]["reason"] is None
    assert dead["sed"]["value"] is None
    assert set(first["random"]) == {"value", "reason", "seconds", "details"}
    assert worker.answer({**job, "choices": [[3, 1, 2, 4, 0, 3]]})[0]["sed"]["value"] == first["sed"]["value"]
