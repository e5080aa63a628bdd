import math

import pytest
import torch
from torch import Tensor

from nassay.tasks.augment import SCALE, TURN_DEGREES, augment_images, erase, shift_and_mirror, shift_and_turn


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def ramp(n: int, side: int) -> Tensor:
    """(n, 1, side, side) images whose value is 100 * row + column."""
    positions = torch.arange(side, dtype=torch.float32)
    return (100 * positions[:, None] + positions).expand(n, 1, side, side).clone()


def unmirrored(x: Tensor) -> Tensor:
    """Each image of `ramp` with its columns in rising order."""
    return torch.where((x[:, :, :, :1] > x[:, :, :, -1:]), x.flip(3), x)


def test_a_shift_moves_the_whole_image_and_repeats_the_border() -> None:
    moved = unmirrored(shift_and_mirror(ramp(64, 16)))[:, 0]
    seen = set()
    for image in moved:
        down = int(image[8, 8] // 100) - 8
        right = int(image[8, 8] % 100) - 8
        rows = (torch.arange(16) + down).clamp(0, 15)
        columns = (torch.arange(16) + right).clamp(0, 15)
        assert torch.equal(image, (100 * rows[:, None] + columns).float())
        seen |= {down, right}
    assert seen == {-2, -1, 0, 1, 2}  # 16 // 8


def test_tiny_images_move_by_at_most_one_pixel() -> None:
    center = unmirrored(shift_and_mirror(ramp(64, 4)))[:, 0, 2, 2]
    assert set((center % 100).tolist()) == {1, 2, 3}


def test_half_of_the_images_are_mirrored() -> None:
    columns = shift_and_mirror(ramp(400, 24))[:, 0, 12, :] % 100
    mirrored = (columns[:, 0] > columns[:, -1]).sum().item()
    assert 150 < mirrored < 250
    assert set((columns[:, 1:] - columns[:, :-1]).unique().tolist()) <= {-1.0, 0.0, 1.0}


def test_a_turn_keeps_angles_and_lengths_up_to_the_scale_whatever_the_shape() -> None:
    """The inside of a turned ramp is a ramp: its slopes along both sides tell the turn and the scales."""
    rows, columns = torch.arange(24.0)[:, None].expand(24, 40), torch.arange(40.0)[None].expand(24, 40)
    x = torch.stack([columns, rows]).expand(300, 2, 24, 40).contiguous()
    turned = shift_and_turn(x)
    right = (turned[:, :, 12, 21] - turned[:, :, 12, 19]) / 2  # (n, 2): how x and y of the source grow along a row
    down = (turned[:, :, 13, 20] - turned[:, :, 11, 20]) / 2
    slopes = torch.stack([-down[:, 0] / right[:, 0], right[:, 1] / down[:, 1]], 1)
    assert torch.allclose(slopes[:, 0], slopes[:, 1], atol=1e-3)  # the same angle along both sides
    most = math.tan(math.radians(TURN_DEGREES))
    assert 0.9 * most < slopes.abs().max() <= most + 1e-3
    across = right[:, 0] / slopes[:, 0].atan().cos()
    assert 1 - SCALE - 1e-3 <= across.min() < 1 - 0.8 * SCALE
    assert 1 + 0.8 * SCALE < across.max() <= 1 + SCALE + 1e-3


def test_a_turned_image_moves_by_at_most_an_eighth_and_repeats_its_border() -> None:
    middle = shift_and_turn(ramp(400, 16))[:, 0, 7:9, 7:9].mean((1, 2)) / 100 - 7.5  # its row, roughly
    assert 1.8 < middle.abs().max() < 2.1
    assert (shift_and_turn(torch.ones(50, 1, 8, 8)) - 1).abs().max() < 1e-5


@pytest.mark.parametrize(("shape", "mirrors"), [((3, 24, 24), True), ((1, 24, 24), False), ((3, 24, 16), False)])
def test_only_colour_images_of_24_pixels_are_mirrored(shape: tuple[int, int, int], mirrors: bool) -> None:
    x = torch.arange(1, shape[2] + 1).float().expand(200, *shape)
    out = augment_images(x)
    assert bool((out[:, 0, 0, 0] > out[:, 0, 0, -1]).logical_and(out[:, 0, 0, -1] > 0).any()) is mirrors


def test_small_images_are_never_erased() -> None:
    assert (augment_images(torch.ones(200, 3, 15, 40)) - 1).abs().max() < 1e-5


def test_erasing_clears_one_box_in_a_quarter_of_the_images() -> None:
    erased = erase(torch.ones(1000, 2, 16, 20)) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])
    hit = erased[:, 0].any(dim=(1, 2))
    assert 200 < hit.sum().item() < 300
    for mask in erased[hit, 0]:
        height, width = int(mask.any(1).sum()), int(mask.any(0).sum())
        assert mask.sum() == height * width  # a full box
        assert height * width <= 0.33 * 16 * 20 * 1.3  # whole pixels round the area up


def test_the_global_generator_decides_and_the_input_stays() -> None:
    x = torch.randn(8, 3, 32, 32)
    before = x.clone()
    torch.manual_seed(5)
    first = augment_images(x)
    torch.manual_seed(5)
    assert torch.equal(first, augment_images(x))
    assert not torch.equal(first, augment_images(x))
    assert torch.equal(x, before)
    assert first.shape == x.shape
    assert first.dtype == x.dtype
