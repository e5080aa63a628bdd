"""How spaces without a rule of their own grow, and the sentences that they are read as."""

import numpy as np
import pytest

from nassay.spaces.base import Architecture, Space, spaces
from nassay.spaces.nb201 import NB201
from nassay.spaces.nb_macro import NBMacro

ALL = 10**6


def grow(space: Space, steps: int, most: int, seed: int = 0) -> list[list[Architecture]]:
    """The levels of a growth that keeps the last architecture of each."""
    rng, parent, levels = np.random.default_rng(seed), None, []
    for step in range(steps):
        levels.append(space.grown(parent, step, steps, rng, most))
        parent = levels[-1][-1]
    return levels


def test_choices_are_fixed_one_after_another_the_rest_being_the_smallest() -> None:
    first, second, *_, last = grow(NBMacro(), 8, ALL)
    assert [a.choices for a in first] == [(c, *(0,) * 7) for c in range(3)]
    assert [a.choices for a in second] == [(2, c, *(0,) * 6) for c in range(3)]
    assert [a.choices for a in last] == [(*(2,) * 7, c) for c in range(3)]


def test_fewer_steps_fix_groups_of_choices() -> None:
    space = NBMacro()
    assert space.growth_steps(3) == 3
    assert space.growth_steps(99) == 8
    first, second, third = grow(space, 3, ALL)
    assert [len(level) for level in (first, second, third)] == [27, 27, 9]
    assert {a.choices[3:] for a in first} == {(0,) * 5}


def test_edges_of_a_benchmarks_cell_that_are_not_fixed_are_identities() -> None:
    first, *_ = grow(NB201(), 6, ALL)
    assert [a.choices for a in first] == [(c, 1, 1, 1, 1, 1) for c in range(5)]
    assert not any(NB201().is_dead(a) for a in first)


def test_where_there_are_too_many_they_are_drawn() -> None:
    space = NBMacro()
    parent = Architecture("nb_macro", (2, 1, 2, 0, 0, 0, 0, 0))
    some = space.grown(parent, 1, 2, np.random.default_rng(0), 10)
    assert 2 <= len(set(some)) == len(some) <= 10
    assert {a.choices[:4] for a in some} == {parent.choices[:4]}


@pytest.mark.parametrize("name", spaces.names())
def test_whole_architectures_come_out_of_every_space(name: str) -> None:
    space = spaces[name].target()
    steps = space.growth_steps(3)
    levels = grow(space, steps, 5)
    assert all(1 <= len(level) <= 5 for level in levels)
    sizes = [space.canonical(a) for level in levels for a in level]
    assert all(0 <= token < space.vocabulary for a in sizes for word in space.words(a) for token in word)
    assert levels == grow(space, steps, 5)


def test_a_word_names_an_option_of_a_choice() -> None:
    space = NBMacro()
    assert space.vocabulary == 24
    assert space.words(Architecture("nb_macro", (2, 0, 1, 1, 0, 0, 0, 0))) == [
        (2,),
        (3,),
        (7,),
        (10,),
        (12,),
        (15,),
        (18,),
        (21,),
    ]
