"""The arena: what strategies see, what they pay, and by what they are judged."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.estimators.base import Fidelity
from nassay.estimators.tables.base import Table
from nassay.estimators.tables.series import Series
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Request, Strategy
from nassay.strategies.base import Plan
from nassay.studies.arena import Arena, race

FULL, SHORT = Fidelity(epochs=30), Fidelity(epochs=3)


SERIES = [
    *(
        Series("pixels", "accuracy", "percent", f"{split}_{epochs}", split, epochs)
        for split in ("valid", "test")
        for epochs in (10, 100)
    ),
    Series("pixels", "train_seconds", "seconds", "seconds_100", epochs=100),
]
VALID = [50.0, 60.0, 70.0, 80.0, 90.0, 85.0, 75.0, 65.0, 55.0]
TEST = [51.0, 62.0, 73.0, 84.0, 88.0, 89.0, 70.0, 60.0, 50.0]  # its best is not the best by validation


@pytest.fixture
def networks() -> list[Architecture]:
    return [Architecture("toy", (i % 4, i // 4, 0, 0, 0, 0, 0, 0)) for i in range(9)]


@pytest.fixture
def make(
    tmp_path: Path, toy: Space, toy_table: Callable[..., Table], networks: list[Architecture]
) -> Callable[..., Table]:
    """A table of 10 and 100 epochs with all columns but those left out."""

    def made(*left_out: str) -> Table:
        columns = {
            "valid_10": [v / 2 for v in VALID],
            "valid_100": VALID,
            "test_10": [v / 2 for v in TEST],
            "test_100": TEST,
            "seconds_100": [100.0 * (i + 1) for i in range(9)],
        }
        kept = {name: values for name, values in columns.items() if name not in left_out}
        return toy_table(tmp_path, toy, networks, kept, {"pixels": SERIES})

    return made


@pytest.fixture
def arena(make: Callable[..., Table]) -> Arena:
    return Arena(make())


def scripted(*batches: Sequence[Request], finalists: Sequence[Architecture] = ()) -> tuple[type[Strategy], list]:
    """A strategy that asks for these batches, and what it is told."""
    told: list = []

    class Scripted(Strategy):
        def plan(self) -> Plan:
            for batch in batches:
                told.append((yield list(batch)))
            return list(finalists)

    return Scripted, told


def trainings(networks: Sequence[Architecture], fidelity: Fidelity = FULL) -> list[Request]:
    return [Request(a, "training", fidelity) for a in networks]


# What a strategy sees ---------------------------------------------------------------------------------------------


def test_trainings_are_answered_with_the_validation_accuracy_as_a_fraction(
    arena: Arena, networks: list[Architecture]
) -> None:
    strategy, told = scripted(trainings(networks[:2]))
    arena.race(strategy, seed=0, evaluations=4)
    assert [r.value for r in told[0]] == pytest.approx([0.5, 0.6])
    details = told[0][1].estimate.details
    assert (details["epochs"], details["train_seconds"]) == (30.0, 200.0)
    assert details["curve"] == [{"epoch": 30.0, "seconds": 200.0, "validation_accuracy": pytest.approx(0.6)}]


def test_a_short_training_is_the_longest_schedule_that_is_not_longer(
    arena: Arena, networks: list[Architecture]
) -> None:
    """10 of 100 epochs are 3 of 30: less, or a little more, or nearly all of 30 is answered by them."""
    for epochs in (1, 3, 10, 29):
        estimate = arena.estimate(Request(networks[2], "training", Fidelity(epochs=epochs)))
        assert estimate.value == pytest.approx(0.35)
        assert estimate.details["train_seconds"] == pytest.approx(30.0)
    assert arena.estimate(Request(networks[2], "training", FULL)).value == pytest.approx(0.7)
    assert arena.estimate(Request(networks[2], "training", Fidelity(epochs=1, final=True))).value == pytest.approx(0.7)


@pytest.mark.parametrize("reduced", [{"channels": 0.5}, {"resolution": 0.5}, {"samples": 0.5}])
def test_reduced_networks_and_data_are_in_no_table(
    arena: Arena, networks: list[Architecture], reduced: dict[str, float]
) -> None:
    estimate = arena.estimate(Request(networks[0], "training", Fidelity(epochs=30, **reduced)))
    assert estimate.value is None
    assert "no table" in (estimate.reason or "")


def test_candidates_are_trained_to_the_end_one_by_one(arena: Arena) -> None:
    problem = arena.problem(seed=3, evaluations=7)
    count, fidelity = problem.single_fidelity()
    assert (count, arena.position(fidelity)) == (7, 1)
    assert problem.at_once(4) == 1


def test_a_network_without_a_row_has_a_reason_and_costs_nothing(arena: Arena, networks: list[Architecture]) -> None:
    strategy, told = scripted(trainings([Architecture("toy", (3,) * 8), networks[0]]))
    found = arena.race(strategy, seed=0, evaluations=4)
    assert "no measurement" in told[0][0].estimate.reason
    assert found.spent.tolist() == [1.0]


def test_counts_are_answered_and_latency_is_not(arena: Arena, networks: list[Architecture], toy: Space) -> None:
    """Eight 1x1 convolutions of one channel, and a linear layer of two outputs with two biases: 8 + 2 + 2."""
    assert arena.estimate(Request(networks[0], "params")).value == 12 + 8  # toy's convolutions have biases
    strategy, _ = scripted([Request(networks[0], "latency_ms")])
    with pytest.raises(UserError, match="Scripted cannot race: it asks for latency_ms"):
        arena.race(strategy, seed=0, evaluations=4)


def test_a_proxy_without_a_score_has_a_reason(arena: Arena, networks: list[Architecture]) -> None:
    strategy, told = scripted([Request(networks[0], "synflow")])
    found = arena.race(strategy, seed=0, evaluations=4)
    assert "bench proxies" in told[0][0].estimate.reason
    assert (found.asked, found.unanswered) == ({"synflow": 1}, {"synflow": 1})


def test_what_has_a_value_is_not_counted_as_unanswered(arena: Arena, networks: list[Architecture]) -> None:
    strategy, _ = scripted([Request(networks[0], "params"), Request(networks[1], "zen"), Request(networks[2], "zen")])
    found = arena.race(strategy, seed=0, evaluations=4)
    assert (found.asked, found.unanswered) == ({"params": 1, "zen": 2}, {"zen": 2})


# What it pays -----------------------------------------------------------------------------------------------------


def test_a_short_training_counts_as_its_share_and_repeats_are_free(arena: Arena, networks: list[Architecture]) -> None:
    strategy, _ = scripted(
        trainings(networks[:2], SHORT),
        trainings(networks[:2], SHORT),
        trainings(networks[1:2]),
        trainings(networks[1:2]),
    )
    found = arena.race(strategy, seed=0, evaluations=4)
    assert found.spent == pytest.approx([0.1, 0.2, 1.2])
    assert found.seconds == pytest.approx([10.0, 30.0, 230.0])
    assert found.architectures == (networks[0], networks[1], networks[1])
    assert found.valid.tolist() == [25.0, 30.0, 60.0]


@pytest.fixture
def curves(tmp_path: Path, toy: Space, toy_table: Callable[..., Table], networks: list[Architecture]) -> Arena:
    """The same networks, looked at after the first, second and third of three epochs of one training."""
    columns = {
        "valid": [[v / 3, v / 2, v] for v in VALID],
        "test": [[v / 3, v / 2, v] for v in TEST],
        "seconds": [30.0 * (i + 1) for i in range(9)],
    }
    looks = [
        Series("pixels", "accuracy", "percent", split, split, epoch, position=epoch - 1)
        for split in ("valid", "test")
        for epoch in (1, 2, 3)
    ]
    series = [*looks, Series("pixels", "train_seconds", "seconds", "seconds", epochs=3)]
    return Arena(toy_table(tmp_path, toy, networks, columns, {"pixels": series}))


def test_going_on_with_a_training_costs_what_is_added(curves: Arena, networks: list[Architecture]) -> None:
    """10, 20 and 30 of 30 epochs of the first network, 30 s in all; then 20 of the second, which are 40 of its 60 s."""
    stages = [trainings(networks[:1], Fidelity(epochs=e)) for e in (10, 20, 30)]
    strategy, told = scripted(*stages, trainings(networks[1:2], Fidelity(epochs=20)))
    found = curves.race(strategy, seed=0, evaluations=4)
    assert found.spent == pytest.approx([1 / 3, 2 / 3, 1, 1 + 2 / 3])
    assert found.seconds == pytest.approx([10, 20, 30, 70])
    assert [batch[0].value for batch in told] == pytest.approx([0.5 / 3, 0.25, 0.5, 0.3])
    assert "only what is new is paid for" in curves.rules[2]


def test_an_earlier_point_of_a_training_is_free(curves: Arena, networks: list[Architecture]) -> None:
    strategy, told = scripted(trainings(networks[:1]), trainings(networks[:1], Fidelity(epochs=10)))
    assert curves.race(strategy, seed=0, evaluations=4).spent.tolist() == [1.0]
    assert told[1][0].value == pytest.approx(0.5 / 3)


def test_a_request_over_the_budget_ends_the_race(arena: Arena, networks: list[Architecture]) -> None:
    strategy, told = scripted(trainings(networks[:3]), trainings(networks[3:6]), finalists=networks[:1])
    found = arena.race(strategy, seed=0, evaluations=4)
    assert len(told) == 1
    assert found.spent.tolist() == [1, 2, 3, 4]
    assert found.finalists == ()


def test_finalists_are_trained_to_the_end(arena: Arena, networks: list[Architecture]) -> None:
    strategy, _ = scripted(trainings(networks[:3], SHORT), finalists=[networks[2], networks[1]])
    found = arena.race(strategy, seed=0, evaluations=4)
    assert found.architectures[3:] == (networks[2], networks[1])
    assert found.spent[-1] == pytest.approx(2.3)
    assert found.finalists == (networks[2], networks[1])


def test_a_strategy_that_only_repeats_itself_is_stopped(arena: Arena, networks: list[Architecture]) -> None:
    class Stubborn(Strategy):
        def plan(self) -> Plan:
            while True:
                yield trainings(networks[:1])

    assert arena.race(Stubborn, seed=0, evaluations=4).spent.tolist() == [1.0]


# By what it is judged ----------------------------------------------------------------------------------------------


def test_the_incumbent_is_the_best_by_validation_and_is_judged_by_test(
    arena: Arena, networks: list[Architecture]
) -> None:
    strategy, _ = scripted(trainings([networks[i] for i in (6, 5, 4, 0)]))
    found = arena.race(strategy, seed=0, evaluations=4)
    assert found.test.tolist() == [70.0, 89.0, 88.0, 88.0]  # the best by validation is not the best by test
    assert arena.best_test == 89.0
    assert found.regret.tolist() == [19.0, 0.0, 1.0, 1.0]


def test_what_was_trained_longest_comes_before_what_was_trained_shortly(
    arena: Arena, networks: list[Architecture]
) -> None:
    """A whole training to 50 %, then short ones to more than that: the incumbent stays."""
    strategy, _ = scripted(trainings(networks[4:5], SHORT), trainings(networks[:1]), trainings(networks[3:4], SHORT))
    assert arena.race(strategy, seed=0, evaluations=4).test.tolist() == [88.0, 51.0, 51.0]


def test_regret_at_a_number_of_evaluations_is_that_of_the_last_training_before(
    arena: Arena, networks: list[Architecture]
) -> None:
    strategy, _ = scripted(trainings([networks[0], networks[5]]))
    found = arena.race(strategy, seed=0, evaluations=9)
    assert found.regret_at(np.array([1.0, 1.5, 2.0, 9.0])).tolist() == [38.0, 38.0, 0.0, 0.0]
    assert np.isnan(found.regret_at(np.array([0.5]))[0])
    assert found.regret_after(np.array([100.0, 699.0, 700.0])).tolist() == [38.0, 38.0, 0.0]


# Every table --------------------------------------------------------------------------------------------------------


def test_without_a_test_split_the_validation_split_judges(make: Callable[..., Table]) -> None:
    arena = Arena(make("test_10", "test_100"))
    assert arena.best_test == 90.0
    assert "no test split" in arena.rules[0]


def test_without_training_times_there_are_no_simulated_seconds(
    make: Callable[..., Table], networks: list[Architecture]
) -> None:
    arena = Arena(make("seconds_100"))
    strategy, _ = scripted(trainings(networks[:2]))
    assert arena.race(strategy, seed=0, evaluations=4).seconds is None
    assert arena.rules[1] == "Simulated seconds: the table has no training times."


def test_random_search_of_the_whole_table_finds_the_best_by_validation(cells: list[str]) -> None:
    """24 encodings of 23 networks, see `cells`; NAS-Bench-201's other cells have no row."""
    found = race("random", "nasbench201", seed=1, evaluations=4)
    assert len(found.spent) <= 4
    assert found.strategy == "random"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, toy: Space, toy_table: Callable[..., Table]) -> Arena:
    """All 81 networks of a smaller toy space; test accuracies are the validation accuracies and noise."""

    class Small(type(toy)):  # type: ignore[misc]
        options = (3,) * 4

    space, rng = Small(), np.random.default_rng(0)
    networks = [Architecture("toy", choices) for choices in product(range(3), repeat=4)]
    valid = [50.0 + 10 * a.choices[0] - 5 * a.choices[2] + float(rng.normal()) for a in networks]
    columns = {"valid_100": valid, "test_100": [v + float(rng.normal()) for v in valid]}
    return Arena(toy_table(tmp_path_factory.mktemp("whole"), space, networks, columns, {"pixels": SERIES}))


