import pytest
import torch
from torch import Tensor

from nassay.tasks.augment import augment_images, erase, shift, shift_and_mirror


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


def test_a_shift_by_fractions_moves_each_image_as_a_whole() -> None:
    """The inside of a shifted ramp is the ramp and a constant, its row and column by the shift."""
    moved = shift(ramp(400, 16))[:, 0, 4:12, 4:12] - ramp(1, 16)[0, 0, 4:12, 4:12]
    assert (moved - moved[:, :1, :1]).abs().max() < 0.01
    down = (moved[:, 0, 0] / 100).round(decimals=0)
    assert (moved[:, 0, 0] % 1 != 0).any()  # 100 rows + columns: no whole pixels
    assert moved[:, 0, 0].abs().max() <= 2 * 101  # 16 // 8
    assert set(down.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}


def test_sides_move_by_an_eighth_of_their_own_length() -> None:
    rows, columns = torch.arange(16.0)[:, None].expand(16, 40), torch.arange(40.0)[None].expand(16, 40)
    moved = shift(torch.stack([rows, columns]).expand(400, 2, 16, 40).contiguous())[:, :, 8, 20] - torch.tensor([8, 20])
    assert 1.8 < moved[:, 0].abs().max() <= 2 + 1e-4
    assert 4.6 < moved[:, 1].abs().max() <= 5 + 1e-4


def test_a_shifted_image_repeats_its_border() -> None:
    assert (shift(torch.ones(50, 1, 8, 8)) - 1).abs().max() < 1e-5


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
