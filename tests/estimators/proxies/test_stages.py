from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from nassay.estimators.proxies.stages import find_blocks, watch_stages


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(2, 2, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x)) + x


def layers() -> nn.Sequential:
    return nn.Sequential(nn.Sequential(Block(), Block()), nn.Sequential(Block(), nn.ReLU()))


def blocks_of(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, Block)]


def test_blocks_are_found_inside_containers_and_wrappers() -> None:
    for network in (layers(), nn.Sequential(OrderedDict(model=layers()))):
        assert find_blocks(network) == blocks_of(network)


def test_a_backbone_beside_a_head_is_opened() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = Backbone()
            self.head = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))

    class Backbone(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers()

    network = Detector()
    assert find_blocks(network) == blocks_of(network)


def test_a_sequential_of_leaves_is_a_block_but_leaves_are_not() -> None:
    conv = nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU())
    assert find_blocks(nn.Sequential(conv, Block(), nn.ReLU(), Block()))[0] is conv
    assert find_blocks(nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU())) == []
    assert find_blocks(nn.ReLU()) == []


def test_the_input_of_the_first_block_is_the_first_feature() -> None:
    network, seen = layers(), []
    handles: list[RemovableHandle] = []
    has_stages, has_trunk = watch_stages(network, lambda f: seen.append(f) or f, lambda _: None, handles)
    x = torch.randn(1, 2, 3, 3)
    y = network[0][0](x)
    assert (has_stages, has_trunk) == (True, False)
    assert [torch.equal(a, b) for a, b in zip(seen, (x, y), strict=True)] == [True, True]
    for handle in handles:
        handle.remove()
    network(x)
    assert len(seen) == 2


def test_declared_stages_and_trunk_go_first() -> None:
    network = layers()
    network.stages = [network[1]]
    vars(network)["trunk"] = network[0]  # a property in practice; a second child would run twice here
    stages: list[Tensor] = []
    trunks: list[Tensor] = []
    watch_stages(network, lambda f: stages.append(f) or f, trunks.append, [])
    out = network(torch.randn(1, 2, 3, 3))
    assert len(stages) == len(trunks) == 1
    assert torch.equal(stages[0], out)


@pytest.mark.parametrize("stages", [[3, 4, 6, 3], [nn.ReLU(), None], 4, "stage"])
def test_stages_that_are_no_modules_are_a_network_s_own_business(stages: object) -> None:
    network, seen = layers(), []
    network.stages = stages
    handles: list[RemovableHandle] = []
    assert watch_stages(network, lambda f: seen.append(f) or f, lambda _: None, handles) == (True, False)
    network[0](torch.randn(1, 2, 3, 3))
    assert len(seen) == 3  # the input of the first block and the outputs of both
    assert len(handles) == 1 + len(blocks_of(network))


def test_hooks_that_were_set_before_another_fails_are_known() -> None:
    class Unhookable(Block):
        def register_forward_hook(self, *args: object, **kwargs: object) -> RemovableHandle:
            raise RuntimeError("no hooks here")

    network, handles = layers(), []
    network.stages = [network[0], Unhookable()]
    with pytest.raises(RuntimeError, match="no hooks"):
        watch_stages(network, lambda f: f, lambda _: None, handles)
    (handle,) = handles
    handle.remove()
    assert not network[0]._forward_hooks
