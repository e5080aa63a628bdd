"""A network's modules and tensors, looked up once for all passes, and the way to run it with other tensors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

COUNTER = "num_batches_tracked"  # of batch norms; it means something only where momentum is None


class Anatomy:
    """What a module is made of, by name, as `named_modules` and the like tell it; it is read only.

    Attributes:
        network: the module.
        modules: (name, module), each module once.
        parameters: by name, each tensor once.
        buffers: by name, each tensor once.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.modules: list[tuple[str, nn.Module]] = list(network.named_modules())
        self.parameters: dict[str, nn.Parameter] = {}
        self.buffers: dict[str, Tensor] = {}
        names: dict[int, str] = {}
        self._places: list[tuple[dict[str, Tensor | None], str, str]] = []
        for prefix, module in self.modules:
            for store, found in ((module._parameters, self.parameters), (module._buffers, self.buffers)):
                for key, tensor in store.items():
                    if tensor is None:
                        continue
                    name = f"{prefix}.{key}" if prefix else key
                    if id(tensor) not in names:
                        names[id(tensor)] = name
                        found[name] = tensor  # type: ignore[assignment]
                    self._places.append((store, key, names[id(tensor)]))  # type: ignore[arg-type]

    @property
    def layers(self) -> list[nn.Module]:
        """The modules without their names."""
        return [module for _, module in self.modules]

    @cached_property
    def idle(self) -> frozenset[str]:
        """Names of buffers that count batches to no end."""
        return frozenset(
            f"{prefix}.{COUNTER}" if prefix else COUNTER
            for prefix, module in self.modules
            if isinstance(module, _NormBase) and module.momentum is not None
        )

    @contextmanager
    def holding(self, tensors: Mapping[str, Tensor | None]) -> Iterator[None]:
        """Inside, the network has these tensors in place of its own; tied ones stay tied.

        Args:
            tensors: by name, for some of the parameters and buffers; None takes one away.
        """
        kept = [(store, key, store[key]) for store, key, name in self._places if name in tensors]
        try:
            for store, key, name in self._places:
                if name in tensors:
                    store[key] = tensors[name]
            yield
        finally:
            for store, key, tensor in kept:
                store[key] = tensor
