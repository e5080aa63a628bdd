"""NASWOT: how differently the inputs of a batch switch the activations (Mellor et al. 2021, arXiv:2006.04647,
eq. 2).

score = ln |det K|,  K_ij = sum over activation units of [code_i = code_j] = N_units - Hamming distance,

where a sample's code says which pre-activations are positive. Every activation function counts once, as in
NASLib; the authors count those of a second forward that had received a gradient. For smooth activations the
sign is used too.
"""

from collections import deque

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass, rows

RECENT = 4  # tensors that are remembered: the nodes of a cell


def code_kernel(x: Tensor) -> Tensor:
    """With c the codes and c c' = G, c c' + (1 - c)(1 - c)' = 2 G - diag(G) 1' - 1 diag(G)' + n.

    Args:
        x: (B, ...) pre-activations, n of each sample.

    Returns:
        (B, B) float64, exact integers.
    """
    codes = (rows(x) if x.ndim == 4 else x).flatten(1).gt(0).to(torch.float32)
    both = (codes @ codes.T).double()  # exact below 2^24 units a layer
    active = both.diagonal()
    return 2 * both - active[:, None] - active[None, :] + codes.shape[1]


class CodeKernel(Signal):
    """K, accumulated layer by layer, so that no code is kept.

    Attributes:
        kernel: (B, B) float64, exact integers.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._kernels: list[Tensor] = []
        self._recent: deque[tuple[Tensor, int, Tensor]] = deque(maxlen=RECENT)

    def activation(self, x: Tensor) -> None:
        """Add the layer's part; a tensor that several activation functions are applied to is counted as often."""
        for seen, version, kernel in self._recent:
            if seen.data_ptr() == x.data_ptr() and seen.shape == x.shape and x._version == version:
                self._kernels.append(kernel)
                return
        self._kernels.append(code_kernel(x))
        self._recent.append((x, x._version, self._kernels[-1]))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Add the layers up.

        Raises:
            Unmeasurable: there is no activation function over the batch.
        """
        kernels = [kernel for kernel in self._kernels if len(kernel) == len(run.x)]
        if not kernels:
            raise Unmeasurable("no activation function was seen")
        self._recent.clear()
        self.kernel = torch.stack(kernels).sum(0)


@proxies.register(
    "naswot",
    direction=+1,
    setting=Setting(),
    signals=(CodeKernel,),
    needs=frozenset({"data"}),
    paper="Mellor et al. 2021, arXiv:2006.04647",
)
def naswot(codes: CodeKernel) -> float:
    """Log-determinant of the kernel of activation codes."""
    sign, value = torch.linalg.slogdet(codes.kernel)
    if sign == 0:
        raise Unmeasurable("two inputs of the batch have the same activation code")
    return float(value)
