import random

import numpy as np
import pytest
import torch

from nassay.tasks.depth import augment
from nassay.tasks.depth.augment import MOST_ZOOM, augment_depth


def ramp(n: int = 64, side: int = 32) -> torch.Tensor:
    """(n, side, side) depth that says where a pixel was: 1 + column + row / 100."""
    columns, rows = torch.arange(side).float(), torch.arange(side).float()
    return (1 + columns[None] + rows[:, None] / 100).expand(n, side, side).clone()


def test_image_and_depth_move_together() -> None:
    """An image of the depth itself stays one, up to the zoom, the colour's factor and half a pixel of rounding."""
    torch.manual_seed(0)
    y = ramp()
    x, depth = augment_depth(y[:, None].clone(), y)
    for seen, here in zip(x[:, 0], depth, strict=True):
        factor = (seen.sum() / here.sum()).item()
        assert 1 - augment.COLOUR - 0.05 <= factor <= MOST_ZOOM * (1 + augment.COLOUR) + 0.05
        assert (seen / factor - here).abs().max() < 1.1


def test_zoom_brings_things_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "COLOUR", 0.0)
    torch.manual_seed(0)
    _, depth = augment_depth(torch.zeros(200, 1, 8, 8), torch.full((200, 8, 8), 5.0))
    factors = 5.0 / depth[:, 0, 0]
    assert (depth == depth[:, :1, :1]).all()
    assert 1 <= factors.min() < 1.02
    assert MOST_ZOOM - 0.02 < factors.max() <= MOST_ZOOM + 1e-5


def test_half_are_mirrored() -> None:
    torch.manual_seed(0)
    y = ramp(400)
    _, depth = augment_depth(y[:, None], y)
    mirrored = (depth[:, 0, 0] > depth[:, 0, -1]).float().mean()
    assert 0.4 < mirrored < 0.6
    assert (depth[:, 0, 5] < depth[:, -1, 5]).all()  # never upside down


def test_no_depth_is_invented_between_surfaces() -> None:
    torch.manual_seed(0)
    y = torch.zeros(32, 16, 16)
    y[:, :, 8:] = 4.0
    _, depth = augment_depth(torch.zeros(32, 1, 16, 16), y)
    for one in depth:
        assert len(one.unique()) == 2
        assert one.min() == 0


def test_given_tensors_are_not_changed() -> None:
    x, y = torch.rand(4, 3, 8, 8), torch.rand(4, 8, 8)
    kept = x.clone(), y.clone()
    augment_depth(x, y)
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


def test_draws_come_from_torch_alone() -> None:
    x, y = torch.rand(4, 3, 8, 8), torch.rand(4, 8, 8)
    torch.manual_seed(5)
    first = augment_depth(x, y)
    random.random()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    torch.manual_seed(5)
    assert all(map(torch.equal, first, augment_depth(x, y)))
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
