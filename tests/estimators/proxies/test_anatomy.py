import pytest
import torch
from torch import nn

from nassay.estimators.proxies.anatomy import Anatomy


def tied() -> nn.Sequential:
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    return nn.Sequential(first, nn.BatchNorm1d(2), second)


def test_parts_are_those_that_the_module_tells() -> None:
    network = tied()
    anatomy = Anatomy(network)
    for found, told in (
        (anatomy.modules, network.named_modules()),
        (anatomy.parameters.items(), network.named_parameters()),
        (anatomy.buffers.items(), network.named_buffers()),
    ):
        assert [(name, id(part)) for name, part in found] == [(name, id(part)) for name, part in told]


def test_other_tensors_are_held_inside_only_and_tied_ones_stay_tied() -> None:
    network = tied()
    own = network[0].weight
    other = torch.full((2, 2), 3.0)
    with Anatomy(network).holding({"0.weight": other}):
        assert network[0].weight is network[2].weight is other
    assert network[0].weight is network[2].weight is own


def test_own_tensors_come_back_after_an_exception() -> None:
    network = tied()
    own = dict(network.named_parameters())
    with pytest.raises(KeyError), Anatomy(network).holding({name: torch.zeros(2) for name in own}):
        raise KeyError
    assert all(parameter is own[name] for name, parameter in network.named_parameters())


def test_a_count_is_idle_where_momentum_is_a_number() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, momentum=None))
    anatomy = Anatomy(network)
    assert anatomy.idle == {"0.num_batches_tracked"}
    with anatomy.holding(dict.fromkeys(anatomy.idle)):
        network[0](torch.randn(4, 2))
    assert network[0].num_batches_tracked == 0
