import random

import numpy as np
import pytest
import torch
from torch import nn

from nassay.estimators.trace import storage, trace


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return x + torch.relu_(self.conv(x))


def names(record):
    return [operation.func._overloadpacket.__name__ for operation in record.operations]


def test_operations_are_in_order_and_named_by_their_module():
    record = trace(Residual(), (3, 4, 4))
    assert names(record) == ["convolution", "relu_", "add"]
    assert [operation.module for operation in record.operations] == ["conv", "", ""]
    assert record.outputs[0].shape == (1, 3, 4, 4)


def test_tensors_are_on_meta_and_keep_distinct_storages():
    record = trace(Residual(), (3, 4, 4))
    conv, relu, add = record.operations
    assert all(t.is_meta for operation in record.operations for t in operation.inputs + operation.outputs)
    assert storage(relu.outputs[0]) == storage(conv.outputs[0])
    assert len({storage(record.images), storage(conv.outputs[0]), storage(add.outputs[0])}) == 3


def test_the_second_trace_uses_remembered_shapes_and_agrees():
    network = nn.Sequential(nn.Conv2d(3, 7, 3, stride=2), nn.BatchNorm2d(7), nn.MaxPool2d(2), nn.Flatten())
    first, second = trace(network, (3, 17, 19)), trace(network, (3, 17, 19))
    shapes = [[t.shape for o in record.operations for t in o.outputs] for record in (first, second)]
    assert shapes[0] == shapes[1]
    assert second.outputs[0].shape == network.eval()(torch.zeros(1, 3, 17, 19)).shape


def test_the_module_and_the_random_state_are_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    network[1].eval()
    calls = []
    network[0].register_forward_hook(lambda *_: calls.append(1))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    trace(network, (3, 8, 8))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert [m.training for m in network.modules()] == [True, True, False, True]
    assert calls == []
    assert len(network[0]._forward_hooks) == 1
    assert all(p.requires_grad and not p.is_meta for p in network.parameters())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_a_network_on_meta_is_traced_as_it_is():
    with torch.device("meta"):
        network = Residual()
    assert names(trace(network, (3, 4, 4))) == ["convolution", "relu_", "add"]


def test_tied_parameters_are_one():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    network[1].weight = network[0].weight
    assert len(trace(network, (4,)).parameters) == 3


def test_an_error_of_the_network_passes_through():
    with pytest.raises(RuntimeError, match="reduction dim|shape"):
        trace(nn.Linear(4, 2), (5,))
