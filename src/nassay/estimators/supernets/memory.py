"""How much memory a training step's activations take: the bytes that are kept for its backward pass.

Counted at the tensors themselves, so that the figure is exact, the same on every machine, and free of what allocators
and libraries add. Weights and buffers are not activations. Tensors that share their memory count once.
"""

from collections import Counter
from types import TracebackType
from typing import Self

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks


class SavedActivations:
    """Within this context, what is kept for backward passes.

    Args:
        network: whose weights and buffers do not count.

    Attributes:
        live_bytes: kept now.
        peak_bytes: the most that was kept at any time.
    """

    def __init__(self, network: nn.Module) -> None:
        self.live_bytes = self.peak_bytes = 0
        self._weights = {t.untyped_storage()._cdata for t in (*network.parameters(), *network.buffers())}
        self._uses: Counter[int] = Counter()
        self._hooks = saved_tensors_hooks(self._pack, lambda kept: kept.tensor)

    def __enter__(self) -> Self:
        self._hooks.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.__exit__(kind, error, trace)

    def _pack(self, tensor: Tensor) -> "_Kept":
        return _Kept(tensor, self)

    def _add(self, tensor: Tensor, sign: int) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self._weights:
            return
        self._uses[storage._cdata] += sign
        if self._uses[storage._cdata] == (1 if sign > 0 else 0):
            self.live_bytes += sign * storage.nbytes()
            self.peak_bytes = max(self.peak_bytes, self.live_bytes)


class _Kept:
    """A tensor in the graph; freed with it."""

    def __init__(self, tensor: Tensor, owner: SavedActivations) -> None:
        self.tensor, self.owner = tensor, owner
        owner._add(tensor, +1)

    def __del__(self) -> None:
        self.owner._add(self.tensor, -1)
