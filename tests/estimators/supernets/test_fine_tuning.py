"""A sub-network is taken out, trained on for some mini-batches, and judged on the way."""

import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.fine_tuning import FineTuning
from nassay.estimators.supernets.paths import PathTraining
from nassay.spaces.cell64 import Cell64
from nassay.tasks.classification import task_from


def parent() -> PathTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))
    found = PathTraining(network, task_from("digits", seed=0), "spos")
    found.run(Fidelity(epochs=2, horizon=4.0))
    return found


def test_it_begins_with_what_is_inherited_and_gets_better() -> None:
    """The tenth of ten classes at first, nearly: 30 mini-batches for one network alone are worth far more than .05."""
    found = parent()
    values = FineTuning(found, (1, 1, 1)).metrics([0, 30])
    assert values[0] == found.inherit((1, 1, 1), averaged=False).value
    assert values[1] > values[0] + 0.05


def test_the_super_network_and_global_randomness_stay_as_they_are() -> None:
    found = parent()
    before = {n: t.clone() for n, t in found.network.state_dict().items()}
    random = torch.random.get_rng_state()
    first = FineTuning(found, (2, 1, 0)).metrics([1, 3])
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(before[n], t) for n, t in found.network.state_dict().items())
    assert FineTuning(found, (2, 1, 0)).metrics([1, 3]) == first


def test_the_learning_rate_is_that_of_the_super_network_s_last_step() -> None:
    found = parent()
    tuning = FineTuning(found, (0, 0, 0))
    tuning.metrics([2])
    assert tuning.optimizer.param_groups[0]["lr"] == found.optimizer.param_groups[0]["lr"]
    assert tuning.state.step == 2
