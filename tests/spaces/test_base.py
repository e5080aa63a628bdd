"""The rules that every space inherits, on two made for it; what each registered space keeps is in the contracts."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Neck, Piece, Shape, Space, pyramid_shapes


class Plain(Space):
    """A choice of two and one of three options; a 1x1 and a strided 3x3 convolution."""

    name = "plain"
    options = (2, 3)

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        a, b = (int(width * (c + 1)) for c in self.check(architecture).choices)
        pieces = Piece(("a", a), lambda: nn.Conv2d(3, a, 1)), Piece(("b", b), lambda: nn.Conv2d(a, b, 3, 2, 1))
        return Layout(pieces[0], pieces[1:], Piece(("tail",), nn.ReLU), b)

    def graph(self, architecture: Architecture) -> Graph:
        return Graph(("input", "output"), ((0, 1),))

    def to_string(self, architecture: Architecture) -> str:
        return "".join(map(str, architecture.choices))

    def from_string(self, text: str) -> Architecture:
        return self.at(*map(int, text))

    def at(self, *choices: int) -> Architecture:
        return Architecture(self.name, choices)


class Pairs(Plain):
    """Two choices of three options whose order does not matter: the smaller one comes first."""

    name = "pairs"
    options = (3, 3)

    def canonical(self, architecture: Architecture) -> Architecture:
        return self.at(*sorted(self.check(architecture).choices))


class Fours(Plain):
    name = "fours"
    options = (4,) * 5


PLAIN, PAIRS = Plain((3, 8, 8), 2), Pairs((3, 8, 8), 2)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_architectures_are_frozen_values_sorted_by_space_and_choices() -> None:
    one = Architecture("a", (1, 2))
    assert {one: 1}[Architecture("a", (1, 2))] == 1
    assert sorted([Architecture("b", (0,)), Architecture("a", (1, 10)), one]) == [
        one,
        Architecture("a", (1, 10)),
        Architecture("b", (0,)),
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.space = "b"  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(3, 0, 8), (3, 8), (-1, 8, 8), (1, 3, 8, 8)])
def test_shapes_are_three_positive_numbers(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"three positive numbers \(C, H, W\), found \(.*8"):
        Plain(shape, 2)  # type: ignore[arg-type]


def test_a_network_has_at_least_one_output() -> None:
    assert Plain((1, 1, 1), 1).num_outputs == 1
    with pytest.raises(UserError, match="at least 1, found -3"):
        Plain((3, 8, 8), -3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Architecture("pairs", (0, 0)), "This is the space 'plain', the architecture is of 'pairs'"),
        (Architecture("plain", (0,)), r"\(0,\) is not a point of 'plain': its choices have \(2, 3\) options"),
        (Architecture("plain", ()), "not a point"),
        (Architecture("plain", (0, 0, 0)), "not a point"),
        (Architecture("plain", (2, 0)), "not a point"),
        (Architecture("plain", (0, -1)), "not a point"),
    ],
)
def test_what_is_no_point_of_the_space_is_refused_with_what_was_found(wrong: Architecture, words: str) -> None:
    for rule in (PLAIN.check, PLAIN.canonical, PLAIN.neighbors, PLAIN.encode, PLAIN.words, PLAIN.build):
        with pytest.raises(UserError, match=words):
            rule(wrong)


def test_every_point_is_one() -> None:
    points = [PLAIN.at(a, b) for a in range(2) for b in range(3)]
    assert PLAIN.size == len(points) == 6
    assert [PLAIN.check(point) for point in points] == [PLAIN.canonical(point) for point in points] == points
    assert PLAIN.smallest() == points[0]


def test_neighbors_of_a_network_are_counted_once_whatever_its_encoding() -> None:
    """Of {0, 1}: 0 becomes 1 or 2, or 1 becomes 0 or 2."""
    expected = [PAIRS.at(0, 0), PAIRS.at(0, 2), PAIRS.at(1, 1), PAIRS.at(1, 2)]
    assert PAIRS.neighbors(PAIRS.at(0, 1)) == PAIRS.neighbors(PAIRS.at(1, 0)) == expected


def test_mutants_are_all_neighbors_and_never_the_same_network() -> None:
    draw = rng()
    found = Counter(PAIRS.mutate(PAIRS.at(1, 0), draw) for _ in range(400))
    assert sorted(found) == PAIRS.neighbors(PAIRS.at(0, 1))
    assert all(60 < n < 140 for n in found.values())  # each by one of four equal draws


def test_each_choice_of_a_child_is_from_either_parent_by_a_fair_coin() -> None:
    draw, mother, father = rng(), PLAIN.at(0, 2), PLAIN.at(1, 1)
    found = Counter(PLAIN.crossover(mother, father, draw).choices for _ in range(400))
    assert set(found) == {(0, 1), (0, 2), (1, 1), (1, 2)}
    assert all(60 < n < 140 for n in found.values())
    assert {PAIRS.crossover(PAIRS.at(1, 2), PAIRS.at(0, 0), draw).choices for _ in range(50)} == {
        (0, 0),
        (0, 1),  # of (1, 0)
        (0, 2),
        (1, 2),
    }


@pytest.mark.parametrize("space", [PLAIN, PAIRS, Fours()], ids=lambda space: space.name)
def test_samples_are_one_draw_a_choice_whether_or_not_options_are_as_many(space: Space) -> None:
    fast, slow = rng(3), rng(3)
    for _ in range(20):
        drawn = tuple(int(slow.integers(n)) for n in space.options)
        assert space.sample(fast) == space.canonical(Architecture(space.name, drawn))
    assert fast.integers(10**6) == slow.integers(10**6)


def test_all_encodings_are_sampled_equally_often() -> None:
    draw = rng()
    found = Counter(PLAIN.sample(draw).choices for _ in range(600))
    assert len(found) == 6
    assert all(65 < n < 135 for n in found.values())


def test_scaling_is_towards_the_smallest_option() -> None:
    """(c + 1/2) / 2 of 0, 1, 2, 3 is 1/4, 3/4, 5/4, 7/4."""
    space = Fours()
    assert space.scaled(space.at(0, 1, 2, 3, 3), 0.5).choices == (0, 0, 1, 1, 1)
    assert space.scaled(space.at(0, 1, 2, 3, 3), 0.75).choices == (0, 1, 1, 2, 2)  # 3/8, 9/8, 15/8, 21/8
    assert space.scaled(space.at(0, 1, 2, 3, 3), 1.0).choices == (0, 1, 2, 3, 3)
    assert space.scaled(space.at(0, 1, 2, 3, 3), 0.0) == space.smallest()


def test_codes_and_words_are_those_of_the_canonical_form() -> None:
    assert PLAIN.encode(PLAIN.at(1, 0)).tolist() == [0, 1, 1, 0, 0]
    assert PLAIN.words(PLAIN.at(1, 2)) == [(1,), (2 + 2,)]
    assert PLAIN.vocabulary == 5
    assert PAIRS.encode(PAIRS.at(2, 0)).tolist() == [1, 0, 0, 0, 0, 1]
    assert PAIRS.words(PAIRS.at(2, 0)) == [(0,), (3 + 2,)]


def test_each_choice_is_decided_for_itself_and_encodings_stay_as_they_are() -> None:
    chances = [np.array([0.2, 0.0, 0.8]), np.array([0.7, 0.3, 0.0])]
    assert PAIRS.sums == ((0,), (1,))
    assert PAIRS.discretised(chances, 3) == [PAIRS.at(2, 0), PAIRS.at(2, 1), PAIRS.at(0, 0)]  # .56, .24, .14
    assert [[option for option, _ in group] for group in PAIRS.alternatives(chances)] == [[(0,), (1,), (2,)]] * 2


def test_growth_goes_on_from_what_was_fixed_and_leaves_it_alone() -> None:
    assert [a.choices for a in PLAIN.grown(None, 0, 2, rng(), 10)] == [(0, 0), (1, 0)]
    parent = PLAIN.at(1, 0)
    assert [a.choices for a in PLAIN.grown(parent, 1, 2, rng(), 3)] == [(1, 0), (1, 1), (1, 2)]
    assert {a.choices[0] for a in PLAIN.grown(parent, 1, 2, rng(), 2)} == {1}
    assert parent == PLAIN.at(1, 0)


def test_without_a_super_network_a_space_says_so_and_blocks_are_their_own() -> None:
    with pytest.raises(UserError, match="The space 'plain' has no super-network; take"):
        PLAIN.super_layout(lambda position, options, channels: nn.Identity())
    assert PLAIN.shared_blocks(PLAIN.at(1, 1)) == (0,)


def test_a_network_is_its_layout_at_the_asked_width() -> None:
    layout = PLAIN.layout(PLAIN.at(1, 2))
    assert [piece.key for piece in layout.body] == [("a", 2), ("b", 3), ("tail",)]
    network = PLAIN.build(PLAIN.at(1, 2), width=2.0)
    assert (network.stem.out_channels, network.blocks[0].out_channels) == (4, 6)
    assert network.head[-1].weight.shape == (2, 6)
    assert not PLAIN.reads_all_sizes(layout)


class Doubled(nn.Module):
    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [torch.cat([m, m], 1) for m in maps]


def test_a_neck_is_made_for_the_shapes_that_are_given_and_the_head_for_what_it_puts_out() -> None:
    made: list[tuple[Shape, ...]] = []

    def twice(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        return tuple((2 * c, h, w) for c, h, w in shapes)

    neck = Neck(("doubled",), lambda shapes: made.append(shapes) or Doubled(), twice)
    layout = dataclasses.replace(PLAIN.layout(PLAIN.at(1, 2)), neck=neck)
    assert PLAIN.reads_all_sizes(layout)
    assert PLAIN.assembled(layout)(torch.zeros(4, 3, 8, 8)).shape == (4, 2)
    other = PLAIN.assembled(layout, ((2, 5, 5), (7, 3, 3)))
    assert made == [((2, 8, 8), (3, 4, 4)), ((2, 5, 5), (7, 3, 3))]
    assert other.head[-1].in_features == 2 * 7


def test_shapes_of_maps_cost_no_random_numbers_and_no_statistics_of_a_single_pixel() -> None:
    def drawing() -> nn.Module:
        torch.rand(3, device="cpu")
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))

    layout = Layout(Piece(("stem",), lambda: nn.Conv2d(3, 4, 1)), (Piece(("b",), drawing),), Piece(("t",), nn.ReLU), 4)
    state = torch.get_rng_state()
    assert pyramid_shapes(layout, (3, 6, 5)) == ((4, 6, 5), (4, 1, 1))
    assert torch.equal(torch.get_rng_state(), state)
