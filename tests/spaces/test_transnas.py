"""The frame of TransNAS-Bench-101's networks: channels and strides by hand."""

import pytest
import torch

from nassay.spaces.transnas import CellShape, Module, Stem, plan

DIGITS = {"1": Module(False, False), "2": Module(True, False), "3": Module(False, True), "4": Module(True, True)}


def modules(digits: str) -> list[Module]:
    return [DIGITS[digit] for digit in digits]


def test_digits() -> None:
    assert "".join(str(module.digit) for module in modules("1234")) == "1234"


def test_channels_and_strides_of_the_published_example() -> None:
    strides, cells = plan(modules("1234"), 64, (3, 256, 256))
    assert strides == (2, 2)
    same = [(64, 64, 1), (64, 64, 1)]
    doubled = [(64, 128, 1), (128, 128, 1)]
    halved = [(128, 128, 2), (128, 128, 1)]
    both = [(128, 256, 2), (256, 256, 1)]
    assert cells == [CellShape(*shape) for shape in same + doubled + halved + both]


@pytest.mark.parametrize(
    ("side", "stem", "halved"),
    # 256 / 64 = 4 keeps all six strides; below, the stem's first one goes, then its second, then the last modules'.
    [(256, (2, 2), 4), (128, (1, 2), 4), (64, (1, 1), 4), (32, (1, 1), 3), (8, (1, 1), 1), (4, (1, 1), 0)],
)
def test_small_inputs_lose_strides(side: int, stem: tuple[int, int], halved: int) -> None:
    strides, cells = plan(modules("3434"), 16, (3, side, 2 * side))
    assert strides == stem
    assert [cell.stride for cell in cells] == [2, 1] * halved + [1, 1] * (4 - halved)


def test_stem_params_by_hand() -> None:
    stem = Stem(3, 8, (2, 2))
    assert sum(p.numel() for p in stem.parameters()) == (27 * 4 + 8) + (9 * 4 * 8 + 16)
    assert stem(torch.randn(2, 3, 9, 12)).shape == (2, 8, 3, 3)
