"""Weights for a pass: copies of a network's tensors, initialised as a proxy's paper asks."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.streams import generator

NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)
ONES, ZEROS = ("weight", "running_var"), ("bias", "running_mean")


def tensors_for(anatomy: Anatomy, init: str, seed: int) -> dict[str, Tensor]:
    """Copies of all parameters and buffers by name, initialised.

    Args:
        anatomy: of the network, which is read only.
        init: a `Setting.init`.
        seed: of the draw; weights are drawn on the CPU, so that they are the same on every device.

    Returns:
        Tensors that share no memory with the network, float32 where floating. Convolutions and linear layers
        are drawn anew with zero biases, normalisation layers are reset to scale 1, shift 0; parameters of any
        other module stay as given.
    """
    given = anatomy.parameters | anatomy.buffers
    if init == "absolute":
        return {name: _copy(t).abs_() if t.is_floating_point() else _copy(t) for name, t in given.items()}
    drawn: dict[str, Tensor] = {}
    if init in ("kaiming", "normal"):
        draw = generator(seed, "weights")
        for prefix, module in anatomy.modules:
            if isinstance(module, (_ConvNd, nn.Linear, *NORMS)):
                own = {key: name for key in (*ONES, *ZEROS) if (name := f"{prefix}.{key}" if prefix else key) in given}
                for key, name in own.items():
                    drawn[name] = _drawn(module, key, given[name], init, draw)
    return {name: drawn[name] if name in drawn else _copy(t) for name, t in given.items()}


def _copy(t: Tensor) -> Tensor:
    return t.detach().to(torch.float32, copy=True) if t.is_floating_point() else t.detach().clone()


def _drawn(module: nn.Module, key: str, given: Tensor, init: str, draw: torch.Generator) -> Tensor:
    """A tensor that a convolution, a linear or a normalisation layer has under `key`."""
    if key == "weight" and not isinstance(module, NORMS):
        return _weight(given.shape, init, draw)
    return torch.full(given.shape, 1.0 if key in ONES else 0.0)


def _weight(shape: torch.Size, init: str, draw: torch.Generator) -> Tensor:
    """A weight tensor: N(0, 1), or N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852, for ReLU)."""
    weight = torch.randn(shape, generator=draw)
    return weight.mul_((2 / weight[0].numel()) ** 0.5) if init == "kaiming" else weight
