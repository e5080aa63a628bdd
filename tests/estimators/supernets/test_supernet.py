"""A super-network's sub-networks are the networks that the space builds, with shared weights."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor

from nassay.errors import UserError
from nassay.estimators.supernets import SuperNet
from nassay.spaces.base import Architecture, Space
from nassay.spaces.bypass import BypassSpace
from nassay.spaces.cell64 import Cell64
from nassay.spaces.darts import DARTSCells
from nassay.spaces.fpn import FPN
from nassay.spaces.nb101 import NB101
from nassay.spaces.nb201 import NB201
from nassay.spaces.tiny201 import Tiny201

SPACES = [
    NB201((3, 8, 8), 4, channels=4, cells=1),
    Tiny201((1, 8, 8), 4),
    Cell64((2, 8, 8), 4, channels=4, cells=2),
    BypassSpace((1, 8, 8), 4),
    DARTSCells((1, 8, 8), 4, channels=2, cells=3),
    FPN((1, 8, 8), 4, nodes=2, channels=4),
]


@pytest.fixture(params=SPACES, ids=lambda s: s.name)
def space(request: pytest.FixtureRequest) -> Space:
    return request.param


@pytest.fixture
def supernet(space: Space) -> SuperNet:
    torch.manual_seed(0)
    return SuperNet(space)


def images(space: Space, count: int = 4) -> Tensor:
    return torch.randn(count, *space.input_shape, generator=torch.Generator().manual_seed(1))


def drawn(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [Architecture(space.name, tuple(int(rng.integers(n)) for n in space.options)) for _ in range(count)]


def test_a_path_computes_what_the_network_alone_computes_with_its_weights(supernet: SuperNet, space: Space) -> None:
    x = images(space)
    for architecture in drawn(space, 4):
        alone = supernet.extract(architecture)
        torch.testing.assert_close(supernet.eval()(x, architecture.choices), alone.eval()(x))


def test_an_extracted_network_has_exactly_the_weights_of_its_space_s_own(supernet: SuperNet, space: Space) -> None:
    (architecture,) = drawn(space, 1)
    own = space.build(architecture).state_dict()
    assert list(supernet.inherited(architecture)) == list(own)
    assert {n: t.shape for n, t in supernet.extract(architecture).state_dict().items()} == {
        n: t.shape for n, t in own.items()
    }


def test_extracted_weights_are_copies(supernet: SuperNet, space: Space) -> None:
    (architecture,) = drawn(space, 1)
    alone = supernet.extract(architecture)
    before = copy.deepcopy(supernet.state_dict())
    with torch.no_grad():
        for parameter in alone.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(before[name], tensor) for name, tensor in supernet.state_dict().items())


def test_extracting_leaves_global_randomness_alone(supernet: SuperNet, space: Space) -> None:
    before = torch.random.get_rng_state()
    supernet.extract(drawn(space, 1)[0])
    assert torch.equal(before, torch.random.get_rng_state())


def test_only_the_weights_on_the_path_get_gradients(supernet: SuperNet, space: Space) -> None:
    architecture = space.canonical(drawn(space, 1, seed=3)[0])  # without edges that lead nowhere
    supernet.train()(images(space), architecture.choices).sum().backward()
    touched = {name for name, p in supernet.network.named_parameters() if p.grad is not None}
    on_path = {id(t) for t in _parameters(supernet, architecture)}
    assert touched == {name for name, p in supernet.network.named_parameters() if id(p) in on_path}


def _parameters(supernet: SuperNet, architecture: Architecture) -> list[Tensor]:
    """The super-network's own tensors on a path, found by walking its modules."""
    choices = dict(supernet.choices())
    found = []
    for name, parameter in supernet.network.named_parameters():
        owner = next((c for prefix, c in choices.items() if name.startswith(f"{prefix}.")), None)
        chosen = owner and owner.options[architecture.choices[owner.position]]
        if owner is None or any(parameter is p for p in chosen.parameters()):
            found.append(parameter)
    return found


def test_a_batch_of_paths_is_each_item_through_its_own(supernet: SuperNet, space: Space) -> None:
    x, networks = images(space, 6), drawn(space, 3, seed=2)
    together = supernet.eval().paths(x, [a.choices for a in networks])
    for i, architecture in enumerate(networks):
        part = slice(2 * i, 2 * i + 2)
        torch.testing.assert_close(together[part], supernet(x[part], architecture.choices))


def test_weights_of_one_option_are_a_path(supernet: SuperNet, space: Space) -> None:
    x, (architecture,) = images(space), drawn(space, 1)
    weights = [torch.eye(n)[c] for c, n in zip(architecture.choices, space.options, strict=True)]
    torch.testing.assert_close(supernet.eval()(x, weights), supernet(x, architecture.choices))


def test_a_mixture_has_gradients_for_all_its_weights(supernet: SuperNet, space: Space) -> None:
    logits = [torch.zeros(n, requires_grad=True) for n in space.options]
    supernet.eval()(images(space), [logit.softmax(0) for logit in logits]).square().sum().backward()
    assert all(logit.grad is not None and logit.grad.abs().sum() > 0 for logit in logits)


def test_nothing_stays_selected(supernet: SuperNet, space: Space) -> None:
    with pytest.raises(RuntimeError):
        supernet(images(space)[:, :, :, None], drawn(space, 1)[0].choices)
    assert supernet.held.selection is None


def test_a_space_without_super_network_says_so() -> None:
    with pytest.raises(UserError, match="'nb101' has no super-network; take"):
        SuperNet(NB101())
