"""Sub-networks that are cut out of one network's weights: exactly the networks that their space builds."""

import copy
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.estimators.supernets import SuperNet
from nassay.estimators.supernets.elastic import cut
from nassay.estimators.supernets.methods import super_network, super_training
from nassay.estimators.supernets.recalibration import recalibrated
from nassay.spaces.base import Architecture, Space, spaces
from nassay.spaces.mobile import Mobile
from nassay.spaces.resnet import ResNet
from nassay.tasks.base import task_from

WIDTH = 0.25
SPACES = {"mobile": Mobile((2, 8, 8), 4), "resnet": ResNet((2, 8, 8), 4)}


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    return SPACES[request.param]


@cache
def _fresh(name: str) -> SuperNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SuperNet(SPACES[name], width=WIDTH)


@pytest.fixture
def supernet(space: Space) -> SuperNet:
    return copy.deepcopy(_fresh(space.name)).eval()


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 2, 8, 8, generator=torch.Generator().manual_seed(1))


def drawn(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [Architecture(space.name, tuple(int(rng.integers(n)) for n in space.options)) for _ in range(count)]


def extremes(space: Space) -> list[Architecture]:
    return [space.smallest(), Architecture(space.name, tuple(n - 1 for n in space.options))]


def test_a_cut_is_the_first_channels_and_the_centre_of_the_kernel() -> None:
    weights = torch.arange(2 * 3 * 5 * 5).reshape(2, 3, 5, 5)
    assert cut(weights, (1, 2, 3, 3)).tolist() == [
        [[[6, 7, 8], [11, 12, 13], [16, 17, 18]], [[31, 32, 33], [36, 37, 38], [41, 42, 43]]]
    ]
    assert cut(torch.arange(5), (2,)).tolist() == [0, 1]
    scalar = torch.zeros((), dtype=torch.int64)
    cut(scalar, ()).add_(1)
    assert scalar == 1


def test_a_path_computes_what_the_network_alone_computes_with_its_weights(supernet: SuperNet, space: Space) -> None:
    x = images()
    for architecture in [*drawn(space, 4), *extremes(space)]:
        alone = supernet.extract(architecture).eval()
        torch.testing.assert_close(supernet(x, architecture.choices), alone(x))


def test_an_extracted_network_has_exactly_the_weights_of_its_space_s_own(supernet: SuperNet, space: Space) -> None:
    for architecture in [*drawn(space, 2), *extremes(space)]:
        own = space.build(architecture, width=WIDTH).state_dict()
        assert list(supernet.inherited(architecture)) == list(own)
        found = supernet.extract(architecture).state_dict()
        assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in own.items()}


def test_extracted_weights_are_copies_and_inherited_ones_are_not(supernet: SuperNet, space: Space) -> None:
    (architecture,) = drawn(space, 1)
    alone = supernet.extract(architecture)
    with torch.no_grad():
        supernet.network.stem[0].weight.zero_()
    assert alone.stem[0].weight.abs().min() > 0
    assert not supernet.inherited(architecture)["stem.0.weight"].any()


def test_gradients_are_those_of_the_network_alone_and_nothing_else_has_any(supernet: SuperNet, space: Space) -> None:
    for architecture in drawn(space, 2, seed=3):
        supernet.zero_grad(set_to_none=True)
        alone = supernet.extract(architecture).eval()
        supernet(images(), architecture.choices).square().sum().backward()
        alone(images()).square().sum().backward()
        expected = {name: p.grad for name, p in alone.named_parameters()}
        shared = dict(supernet.network.named_parameters())
        slots = space.shared_blocks(architecture)
        touched = set()
        for name, gradient in expected.items():
            there = name
            if name.startswith("blocks."):
                _, index, rest = name.split(".", 2)
                there = f"blocks.{slots[int(index)]}.{rest}"
            touched.add(there)
            found = shared[there].grad
            torch.testing.assert_close(cut(found, gradient.shape), gradient, rtol=1e-4, atol=1e-5)
            assert found.abs().sum().item() == pytest.approx(gradient.abs().sum().item(), rel=1e-4)  # zero outside
        assert touched == {name for name, p in shared.items() if p.grad is not None}


