"""EcoNAS's bookkeeping: who goes on, who dies, who has children, and what it costs."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from nassay.estimators.base import Estimate, Fidelity
from nassay.spaces.base import Architecture, Space
from nassay.strategies import Budget, Constraints, Problem, Record, Request
from nassay.strategies.econas import (
    EcoNAS,
    EcoNASSingle,
    Population,
    brood_of,
    parent_shares,
    planned_stages,
    tournaments,
)


def network(i: int) -> Architecture:
    return Architecture("toy", (i,))


def told(*values: float | None, first: int = 0) -> list[Record]:
    """Records of networks first, first + 1, ... with these values."""
    records = []
    for i, value in enumerate(values, start=first):
        estimate = Estimate.failed("diverged") if value is None else Estimate.of(value)
        records.append(Record(Request(network(i), "training", Fidelity(epochs=1)), estimate))
    return records


def names(candidates: Any) -> list[int]:
    return [c.architecture.choices[0] for c in candidates]


def cycles(strategy: EcoNAS, oracle: Any) -> list[list[Record]]:
    done = []
    while batch := strategy.ask():
        done.append([oracle.answer(r) for r in batch])
        strategy.tell(done[-1])
    return done


# The budget -----------------------------------------------------------------------------------------------------


def test_a_cycle_of_the_paper_costs_560_epochs_in_both_forms() -> None:
    """(16 + 8 + 4) x 20 = 560 = 16 x 35."""
    population = Population(16, 3)
    population.tell(told(*range(40)), 0)
    population.tell(told(*range(20)), 0)
    population.tell(told(*range(5)), 0)
    assert [len(population.group(s)) for s in (1, 2, 3)] == [20, 15, 5]
    continued = [len(c.values) for c in population.continued()]
    children = len(population.parents(np.random.default_rng(0)))
    assert Counter(continued) == {1: 8, 2: 4}
    assert children == 16
    assert (children + len(continued)) * 20 == 560 == sum(parent_shares(16, 1)) * 35
    assert EcoNASSingle.stage_epochs / EcoNAS.stage_epochs == 35 / 20


@pytest.mark.parametrize(("brood", "shares"), [(4, [2, 1, 1]), (8, [4, 2, 2]), (12, [6, 3, 3]), (16, [6, 5, 5])])
def test_smaller_cycles_keep_the_proportions(brood: int, shares: list[int]) -> None:
    assert parent_shares(brood, 3) == shares
    assert parent_shares(brood, 1) == [brood]
    assert (brood + brood // 2 + brood // 4) * 4 == brood * 7  # the price of a cycle, in stages, is 7/4 of a brood


def test_small_searches_have_small_cycles() -> None:
    assert [brood_of(n) for n in (4, 16, 200, 400, 800, 1600, 10_000)] == [4, 4, 4, 8, 12, 16, 16]


def test_both_forms_train_for_about_the_same_epochs(toy: Space, oracle: Any) -> None:
    """The first two cycles lack 19 stages, as stages 2 and 3 are still empty: 380 of the paper's epochs."""
    spent = {}
    for form in (EcoNAS, EcoNASSingle):
        problem = Problem(toy, budget=Budget(evaluations=120))
        strategy = form(problem)
        strategy.brood = 16
        trainings = [[r.request.fidelity.epochs for r in batch] for batch in cycles(strategy, oracle(problem))]
        first = strategy.bounds[0].epochs
        spent[form] = [first * len(batch) for batch in trainings]  # every stage costs one stage more
    hierarchical, single = spent[EcoNAS], spent[EcoNASSingle]
    assert hierarchical[:4] == [32, 2 * (6 + 8), 2 * (11 + 8 + 4), 2 * 28]
    assert set(hierarchical[3:-1]) == {56.0} == set(single[:-1])  # 560 epochs at E = 20


def test_the_plan_of_a_search_counts_its_trainings(toy: Space, oracle: Any) -> None:
    for count in (4, 6, 16, 50):
        for form in (EcoNAS, EcoNASSingle):
            problem = Problem(toy, budget=Budget(evaluations=count))
            strategy = form(problem)
            trained = sum(map(len, cycles(strategy, oracle(problem))))
            assert trained == planned_stages(count, strategy.brood, strategy.stages)
    assert planned_stages(16, 4, 1) == 16
    # 4; 2 children + 2; 3 + 2 + 1; 4 + 2 + 1; 3 + 2 + 1
    assert planned_stages(16, 4, 3) == 4 + 4 + 6 + 7 + 6


def test_under_a_clock_both_forms_share_the_same_seconds(toy: Space) -> None:
    budget = Budget(minutes=3, workers=2)
    for form in (EcoNAS, EcoNASSingle):
        strategy = form(Problem(toy, budget=budget))
        planned = planned_stages(strategy.count, strategy.brood, strategy.stages)
        bounds = strategy.bounds
        assert bounds[0].seconds * planned == pytest.approx(2 * budget.search_seconds, rel=0.01)
        assert [b.seconds / bounds[0].seconds for b in bounds] == pytest.approx(range(1, strategy.stages + 1), rel=0.01)
        assert {b.horizon for b in bounds} == {bounds[-1].seconds}


# Who lives ------------------------------------------------------------------------------------------------------


def test_whoever_is_not_trained_for_ten_cycles_dies() -> None:
    population = Population(4, 3)
    population.tell(told(0.1, 0.2, 0.3), 0)
    population.tell(told(0.25, first=1), 4)  # network 1 goes on in cycle 4
    population.expire(9)
    assert names(population.alive.values()) == [0, 1, 2]
    population.expire(10)
    assert names(population.alive.values()) == [1]
    population.expire(13)
    assert names(population.group(2)) == [1]
    population.expire(14)
    assert not population.alive
    assert len(population.history) == 3


