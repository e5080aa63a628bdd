import torch
from torch import nn

from nassay.estimators.analytic import profile
from nassay.estimators.proxies import Batch, score

BATCH = Batch(torch.zeros(3, 2, 6, 6), torch.zeros(3, dtype=torch.int64))


def test_weights_biases_and_norms_count() -> None:
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    expected = (2 * 4 * 9 + 4) + (4 + 4) + (4 * 3 + 3)
    assert score(network, BATCH, ["params"])["params"].value == expected == profile(network, (2, 6, 6)).params


def test_shared_weights_count_once() -> None:
    first, second = nn.Linear(72, 72, bias=False), nn.Linear(72, 72, bias=False)
    second.weight = first.weight
    assert score(nn.Sequential(nn.Flatten(), first, second), BATCH, ["params"])["params"].value == 72 * 72


def test_the_users_inputs_are_not_looked_at() -> None:
    batch = Batch(torch.full_like(BATCH.x[:1], torch.nan), BATCH.y[:1])
    assert score(nn.Sequential(nn.Flatten(), nn.Linear(72, 1)), batch, ["params"])["params"].value == 73
