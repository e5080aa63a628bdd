"""Leave the user's module and the global random state as they were."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd


@contextmanager
def batch_statistics(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Train mode, with dropout off so that no value depends on the batch's order; every module's mode comes
    back.
    """
    changed = [m for m in modules if m.training == isinstance(m, _DropoutNd)]
    for module in changed:
        module.training = not module.training
    try:
        yield
    finally:
        for module in changed:
            module.training = not module.training


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Global random state (torch, numpy, python) starts from `seed` inside and is restored after."""
    kept_python, kept_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (a forward may use it)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(kept_python)
            np.random.set_state(kept_numpy)  # noqa: NPY002
