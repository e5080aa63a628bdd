import math

import pytest
import torch

from nassay.spaces.base import Pyramid
from nassay.tasks.detection.head import BOX, CHANNELS, DetectorHead, TopDown, blind_outputs, grid, levels, outputs_of

SHAPES = ((8, 32, 32), (12, 16, 16), (16, 8, 8), (24, 4, 4))


def maps_of(shapes: tuple[tuple[int, int, int], ...], batch: int = 2) -> list[torch.Tensor]:
    return [torch.randn(batch, *shape) for shape in shapes]


@pytest.mark.parametrize(
    ("size", "sides", "first"),
    [
        ((64, 64), (64, 32, 16, 8, 4), 2),  # stride 4
        ((320, 240), (160, 80, 40, 20, 10), 2),  # stride 8: stride 4 has 80 points
        ((192, 192), (96, 48, 24, 12, 6), 1),
        ((8, 8), (8, 4), 0),
        ((28, 28), (28, 14, 7, 4), 2),  # stride 4; at stride 2 there are more than 8 points
        ((512, 512), (128, 64), 1),  # none is right: the coarsest
    ],
)
def test_which_maps_are_used(size: tuple[int, int], sides: tuple[int, ...], first: int) -> None:
    shapes = tuple((3, side, round(side * size[1] / size[0])) for side in sides)
    assert levels(shapes, size) == first


def test_outputs_of_a_fresh_head() -> None:
    torch.manual_seed(0)
    head = DetectorHead(Pyramid(SHAPES), 3, (64, 64))
    found = head(maps_of(SHAPES))
    assert found.shape == (2, 16 * 16 + 8 * 8 + 4 * 4, 7 + 3)
    assert found[..., 7:].sigmoid().mean().item() == pytest.approx(0.01, rel=0.2)
    sides = (found[..., 5:7] - found[..., 3:5]) / found[..., 2:3]
    assert sides.mean().item() == pytest.approx(4, rel=0.05)  # four cells, whichever level
    assert torch.allclose(found[0, :, :3], found[1, :, :3])


def test_a_fused_pyramid_is_used_as_it_is() -> None:
    shapes = ((16, 32, 32), (16, 16, 16))
    head = DetectorHead(Pyramid(shapes, fused=True), 3, (64, 64))
    assert head(maps_of(shapes)).shape == (2, 1024 + 256, 10)
    assert head.neck is None


def test_odd_sizes_and_another_resolution() -> None:
    shapes = ((4, 21, 13), (4, 11, 7), (4, 6, 4))
    head = DetectorHead(Pyramid(shapes), 2, (84, 52))
    assert head(maps_of(shapes)).shape == (2, 21 * 13 + 11 * 7 + 6 * 4, 9)
    half = ((4, 11, 7), (4, 6, 4), (4, 3, 2))
    assert head(maps_of(half)).shape == (2, 11 * 7 + 6 * 4 + 3 * 2, 9)


def test_points_by_hand() -> None:
    stride = pytest.approx(2**-0.5)
    assert grid(1, 2).tolist() == [[0.25, 0.5, stride], [0.75, 0.5, stride]]


def test_a_box_by_hand() -> None:
    """One cell of the size of the image: distances of 2 cells times e^d."""
    distances = torch.tensor([0.0, math.log(0.25), math.log(0.5), math.log(0.125)]).reshape(1, 4, 1, 1)
    found = outputs_of(distances, torch.full((1, 2, 1, 1), 7.0))
    assert found.flatten().tolist() == pytest.approx([0.5, 0.5, 1, 0.5 - 2, 0.5 - 0.5, 0.5 + 1, 0.5 + 0.25, 7, 7])


def test_points_and_maps_have_the_same_order() -> None:
    logits = torch.arange(6.0).reshape(1, 1, 2, 3)
    found = outputs_of(torch.zeros(1, 4, 2, 3), logits)[0]
    assert found[:, 7].tolist() == [0, 1, 2, 3, 4, 5]
    assert found[1, :2].tolist() == pytest.approx([0.5, 0.25])  # second column of the first row


def test_boxes_start_with_four_cells_in_each_direction() -> None:
    found = outputs_of(torch.zeros(1, 4, 4, 8), torch.zeros(1, 1, 4, 8))[0, 0, BOX]
    assert (found[2:] - found[:2]).tolist() == pytest.approx([4 / 8, 4 / 4])


def test_huge_distances_stay_finite() -> None:
    assert torch.isfinite(outputs_of(torch.full((1, 4, 1, 1), 1e4), torch.zeros(1, 1, 1, 1))).all()


def test_the_top_down_path_adds_the_coarser_level() -> None:
    neck = TopDown([2, 3], 1)
    for lateral in neck.laterals:
        torch.nn.init.ones_(lateral.weight)
        torch.nn.init.zeros_(lateral.bias)
    coarse = torch.arange(4.0).reshape(1, 1, 2, 2).expand(-1, 3, -1, -1)
    fine, top = neck([torch.ones(1, 2, 3, 3), coarse])
    assert top[0, 0].tolist() == [[0, 3], [6, 9]]
    assert fine[0, 0].tolist() == [[2, 2, 5], [2, 2, 5], [8, 8, 11]]


def test_blind_outputs_are_those_of_a_head_whose_last_layers_are_zero() -> None:
    head = DetectorHead(Pyramid(SHAPES), 3, (64, 64))
    for tower in (head.class_tower, head.box_tower):
        torch.nn.init.zeros_(tower[-1].weight)
    found = blind_outputs(2, 3, (64, 64))[:, : 256 + 64 + 16]
    assert torch.allclose(head(maps_of(SHAPES)), found, atol=1e-6)
    assert blind_outputs(1, 2, (8, 8)).shape == (1, 4, 9)


def test_the_head_is_small() -> None:
    head = DetectorHead(Pyramid(SHAPES), 10, (64, 64))
    laterals = (12 + 16 + 24 + 3) * CHANNELS
    separable = 9 * CHANNELS + CHANNELS**2 + 2 * CHANNELS
    last_layers = CHANNELS * 14 + 14
    assert sum(p.numel() for p in head.parameters()) == laterals + 4 * separable + last_layers == 7_726
