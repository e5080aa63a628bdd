import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nassay.errors import UserError
from nassay.tasks.depth import Depth, DepthData
from nassay.tasks.depth.task import LOSS_WEIGHT


def room(n: int = 40, size: tuple[int, int] = (24, 32), *, sequence: bool = True) -> DepthData:
    """Frames of a wall: the image's brightness is its distance, 1 to 4 m; every frame has a hole."""
    rng = np.random.default_rng(0)
    distance = rng.uniform(1, 4, n)[:, None, None] + np.linspace(0, 0.2, size[1])
    depth = np.broadcast_to(distance, (n, *size)).astype(np.float32).copy()
    depth[:, :4, :4] = 0
    x = np.rint(50 * np.broadcast_to(distance, (n, *size))).astype(np.uint8)
    return DepthData(np.repeat(x[:, None], 3, axis=1), depth, "room", sequence=sequence)


@pytest.fixture
def task() -> Depth:
    return Depth(room())


def test_frames_are_split_by_time_and_the_rest_is_left_out(task: Depth) -> None:
    assert [len(part) for part in (task.train, task.validation)] == [24, 6]
    assert task.test_size == 8
    assert np.array_equal(task.open_test().y, room().depth[-8:])
    assert any("frames between the splits are left out" in note for note in task.notes)


def test_at_random_only_by_force() -> None:
    with pytest.raises(UserError, match="are a sequence"):
        Depth(room(), split="random")
    assert len(Depth(room(), split="random", force=True).train) == 26
    assert len(Depth(room(sequence=False), split="random").train) == 26


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(UserError, match="no loss of depth called 'berhuh'. Did you mean berhu"):
        Depth(room(), loss="berhuh")


def test_the_blind_loss_is_that_of_the_median(task: Depth) -> None:
    y = task.train.y
    typical = float(np.median(y[y > 0]))
    assert task.settings["typical_m"] == pytest.approx(typical)
    outputs = torch.full((len(y), 1, 12, 16), typical)
    assert task.blind_loss == pytest.approx(task.loss(outputs, torch.from_numpy(y)).item(), rel=1e-5)


def test_each_loss_is_kept_with_the_task(tmp_path: Path) -> None:
    task = Depth(room(), loss="l1")
    task.save(tmp_path)
    loaded = Depth.load(tmp_path)
    outputs, targets = torch.full((6, 1, 24, 32), 2.0), torch.from_numpy(np.array(task.validation.y))
    valid = targets > 0
    error = (2 - targets[valid]).abs().mean().item() / float(task.settings["typical_m"])
    assert loaded.loss(outputs, targets).item() == pytest.approx(LOSS_WEIGHT * error, rel=1e-5)
    assert task.fingerprint() == loaded.fingerprint() != Depth(room()).fingerprint()


def test_the_metric_is_delta1(task: Depth) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    assert task.metric_of(y[:, None] + (y == 0)[:, None] * 9.0, y) == 1.0
    assert task.metric_of(1.3 * y[:, None] + 1e-3, y) == 0.0
    assert set(task.metrics_of(y[:, None] + 1e-3, y)) == {"delta1", "delta2", "delta3", "abs_rel", "rmse", "log10"}


def test_a_network_learns_that_bright_is_far(task: Depth) -> None:
    torch.manual_seed(0)
    space = task.space("mobile")
    network = space.build(space.smallest())
    optimizer = torch.optim.SGD(network.parameters(), lr=0.06, momentum=0.9)
    x, y = task.prepare(torch.from_numpy(task.train.x)), torch.from_numpy(task.train.y)
    for _ in range(15):
        optimizer.zero_grad()
        loss = task.loss(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 3.0)
        optimizer.step()
    assert loss.item() < 0.6 * task.blind_loss
    constant = torch.full((len(y), 1, 1, 1), float(task.settings["typical_m"]))
    assert task.metric_of(network(x).detach(), y) > task.metric_of(constant, y) + 0.1


def test_what_is_exported_gives_metres_for_every_pixel_of_the_input(task: Depth) -> None:
    space = task.space("mobile")
    network = space.build(space.smallest()).eval()
    deployed = task.deployed(network).eval()
    x = torch.from_numpy(np.array(task.validation.x[:2]))
    depth = deployed(task.scaled(x))
    assert depth.shape == (2, 1, 24, 32)
    inside = network(task.prepare(x))
    enlarged = nn.functional.interpolate(inside, (24, 32), mode="bilinear")
    assert torch.allclose(depth, enlarged)
    assert "(batch, 1, 24, 32)" in task.output_words
    exec(task.reading, {"depth": depth.detach().numpy(), "classes": task.classes})


def test_pictures_of_four_frames_with_their_scores(task: Depth) -> None:
    y = torch.from_numpy(np.array(task.validation.y))
    pictures = task.illustrations(1.1 * y[:, None] + 1e-3, task.validation)
    assert len(pictures) == 4
    assert "delta1 1.00, relative error 0.10" in pictures[0].caption
    assert Image.open(io.BytesIO(pictures[0].png)).height >= 180


def test_a_diverged_network_can_be_shown(task: Depth) -> None:
    pictures = task.illustrations(torch.full((6, 1, 12, 16), math.inf), task.validation)
    assert "delta1 nan" in pictures[0].caption
