"""Weights for a pass: copies of a network's tensors, initialised as a proxy's paper asks."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from nassay.estimators.proxies.streams import generator


def tensors_for(network: nn.Module, init: str, seed: int) -> dict[str, Tensor]:
    """Copies of all parameters and buffers by name, initialised.

    Args:
        network: read only.
        init: a `Setting.init`.
        seed: of the draw; weights are drawn on the CPU, so that they are the same on every device.

    Returns:
        Tensors that share no memory with the network, float32 where floating. Convolutions and linear layers
        are drawn anew with zero biases, normalisation layers are reset to scale 1, shift 0; parameters of any
        other module stay as given.
    """
    tensors = {name: _copy(t) for name, t in [*network.named_parameters(), *network.named_buffers()]}
    if init == "absolute":
        return {name: t.abs() if t.is_floating_point() else t for name, t in tensors.items()}
    if init in ("kaiming", "normal"):
        draw = generator(seed, "weights")
        for prefix, module in network.named_modules():
            names = {name: f"{prefix}.{name}" if prefix else name for name in _TENSORS}
            _initialise(module, {k: tensors[n] for k, n in names.items() if n in tensors}, init, draw)
    return tensors


_TENSORS = ("weight", "bias", "running_mean", "running_var")


def _copy(t: Tensor) -> Tensor:
    return t.detach().to(torch.float32, copy=True) if t.is_floating_point() else t.detach().clone()


def _initialise(module: nn.Module, own: dict[str, Tensor], init: str, draw: torch.Generator) -> None:
    if isinstance(module, (_ConvNd, nn.Linear)):
        if "weight" in own:
            own["weight"].copy_(_weight(own["weight"].shape, init, draw))
        if "bias" in own:
            own["bias"].zero_()
    elif isinstance(module, (_NormBase, nn.GroupNorm, nn.LayerNorm)):
        for name, t in own.items():
            t.fill_(1 if name in ("weight", "running_var") else 0)


def _weight(shape: torch.Size, init: str, draw: torch.Generator) -> Tensor:
    """A weight tensor: N(0, 1), or N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852, for ReLU)."""
    weight = torch.randn(shape, generator=draw)
    return weight * (2 / weight[0].numel()) ** 0.5 if init == "kaiming" else weight
