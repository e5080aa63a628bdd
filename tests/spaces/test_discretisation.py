"""The likeliest combinations of groups of choices, against all of them written out."""

from itertools import product

import numpy as np

from nassay.spaces.base import Architecture
from nassay.spaces.discretisation import each_alone, likeliest
from nassay.spaces.nb201 import NB201


def test_the_likeliest_paths_come_in_order_of_their_probability() -> None:
    chances = [np.array([0.7, 0.3]), np.array([0.2, 0.5, 0.3]), np.array([0.45, 0.55])]

    def probability(path: tuple[int, ...]) -> float:
        return float(np.prod([c[i] for c, i in zip(chances, path, strict=True)]))

    every = sorted(product(range(2), range(3), range(2)), key=probability, reverse=True)
    for most in (1, 4, 11, 12, 50):
        assert likeliest(each_alone(chances), most) == every[:most]


def test_what_has_no_chance_is_left_out_unless_nothing_else_is_left() -> None:
    groups = each_alone([np.array([0.0, 0.4, 0.6]), np.array([0.0, 0.0])])
    assert likeliest(groups, 10) == [(2, 0), (1, 0)]


def test_options_of_a_group_are_decided_together() -> None:
    groups = [[((0, 1), -1.0), ((1, 0), -0.5)], [((3,), -2.0), ((4,), -2.1)]]
    assert likeliest(groups, 3) == [(1, 0, 3), (1, 0, 4), (0, 1, 3)]


def test_ties_are_in_the_order_of_their_options() -> None:
    assert likeliest(each_alone([np.full(3, 1 / 3)] * 2), 4) == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_a_space_takes_the_likeliest_option_of_each_choice() -> None:
    space, rng = NB201(), np.random.default_rng(0)
    chances = [rng.dirichlet(np.ones(n)) for n in space.options]
    assert space.discretised(chances) == [Architecture("nb201", tuple(int(p.argmax()) for p in chances))]
