"""A sub-network is taken out, trained on for some mini-batches, and judged on the way."""

import pytest
import torch

from nassay.estimators.base import Fidelity
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.fine_tuning import FineTuning
from nassay.estimators.supernets.paths import PathTraining
from nassay.spaces.cell64 import Cell64
from nassay.tasks.base import task_from


@pytest.fixture(scope="module")
def parent() -> PathTraining:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SuperNet(Cell64((1, 8, 8), 10, channels=4, cells=1))
    found = PathTraining(network, task_from("digits", seed=0), "spos")
    found.run(Fidelity(epochs=1, horizon=2.0))
    return found


def test_it_begins_with_what_is_inherited_and_gets_better(parent: PathTraining) -> None:
    """Hardly a step of one pass was this network's: sixty alone, over three passes, are worth more than .05."""
    values = FineTuning(parent, (1, 1, 1)).metrics([0, 60])
    assert values[0] == parent.inherit((1, 1, 1), averaged=False).value
    assert values[1] > values[0] + 0.05


def test_the_super_network_and_global_randomness_stay_as_they_are(parent: PathTraining) -> None:
    before = {n: t.clone() for n, t in parent.network.state_dict().items()}
    random = torch.random.get_rng_state()
    first = FineTuning(parent, (2, 1, 0)).metrics([1, 3])
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(before[n], t) for n, t in parent.network.state_dict().items())
    assert FineTuning(parent, (2, 1, 0)).metrics([1, 3]) == first


def test_the_learning_rate_is_that_of_the_super_network_s_last_step(parent: PathTraining) -> None:
    tuning = FineTuning(parent, (0, 0, 0))
    tuning.metrics([2])
    assert tuning.optimizer.param_groups[0]["lr"] == parent.optimizer.param_groups[0]["lr"]
    assert tuning.state.step == 2
