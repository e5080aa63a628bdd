import random

import numpy as np
import pytest
import torch
from torch import nn

from nassay.estimators.proxies.sandbox import batch_statistics, seeded

CPU = torch.device("cpu")


def draws() -> tuple[float, float, float]:
    """A number of each global generator."""
    return torch.rand(()).item(), random.random(), np.random.rand()  # noqa: NPY002


def test_inside_everything_is_drawn_from_the_seed_and_after_it_nothing_has_happened() -> None:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    expected = draws()
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    with seeded(5, CPU):
        inside = draws()
    with seeded(5, CPU):
        assert draws() == inside
    assert draws() == expected
    assert inside != expected


def test_randomness_comes_back_after_an_error_too() -> None:
    state = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    def fail() -> None:
        with seeded(0, CPU):
            draws()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.equal(torch.get_rng_state(), state[0])
    assert random.getstate() == state[1]
    assert np.random.get_state()[1].tolist() == state[2]  # noqa: NPY002


def test_norms_train_and_dropout_does_not_whatever_the_modes_were() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5), nn.Sequential(nn.BatchNorm2d(2), nn.Dropout2d(0.5)))
    network.eval()
    network[2][1].train()
    before = [module.training for module in network.modules()]
    with batch_statistics(network.modules()):
        inside = {type(module).__name__: module.training for module in network.modules()}
    assert inside == {"Sequential": True, "BatchNorm2d": True, "Dropout": False, "Dropout2d": False}
    assert [module.training for module in network.modules()] == before
