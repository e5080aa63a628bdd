"""The six information paths: shapes at any size, and values by formulas written out level by level."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from nassay.errors import UserError
from nassay.spaces.fpn_paths import (
    PATHS,
    BottomUp,
    FusingSplitting,
    ScaleEqualizing,
    TopDown,
    added,
    down,
    information_path,
    up,
)

CHANNELS = 3
SIZES = {
    "halved": [(16, 8), (8, 4), (4, 2), (2, 1)],
    "odd": [(21, 13), (11, 7), (6, 4), (3, 2)],
    "not halved": [(20, 20), (9, 9), (3, 3)],
    "two": [(7, 5), (4, 3)],
    "five": [(33, 17), (17, 9), (9, 5), (5, 3), (3, 2)],
    "one": [(5, 3)],
}


def pyramid(sizes: list[tuple[int, int]]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, CHANNELS, *size, generator=generator) for size in sizes]


def conv(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    return conv2d(x, weight, stride=stride, padding=1)


def repeated(x: Tensor) -> Tensor:
    """Each pixel four times: what nearest interpolation to the double size is."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


# Shapes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", PATHS)
def test_shapes_stay_and_every_weight_matters(name: str, sizes: list[tuple[int, int]]) -> None:
    maps = [x.requires_grad_() for x in pyramid(sizes)]
    path = information_path(name, CHANNELS, len(sizes))
    outputs = path(maps)
    assert [y.shape for y in outputs] == [x.shape for x in maps]
    sum(y.square().sum() for y in outputs).backward()
    assert all(p.grad.abs().sum() > 0 for p in path.parameters())
    assert all((x.grad.abs().sum() > 0) == (name != "none") for x in maps)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("name", PATHS)
def test_zero_goes_to_zero(name: str, sizes: list[tuple[int, int]]) -> None:
    maps = [torch.zeros_like(x) for x in pyramid(sizes)]
    assert all((y == 0).all() for y in information_path(name, CHANNELS, len(sizes))(maps))


def test_other_paths_are_refused() -> None:
    with pytest.raises(UserError, match="no information path 'FPN', only none, skip_connect, FS, TD, BU, SE"):
        information_path("FPN", 4, 4)


# Values ------------------------------------------------------------------------------------------------------------


def test_up_and_down_by_hand() -> None:
    x = torch.arange(6.0).view(1, 1, 2, 3)
    assert up(x, torch.empty(1, 1, 4, 6))[0, 0].tolist() == [
        [0, 0, 1, 1, 2, 2],
        [0, 0, 1, 1, 2, 2],
        [3, 3, 4, 4, 5, 5],
        [3, 3, 4, 4, 5, 5],
    ]
    assert down(x, torch.empty(1, 1, 1, 2))[0, 0].tolist() == [[4, 5]]  # the odd last column by itself
    assert up(x, x) is down(x, x) is x


def test_skip_passes_on_and_none_does_not() -> None:
    maps = pyramid(SIZES["odd"])
    assert all(y is x for x, y in zip(maps, information_path("skip_connect", CHANNELS, 4)(maps), strict=True))
    assert all((y == 0).all() for y in information_path("none", CHANNELS, 4)(maps))


def test_top_down_by_formula() -> None:
    path, (x0, x1, x2, x3) = TopDown(CHANNELS, 4), pyramid(SIZES["halved"])
    w0, w1, w2, w3 = (c.weight for c in path.convs)
    y3 = conv(x3, w3)
    y2 = conv(x2 + repeated(y3), w2)
    y1 = conv(x1 + repeated(y2), w1)
    y0 = conv(x0 + repeated(y1), w0)
    torch.testing.assert_close(path([x0, x1, x2, x3]), [y0, y1, y2, y3])


def test_bottom_up_by_formula() -> None:
    path, (x0, x1, x2, x3) = BottomUp(CHANNELS, 4), pyramid(SIZES["halved"])
    w0, w1, w2, w3 = (c.weight for c in path.convs)
    y0 = conv(x0, w0)
    y1 = conv(x1 + max_pool2d(y0, 2), w1)
    y2 = conv(x2 + max_pool2d(y1, 2), w2)
    y3 = conv(x3 + max_pool2d(y2, 2), w3)
    torch.testing.assert_close(path([x0, x1, x2, x3]), [y0, y1, y2, y3])


@pytest.mark.parametrize("shared", [True, False])
def test_fusing_splitting_by_formula(shared: bool) -> None:
    path, (x0, x1, x2, x3) = FusingSplitting(CHANNELS, shared), pyramid(SIZES["halved"])
    first, second = path.convs[0].weight, path.convs[-1].weight
    assert (first is second) == shared
    a, b = x1 + max_pool2d(x0, 2), x2 + repeated(x3)
    fused_a = conv(torch.cat([a, repeated(b)], 1), first)
    fused_b = conv(torch.cat([max_pool2d(a, 2), b], 1), second)
    expected = [repeated(fused_a), fused_a, fused_b, max_pool2d(fused_b, 2)]
    torch.testing.assert_close(path([x0, x1, x2, x3]), expected)


def test_fusing_splitting_of_three_levels_by_formula() -> None:
    path, (x0, x1, x2) = FusingSplitting(CHANNELS), pyramid(SIZES["halved"][:3])
    w, a = path.convs[0].weight, x1 + max_pool2d(x0, 2)
    fused_a = conv(torch.cat([a, repeated(x2)], 1), w)
    fused_b = conv(torch.cat([max_pool2d(a, 2), x2], 1), w)
    torch.testing.assert_close(path([x0, x1, x2]), [repeated(fused_a), fused_a, fused_b])


def test_scale_equalizing_by_formula() -> None:
    path, (x0, x1, x2, x3) = ScaleEqualizing(CHANNELS, 4), pyramid(SIZES["halved"])
    same, finer, coarser = path.same.weight, path.finer.weight, path.coarser.weight
    expected = [
        conv(x0, same) + repeated(conv(x1, coarser)),
        conv(x1, same) + conv(x0, finer, 2) + repeated(conv(x2, coarser)),
        conv(x2, same) + conv(x1, finer, 2) + repeated(conv(x3, coarser)),
        conv(x3, same) + conv(x2, finer, 2),
    ]
    torch.testing.assert_close(path([x0, x1, x2, x3]), [y.relu() for y in expected])


def test_scale_equalizing_starts_from_a_narrow_normal_distribution() -> None:
    weights = torch.cat([p.flatten() for p in ScaleEqualizing(32, 4).parameters()])
    assert abs(weights.std().item() - 0.01) < 5 * 0.01 / (2 * len(weights)) ** 0.5


def test_pyramids_are_added_level_by_level() -> None:
    a, b = pyramid(SIZES["two"]), pyramid(SIZES["two"])
    torch.testing.assert_close(added([a, b, a]), [3 * x for x in a])
    assert added([a])[0] is a[0]
