"""Batch norm statistics of one sub-network: those that a super-network gathers mix all of its paths.

Statistics are reset and averaged over some batches of training data, without gradients (SPOS, arXiv:1904.00420,
section 3.4); nothing is copied but the statistics themselves, which are put back at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Norm = nn.modules.batchnorm._BatchNorm


@contextmanager
def recalibrated(network: nn.Module, run: Callable[[Tensor], Tensor], batches: Iterable[Tensor]) -> Iterator[None]:
    """Within this context the norms that `run` goes through hold the statistics of these batches.

    Args:
        network: whose norms they are; in evaluation mode within the context, as it was before afterwards.
        run: a forward pass, such as one path through a super-network.
        batches: of training data, never of the data that is then evaluated.
    """
    norms = [m for m in network.modules() if isinstance(m, Norm) and m.running_mean is not None]
    modes = [(m, m.training) for m in network.modules()]
    kept = [([b.clone() for b in norm.buffers()], norm.momentum) for norm in norms]
    try:
        network.train()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over batches
        with torch.no_grad():
            for batch in batches:
                run(batch)
        network.eval()
        yield
    finally:
        for norm, (buffers, momentum) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            for buffer, old in zip(norm.buffers(), buffers, strict=True):
                buffer.copy_(old)
        for module, training in modes:
            module.training = training
