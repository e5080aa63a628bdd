"""ntk_condition: how unevenly gradient descent learns at the start (Chen et al. 2021, TE-NAS, arXiv:2102.11535; Xiao
et al. 2020, arXiv:1912.13053).

score = lambda_max / lambda_min of K,  K_ij = <df(x_i)/dw, df(x_j)/dw>,  lower is better,

f the sum of a sample's outputs, w all convolution and linear weights and the scales of norm layers, drawn
Kaiming-normal (fan in), for 16 of the batch's inputs in one batch, whose statistics couple them. The reference takes 72
inputs (14 and 24 for DARTS) and averages 3 draws (fan out); here one seed is one draw. A singular K is no number, where
the reference writes 100,000. Price: one pass backward per input, of all 16; gradients are kept for a part of the
weights at a time.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.passes import Pass

SAMPLES = 16
KEPT_ELEMENTS = 2**26  # gradients in memory at a time, 256 MB; larger networks go backward more often


class TangentKernel(Signal):
    """The neural tangent kernel of the summed outputs.

    Attributes:
        kernel: (B, B) float64.
    """

    gradients = frozenset({"weights", "scales"})

    def finish(self, run: Pass, outputs: Tensor) -> None:
        """Add up the kernel over groups of weights.

        Raises:
            Unmeasurable: there are fewer than two inputs, or the network has no weights.
        """
        sums = outputs.flatten(1).sum(1)
        if len(sums) < 2:
            raise Unmeasurable("a batch of at least two inputs is needed")
        weights = [*run.trained(), *run.scales.values()]
        self.kernel = torch.zeros(len(sums), len(sums), dtype=torch.float64, device=sums.device)
        for group in _groups(weights, KEPT_ELEMENTS // len(sums)):
            rows = torch.stack([_row(run, one, group) for one in sums])
            for part in rows.split(2**20, dim=1):
                self.kernel += part.double() @ part.double().T


def _row(run: Pass, output: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The gradient of one output, as a vector; zero where there is no path."""
    found = run.gradients(output, weights, keep_graph=True)
    parts = [(torch.zeros_like(w) if g is None else g).flatten() for w, g in zip(weights, found, strict=True)]
    return torch.cat(parts)


def _groups(weights: Sequence[Tensor], elements: int) -> Iterator[list[Tensor]]:
    """Consecutive tensors, of at most so many elements together if none alone is larger."""
    group: list[Tensor] = []
    for weight in weights:
        if group and sum(w.numel() for w in group) + weight.numel() > elements:
            yield group
            group = []
        group.append(weight)
    yield group


@proxies.register(
    "ntk_condition",
    direction=-1,
    setting=Setting(init="kaiming", samples=SAMPLES),
    signals=(TangentKernel,),
    needs=frozenset({"data", "gradients"}),
    paper="Chen et al. 2021, arXiv:2102.11535",
)
def ntk_condition(tangents: TangentKernel) -> float:
    """Condition number of the neural tangent kernel."""
    eigenvalues = torch.linalg.eigvalsh(tangents.kernel)
    smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    if not smallest > torch.finfo(torch.float32).eps * largest:
        raise Unmeasurable("the kernel is singular: the gradients of the inputs are linearly dependent")
    return largest / smallest
