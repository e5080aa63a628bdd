"""New children: near their parent, canonical, inside the limits, and never paid for before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb201 import NB201
from nassay.strategies import Constraints, Problem
from nassay.strategies.mutation import new_mutant

SEEDS = st.integers(0, 2**32 - 1)
NB201_PROBLEM = Problem(NB201())


def differing(a: Architecture, b: Architecture) -> int:
    return sum(x != y for x, y in zip(a.choices, b.choices, strict=True))


def child_of(problem: Problem, parent: Architecture, seen: set[Architecture], seed: int) -> Architecture:
    child = new_mutant(problem, parent, seen, np.random.default_rng(seed))
    assert child is not None
    return child


def stuck(toy: Space, at: Architecture) -> tuple[Space, list[Architecture]]:
    """A space in which every mutation leads to the same place, and the list of what has been mutated there."""
    mutated = []

    class Stuck(type(toy)):  # type: ignore[misc]
        def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
            mutated.append(architecture)
            return at

    return Stuck(), mutated


@settings(max_examples=25, deadline=None)
@given(choices=st.tuples(*[st.integers(0, 4)] * 6), seed=SEEDS)
def test_a_child_is_another_network_and_in_canonical_form(choices: tuple[int, ...], seed: int) -> None:
    """Also of a parent that is not: in NAS-Bench-201 many encodings are one network."""
    space = NB201_PROBLEM.space
    parent = Architecture("nb201", choices)
    child = child_of(NB201_PROBLEM, parent, set(), seed)
    assert space.check(child) == space.canonical(child) == child != space.canonical(parent)
    assert child in space.neighbors(parent)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, known=st.integers(0, 23))
def test_a_child_is_a_new_neighbour_while_there_are_some(toy: Space, seed: int, known: int) -> None:
    """Of 24 neighbours some are known; unless it has bad luck ten times, one choice of the child is another."""
    problem, rng = Problem(toy), np.random.default_rng(seed)
    parent = toy.sample(rng)
    seen = {parent, *toy.neighbors(parent)[:known]}
    child = child_of(problem, parent, seen, seed)
    assert toy.check(child) not in seen
    assert 1 <= differing(child, parent) <= 5  # five mutations at most
    if known == 0:
        assert differing(child, parent) == 1


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_a_child_keeps_the_limits(toy: Space, seed: int) -> None:
    """Also of a parent that breaks them, as one of 45 to 60 parameters does."""
    rng = np.random.default_rng(seed)
    parent = Problem(toy, Constraints(max_params=60)).sample(rng)
    problem = Problem(toy, Constraints(max_params=45))
    child = child_of(problem, parent, {parent}, seed)
    assert child != parent
    assert problem.profile(child).params <= 45


def test_a_seed_is_a_child_and_nothing_else_is_changed(toy: Space) -> None:
    problem, parent = Problem(toy), Architecture("toy", (1, 2, 3, 0, 1, 2, 3, 0))
    seen = {parent}
    children = [child_of(problem, parent, seen, seed) for seed in (0, 0, *range(1, 20))]
    assert children[0] == children[1]
    assert len(set(children)) > 10  # of 24 neighbours
    assert seen == {parent}
    assert parent.choices == (1, 2, 3, 0, 1, 2, 3, 0)


def test_further_mutations_follow_where_all_neighbours_are_known(toy: Space) -> None:
    """Two mutations of eight choices miss each other seven times of eight, and they have ten attempts."""
    problem, parent = Problem(toy), Architecture("toy", (0, 1, 2, 3) * 2)
    seen = {parent, *toy.neighbors(parent)}
    assert [differing(child_of(problem, parent, seen, seed), parent) for seed in range(20)] == [2] * 20


def test_random_draws_follow_where_no_mutation_is_new(toy: Space) -> None:
    """Ten attempts each with one to five mutations, then the problem's own draws, of which the first is known, too."""
    parent, neighbour = Architecture("toy", (0,) * 8), Architecture("toy", (1,) + (0,) * 7)
    space, mutated = stuck(toy, neighbour)
    problem, rng = Problem(space), np.random.default_rng(3)
    first, second = problem.sample(rng), problem.sample(rng)
    assert first != second
    assert child_of(problem, parent, {parent, neighbour, first}, 3) == second
    assert len(mutated) == 10 * (1 + 2 + 3 + 4 + 5)
    assert mutated.count(parent) == 50  # every attempt begins at the parent


def test_draws_keep_the_limits_that_mutations_break(toy: Space) -> None:
    """The mutations' only end has 8 layers of 4 channels: 8 + 7 * 20 + 10 parameters."""
    largest = Architecture("toy", (3,) * 8)
    space, _ = stuck(toy, largest)
    problem = Problem(space, Constraints(max_params=157))
    assert problem.profile(largest).params == 158
    parent = space.smallest()
    for seed in range(5):
        child = child_of(problem, parent, {parent}, seed)
        assert child not in (largest, parent)
        assert problem.profile(child).params <= 157


@pytest.mark.parametrize(("max_params", "known"), [(20, 1), (24, 9)])
def test_there_is_no_child_where_every_network_inside_the_limits_is_known(
    toy: Space, max_params: int, known: int
) -> None:
    """One channel everywhere has 20 parameters; a second one in a layer adds 3, in the last one 4, two at least 6."""
    problem = Problem(toy, Constraints(max_params=max_params))
    parent = toy.smallest()
    inside = {a for a in [parent, *toy.neighbors(parent)] if problem.admits(a)}
    assert len(inside) == known
    assert new_mutant(problem, parent, inside, np.random.default_rng(0)) is None


def test_whatever_is_inside_the_limits_can_be_a_child(toy: Space) -> None:
    problem, parent = Problem(toy, Constraints(max_params=24)), toy.smallest()
    children = {child_of(problem, parent, {parent}, seed) for seed in range(60)}
    assert sorted(a.choices for a in children) == sorted(tuple(row) for row in np.eye(8, dtype=int).tolist())
