"""Sub-networks that are cut out of one large network's weights: first channels, centres of kernels, first blocks.

The weights of a slimmable network (Yu et al. 2019, arXiv:1903.05134) and of a once-for-all network (Cai et al. 2020,
arXiv:1908.09791, without its transformations between kernel sizes). A sub-network is run as the very network that its
space builds, on views of the large network's weights: gradients and batch norm's statistics go where they belong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nassay.errors import UserError
from nassay.estimators.supernets.choice import Selection
from nassay.spaces.base import Architecture, Space
from nassay.spaces.network import Network

KEPT = 8  # networks without weights that are kept for their next use
Norm = nn.modules.batchnorm._BatchNorm
Path = tuple[int, ...]


def cut(weights: Tensor, shape: Sequence[int]) -> Tensor:
    """The first channels of a weight, and the centre of its kernel: a view.

    Args:
        weights: (), (C,), (O, I) or (O, I, K, K).
        shape: of what is wanted, no larger.
    """
    centred = enumerate(zip(weights.shape, shape, strict=True))
    starts = [0 if axis < 2 else (large - small) // 2 for axis, (large, small) in centred]
    return weights[tuple(slice(start, start + n) for start, n in zip(starts, shape, strict=True))]


@dataclass(frozen=True)
class Form:
    """A sub-network without weights.

    Attributes:
        network: on torch's meta device.
        tensors: of every parameter and buffer the name, the name in the super-network, the shape.
        norms: every batch norm, and its name in the super-network.
    """

    network: Network
    tensors: list[tuple[str, str, torch.Size]]
    norms: list[tuple[Norm, str]]


class Elastic:
    """The sub-networks of an elastic space.

    Args:
        space: see `Space.elastic`.
        width: factor on every internal channel count.
    """

    def __init__(self, space: Space, width: float) -> None:
        self.space, self.width = space, width
        self._form = lru_cache(maxsize=KEPT)(self._fresh_form)

    def outputs(self, shared: nn.Module, x: Tensor, selection: Selection) -> Tensor:
        """Outputs of a sub-network, or of one for each item of the batch.

        Args:
            shared: the super-network's network.
            x: (B, C, H, W).
            selection: for each choice an option's index, or all of them (B,) int64.

        Raises:
            UserError: the selection weighs options.
        """
        indices = [torch.as_tensor(selected) for selected in selection]
        if any(i.is_floating_point() for i in indices):
            raise UserError(
                f"The options of {self.space.name!r} are sizes of one network and cannot be mixed; methods that weigh "
                "options need a space of cells, such as nb201."
            )
        if all(i.ndim == 0 for i in indices):
            return self._run(shared, x, tuple(map(int, indices)))
        paths, owner = torch.stack(indices, 1).unique(dim=0, return_inverse=True)
        parts = [self._run(shared, x[owner == i], tuple(path)) for i, path in enumerate(paths.tolist())]
        return torch.cat(parts)[torch.argsort(torch.argsort(owner, stable=True))]

    def weights(self, shared: nn.Module, architecture: Architecture) -> dict[str, Tensor]:
        """Views of the weights and buffers of a sub-network, by the names of the network that stands alone.

        Raises:
            UserError: the architecture is not a point of the space.
        """
        form = self._form(self.space.check(architecture).choices)
        every = {**dict(shared.named_parameters()), **dict(shared.named_buffers())}
        return {name: cut(every[there], shape) for name, there, shape in form.tensors}

    def inherited(self, shared: nn.Module, architecture: Architecture) -> dict[str, Tensor]:
        """The entries of the state of a sub-network that stands alone, in its order; see `weights`."""
        found = self.weights(shared, architecture)
        state = self._form(architecture.choices).network.state_dict()
        return {name: found[name].detach() for name in state}

    def _run(self, shared: nn.Module, x: Tensor, path: Path) -> Tensor:
        form = self._form(path)
        if form.network.training != shared.training:
            form.network.train(shared.training)
        if shared.training:
            for norm, there in form.norms:
                source = shared.get_submodule(there)
                assert isinstance(source, Norm)
                norm.momentum = source.momentum
        weights = self.weights(shared, Architecture(self.space.name, path))
        outputs: Tensor = functional_call(form.network, weights, (x,), tie_weights=False)
        return outputs

    def _fresh_form(self, path: Path) -> Form:
        architecture = Architecture(self.space.name, path)
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = self.space.build(architecture, width=self.width)
        slots = self.space.shared_blocks(architecture)
        tensors = [*network.named_parameters(), *network.named_buffers()]
        return Form(
            network,
            [(name, _shared_name(name, slots), tensor.shape) for name, tensor in tensors],
            [(m, _shared_name(name, slots)) for name, m in network.named_modules() if isinstance(m, Norm)],
        )


def _shared_name(name: str, slots: tuple[int, ...]) -> str:
    """The name of a block's part in the super-network, every other name as it is."""
    first, _, rest = name.partition(".")
    if first != "blocks":
        return name
    index, _, inside = rest.partition(".")
    return f"blocks.{slots[int(index)]}.{inside}"