def test_the_best_of_all_stages_ranks_and_the_last_stage_is_reported() -> None:
    population = Population(8, 3)
    population.tell(told(0.5, 0.4, 0.3, 0.2), 0)
    population.tell(told(0.1, 0.45), 1)
    assert names(population.group(2)) == [0, 1]  # 0.5 and 0.45
    assert names(population.group(1)) == [2, 3]
    population.tell(told(0.2, 0.46), 2)
    population.expire(12)
    assert [a.choices[0] for a in population.reported()] == [1, 0, 2, 3]


def test_the_better_half_goes_on_and_a_quarter_goes_on_again() -> None:
    population = Population(8, 3)
    population.tell(told(*[i / 20 for i in range(12)]), 0)
    assert names(population.continued()) == [11, 10, 9, 8]
    population.tell(told(0.9, 0.8, 0.7, 0.95, first=8), 1)
    assert names(population.continued()) == [7, 6, 5, 4, 11, 8]
    assert not Population(8, 1).continued()


def test_a_failed_training_is_out_and_what_it_had_reached_is_still_reported() -> None:
    population = Population(4, 3)
    population.tell(told(0.3, None), 0)
    population.tell(told(None), 1)
    assert not population.alive
    assert [a.choices[0] for a in population.reported()] == [0]


# Who has children -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 4, 7, 40])
def test_tournaments_draw_a_quarter_and_one_with_replacement(size: int) -> None:
    """The winner is the i-th best with probability ((n - i)^k - (n - i - 1)^k) / n^k, k = n // 4 + 1."""
    k, draws = size // 4 + 1, 20_000
    found = np.bincount(tournaments(size, draws, np.random.default_rng(0)), minlength=size) / draws
    left = np.arange(size, -1, -1) / size
    expected = left[:-1] ** k - left[1:] ** k
    assert found == pytest.approx(expected, abs=0.015)


def test_mothers_come_from_every_stage_that_has_candidates() -> None:
    population = Population(16, 3)
    population.tell(told(*range(12)), 0)
    rng = np.random.default_rng(0)
    assert len(population.parents(rng)) == 6  # as in the first cycle of the paper
    population.tell(told(*range(8)), 0)
    assert len(population.parents(rng)) == 11
    population.tell(told(*range(4)), 0)
    stages = Counter(len(population.alive[a].values) for a in population.parents(rng))
    assert stages == {1: 6, 2: 5, 3: 5}


def test_children_are_new_mutants_and_weights_are_carried_on(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=60))
    strategy = EcoNAS(problem)
    done: dict[Architecture, list[float]] = {}
    for batch in cycles(strategy, oracle(problem)):
        known = list(done)
        for record in batch:
            architecture, fidelity = record.request.architecture, record.request.fidelity
            if architecture in known:
                assert fidelity.epochs == done[architecture][-1] + 2  # the next stage of the same training
            elif known:
                near = (sum(a != b for a, b in zip(architecture.choices, k.choices, strict=True)) for k in known)
                assert min(near) == 1
            assert fidelity.horizon == 6
            done.setdefault(architecture, []).append(fidelity.epochs)
    assert len(done) == 60
    assert Counter(map(len, done.values())).keys() == {1, 2, 3}
    assert all(len(done[a]) == 3 for a in strategy.finalists)


def test_an_exhausted_space_ends_the_search_once_the_best_are_trained_to_the_end(toy: Space, oracle: Any) -> None:
    """Nine networks keep the limit."""
    problem = Problem(toy, Constraints(max_params=24), Budget(evaluations=40))
    strategy = EcoNAS(problem)
    trained = Counter(r.request.architecture for batch in cycles(strategy, oracle(problem)) for r in batch)
    assert len(trained) == 9
    assert max(trained.values()) == 3
    assert {trained[a] for a in strategy.finalists} == {3}


def test_where_everybody_fails_others_are_drawn(toy: Space, oracle: Any) -> None:
    problem = Problem(toy, budget=Budget(evaluations=12))
    first = {r.architecture for r in EcoNAS(problem).ask()}
    strategy = EcoNAS(problem)
    trained = cycles(strategy, oracle(problem, fails=lambda r: r.architecture in first))
    assert len({r.request.architecture for batch in trained for r in batch}) == 12
    assert strategy.finalists
    assert not first & set(strategy.finalists)


# In a replay of a table -----------------------------------------------------------------------------------------


def test_in_a_replay_the_last_stage_is_the_full_training(toy: Space) -> None:
    problem = Problem(toy, budget=Budget(evaluations=50), replay=True)
    assert [b.epochs for b in EcoNAS(problem).bounds] == [10, 20, 30]
    assert [b.epochs for b in EcoNASSingle(problem).bounds] == [30]
    assert EcoNAS(Problem(toy, budget=Budget(evaluations=200), replay=True)).brood == 16


def test_the_hierarchy_finds_better_networks_than_random_search(toy: Space, oracle: Any) -> None:
    gains = []
    for seed in range(6):
        problem = Problem(toy, budget=Budget(evaluations=40), seed=seed)
        strategy, answers = EcoNAS(problem), oracle(problem, seed=seed)
        cycles(strategy, answers)
        gains.append(answers.quality(strategy.finalists[0]) - answers.quality(strategy.random_baseline))
    assert np.mean(gains) > 0.3  # standard deviation of the quality of random architectures: about 1
