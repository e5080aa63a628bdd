"""Several spaces as one: what a network is in its own space, and that nothing of the two is mixed up."""

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.spaces.base import Architecture, Space
from nassay.spaces.union import ConvNets

SPACE = ConvNets((3, 32, 32), 10)
MOBILE, RESNET = SPACE.parts


def drawn(part: Space, seed: int = 0) -> tuple[Architecture, Architecture]:
    """A network of a part, and the same in the union."""
    own = part.sample(np.random.default_rng(seed))
    return own, SPACE.whole(own)


@pytest.mark.parametrize("part", SPACE.parts, ids=lambda part: part.name)
def test_a_network_is_that_of_its_own_space(part: Space) -> None:
    own, here = drawn(part)
    assert SPACE.part(here) == (part, own)
    assert SPACE.to_string(here) == part.to_string(own)
    assert SPACE.from_string(part.to_string(own)) == here
    assert SPACE.graph(here) == part.graph(own)
    assert Analytic.of(SPACE).totals(here) == Analytic.of(part).totals(own)
    torch.manual_seed(0)
    built = SPACE.build(here).state_dict()
    torch.manual_seed(0)
    alone = part.build(own).state_dict()
    assert built.keys() == alone.keys()
    assert all(torch.equal(built[name], alone[name]) for name in alone)


def test_equal_keys_of_the_parts_are_different_keys_here() -> None:
    keys = [{piece.key for piece in SPACE.layout(drawn(part)[1]).body} for part in SPACE.parts]
    assert not keys[0] & keys[1]


def test_choices_of_the_other_space_do_not_count() -> None:
    own, here = drawn(RESNET)
    first = len(MOBILE.options) + 1
    noise = tuple(n - 1 for n in MOBILE.options)
    encoding = Architecture("convnets", (1, *noise, *own.choices))
    assert here.choices == (1, *[0] * len(noise), *here.choices[first:])
    assert SPACE.canonical(encoding) == here
    assert SPACE.to_string(encoding) == SPACE.to_string(here)


def test_samples_are_of_both_and_neighbours_of_one() -> None:
    rng = np.random.default_rng(0)
    names = [SPACE.part(SPACE.sample(rng))[0].name for _ in range(400)]
    assert 150 < names.count("mobile") < 250  # 200 +- 10, five deviations
    for part in SPACE.parts:
        own, here = drawn(part)
        assert [SPACE.part(a)[1] for a in SPACE.neighbors(here)] == part.neighbors(own)


def test_children_of_two_spaces_are_neighbours_of_a_parent() -> None:
    a, b = drawn(MOBILE)[1], drawn(RESNET)[1]
    near = {*SPACE.neighbors(a), *SPACE.neighbors(b)}
    children = {SPACE.crossover(a, b, np.random.default_rng(seed)) for seed in range(20)}
    assert children <= near
    assert {SPACE.part(child)[0] for child in children} == set(SPACE.parts)


def test_what_no_space_can_read_is_told_by_all() -> None:
    with pytest.raises(UserError, match=r"not a mobile network.*not a residual network"):
        SPACE.from_string("vgg16")
