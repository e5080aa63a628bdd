import math

import pytest
import torch

from nassay.spaces.base import Pyramid, Shape, spaces
from nassay.spaces.network import PyramidHead
from nassay.tasks.depth.decoder import LEAST_DEPTH_M, WIDTH, DepthHead


def maps(shapes: tuple[Shape, ...], batch: int = 2) -> list[torch.Tensor]:
    return [torch.randn(batch, *shape) for shape in shapes]


def head(
    shapes: tuple[tuple[int, int, int], ...], input_shape: tuple[int, int, int], typical: float = 2.0
) -> DepthHead:
    torch.manual_seed(0)
    return DepthHead(Pyramid(shapes), input_shape, typical)


SHAPES = ((8, 17, 21), (16, 9, 11), (24, 5, 6))


def test_it_reads_a_pyramid_of_odd_sizes() -> None:
    module = head(SHAPES, (3, 33, 41))
    assert isinstance(module, PyramidHead)
    assert module(maps(SHAPES)).shape == (2, 1, 17, 21)


def test_maps_finer_than_half_the_input_are_not_used() -> None:
    shapes = ((8, 32, 32), (16, 16, 16), (32, 8, 8))
    module = head(shapes, (3, 32, 32))
    assert module.levels == [1, 2]
    found = maps(shapes)
    outputs = module.eval()(found)
    assert outputs.shape == (2, 1, 16, 16)
    assert torch.equal(outputs, module([found[0] + 1, *found[1:]]))
    assert not torch.equal(outputs, module([found[0], found[1] + 1, found[2]]))
    assert not torch.equal(outputs, module([found[0], found[1], found[2] + 1]))


def test_one_fine_map_is_better_than_none() -> None:
    assert head(((8, 8, 8),), (3, 8, 8))(maps(((8, 8, 8),))).shape == (2, 1, 8, 8)


def test_depth_is_positive_whatever_comes_in() -> None:
    module = head(SHAPES, (3, 33, 41)).eval()
    for factor in (1e-3, 1.0, 1e4, -1e4):
        outputs = module([factor * one for one in maps(SHAPES)])
        assert outputs.min() >= LEAST_DEPTH_M
        assert torch.isfinite(outputs).all()


def test_a_zero_of_the_last_convolution_is_the_typical_depth() -> None:
    module = head(SHAPES, (3, 33, 41), typical=3.5)
    for parameter in module.last.parameters():
        torch.nn.init.zeros_(parameter)
    assert module(maps(SHAPES)).flatten()[0].item() == pytest.approx(3.5 + LEAST_DEPTH_M)


def test_what_is_not_finite_stays_so() -> None:
    found = maps(SHAPES)
    found[0][0, 0, 0, 0] = math.nan
    assert not torch.isfinite(head(SHAPES, (3, 33, 41)).eval()(found)).all()


def test_it_is_light() -> None:
    """A lateral convolution, 25 + 32 weights a channel and three batch norms a level, and the last convolution."""
    module = head(SHAPES, (3, 33, 41))
    laterals = sum(c * WIDTH for c, _, _ in SHAPES)
    levels = len(SHAPES) * (25 * WIDTH + WIDTH * WIDTH + 3 * 2 * WIDTH)
    assert sum(p.numel() for p in module.parameters()) == laterals + levels + WIDTH + 1


def test_every_map_that_is_used_gets_a_gradient() -> None:
    found = [one.requires_grad_() for one in maps(SHAPES)]
    head(SHAPES, (3, 33, 41))(found).sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in found)


@pytest.mark.parametrize("name", ["mobile", "nb201"])
def test_a_network_runs_at_half_its_size(name: str) -> None:
    space = spaces[name].target((3, 32, 48), 1)
    space.head = lambda pyramid: DepthHead(pyramid, (3, 32, 48), 2.0)
    network = space.build(space.smallest())
    assert network(torch.randn(2, 3, 32, 48)).shape == (2, 1, 16, 24)
    assert network(torch.randn(2, 3, 16, 24)).shape == (2, 1, 8, 12)