def test_norms_gather_statistics_of_the_channels_on_the_path(supernet: SuperNet, space: Space) -> None:
    architecture = space.smallest()
    alone = supernet.extract(architecture)
    supernet.train()(images(), architecture.choices)
    alone.train()(images())
    norm = supernet.network.stem[1]
    own = alone.stem[1]
    width = own.num_features
    torch.testing.assert_close(norm.running_mean[:width], own.running_mean)
    assert not norm.running_mean[width:].any()
    assert norm.num_batches_tracked == 1
    untouched = supernet.network.blocks[1]  # the second block of the first stage
    assert all(not b.any() for name, b in untouched.named_buffers() if name.endswith("mean"))


def test_recalibration_gives_the_statistics_of_the_network_alone(supernet: SuperNet, space: Space) -> None:
    (architecture,) = drawn(space, 1)
    batches = [images(6), 2 * images(5)]
    before = copy.deepcopy(supernet.state_dict())
    alone = supernet.extract(architecture)
    with recalibrated(alone, alone, batches):
        expected = alone(images())
    with recalibrated(supernet, lambda x: supernet(x, architecture.choices), batches):
        found = supernet(images(), architecture.choices)
    torch.testing.assert_close(found, expected)
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def test_a_batch_of_paths_is_each_item_through_its_own(supernet: SuperNet, space: Space) -> None:
    x, networks = images(6), drawn(space, 3, seed=2)
    together = supernet.paths(x, [a.choices for a in networks])
    for i, architecture in enumerate(networks):
        part = slice(2 * i, 2 * i + 2)
        torch.testing.assert_close(together[part], supernet(x[part], architecture.choices))
    mixed = [torch.tensor([a, b, a]) for a, b in zip(networks[0].choices, networks[1].choices, strict=True)]
    for i, architecture in enumerate([networks[0], networks[1], networks[0]]):
        torch.testing.assert_close(supernet(x[:3], mixed)[i : i + 1], supernet(x[i : i + 1], architecture.choices))


def test_mixtures_are_refused(supernet: SuperNet, space: Space) -> None:
    with pytest.raises(UserError, match="cannot be mixed"):
        supernet(images(), [torch.ones(n) / n for n in space.options])


def test_a_copy_has_weights_of_its_own(supernet: SuperNet, space: Space) -> None:
    (architecture,) = drawn(space, 1)
    other = copy.deepcopy(supernet)
    expected = supernet(images(), architecture.choices)
    with torch.no_grad():
        for parameter in supernet.parameters():
            parameter.mul_(2)
    assert torch.equal(other(images(), architecture.choices), expected)


def test_running_leaves_global_randomness_alone(supernet: SuperNet, space: Space) -> None:
    before = torch.random.get_rng_state()
    supernet(images(), drawn(space, 1, seed=9)[0].choices)
    assert torch.equal(before, torch.random.get_rng_state())


def test_networks_with_a_head_of_their_own_are_cut_as_well() -> None:
    space = Mobile((2, 8, 8), 4)
    space.head = lambda pyramid: nn.Sequential(nn.Conv2d(pyramid.shapes[-1][0], 3, 1), nn.BatchNorm2d(3))
    supernet = SuperNet(space, width=WIDTH).eval()
    (architecture,) = drawn(space, 1)
    alone = supernet.extract(architecture).eval()
    assert supernet(images(), architecture.choices).shape == (4, 3, 4, 4)
    torch.testing.assert_close(supernet(images(), architecture.choices), alone(images()))


@pytest.mark.parametrize("method", ["ordered_dropout", "sandwich", "progressive"])
def test_methods_that_go_through_several_paths_train_it(method: str) -> None:
    space = Mobile((1, 8, 8), 10)
    torch.manual_seed(0)
    training = super_training(method, super_network(method, space, width=WIDTH), task_from("digits", seed=0))
    with torch.random.fork_rng(devices=[]):
        assert np.isfinite(training._step(0.7))
    assert training.inherit(space.smallest().choices, items=32).value is not None


@pytest.mark.parametrize("name", spaces.names())
def test_aspects_belong_to_all_choices_or_to_none(name: str) -> None:
    space = spaces[name].target
    assert not space.aspects or len(space.aspects) == len(space().options)
    assert space.aspects or not space.elastic