@pytest.mark.parametrize("name", ["random", "local_search", "evolution", "nsga2", "optuna:tpe", "optuna:nsgaii"])
def test_a_race_trains_different_networks_for_its_whole_budget_and_is_reproducible(whole: Arena, name: str) -> None:
    first, second, other = (whole.race(name, seed=seed, evaluations=20) for seed in (1, 1, 2))
    assert first.architectures == second.architectures
    assert first.architectures != other.architectures
    assert first.finalists == second.finalists
    assert first.spent.tolist() == list(range(1, 21))
    assert len(set(first.architectures)) == 20


@pytest.mark.parametrize("name", ["local_search", "evolution", "nsga2", "optuna:tpe"])
def test_strategies_of_one_seed_begin_with_the_draws_of_random_search(whole: Arena, name: str) -> None:
    random, other = (whole.race(n, seed=5, evaluations=20) for n in ("random", name))
    assert random.architectures[:4] == other.architectures[:4]


@pytest.mark.parametrize("name", ["random", "local_search", "evolution", "nsga2", "optuna:tpe"])
def test_a_whole_space_is_searched_to_its_end(whole: Arena, name: str) -> None:
    """81 networks: who has trained them all has the best by validation, whatever that is worth in the test."""
    found = whole.race(name, seed=0, evaluations=200)
    assert len(found.architectures) > 75
    best = max(whole.valid, key=lambda a: whole.valid[a])
    if len(found.architectures) == 81:
        assert found.test[-1] == whole.test[best]


def test_a_race_has_four_evaluations_at_least(arena: Arena) -> None:
    with pytest.raises(UserError, match="at least 4"):
        arena.race("random", seed=0, evaluations=3)
