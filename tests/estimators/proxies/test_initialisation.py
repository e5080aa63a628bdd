import torch
from torch import nn

from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.initialisation import tensors_for


def network() -> nn.Sequential:
    layers = nn.Sequential(nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.PReLU(64), nn.Linear(64, 100))
    for p in layers.parameters():
        p.data.uniform_(-3, -2)
    layers[1].running_var.fill_(5)
    return layers


def test_given_tensors_are_equal_copies() -> None:
    net = network()
    copies = tensors_for(Anatomy(net), "given", 0)
    for name, t in net.state_dict().items():
        assert torch.equal(copies[name], t)
        assert copies[name].data_ptr() != t.data_ptr()


def test_drawn_weights_have_the_papers_variance_and_norms_are_reset() -> None:
    for init, conv_std, linear_std in (("kaiming", (2 / 144) ** 0.5, (2 / 64) ** 0.5), ("normal", 1.0, 1.0)):
        copies = tensors_for(Anatomy(network()), init, 0)
        assert abs(copies["0.weight"].std() / conv_std - 1) < 0.05
        assert abs(copies["3.weight"].std() / linear_std - 1) < 0.05
        assert not copies["0.bias"].any()
        assert (copies["1.weight"] == 1).all()
        assert not copies["1.bias"].any()
        assert (copies["1.running_var"] == 1).all()
        assert (copies["2.weight"] < 0).all()  # no convolution, linear layer or norm: as given


def test_absolute_values() -> None:
    net = network()
    copies = tensors_for(Anatomy(net), "absolute", 0)
    assert all(torch.equal(copies[name], p.abs()) for name, p in net.named_parameters())


def test_draws_follow_the_seed_alone() -> None:
    net = network()
    before = torch.get_rng_state()
    first, again, other = (tensors_for(Anatomy(net), "kaiming", seed)["0.weight"] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_tied_weights_are_one_tensor() -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    assert set(tensors_for(Anatomy(nn.Sequential(first, second)), "normal", 0)) == {"0.weight", "0.bias", "1.bias"}
