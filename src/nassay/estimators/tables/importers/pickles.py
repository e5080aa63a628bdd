"""Reading pickles of others without running anything in them.

A pickle is a program. Plain data needs few of its instructions: numbers, texts, lists, dictionaries. Those that call
something by name are refused but for a short list: harmless containers, bytes and NumPy's scalars.
"""

import bz2
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.errors import UserError

_SCALAR = np.float64(0).__reduce__()[0]


def _encoded(text: str, _: str) -> bytes:
    """How protocol 2 writes bytes: a text of their values, and the name of a codec."""
    return text.encode("latin1")


SAFE: dict[str, Any] = {
    "collections.OrderedDict": dict,
    "builtins.set": set,
    "__builtin__.set": set,
    "numpy.core.multiarray.scalar": _SCALAR,
    "numpy._core.multiarray.scalar": _SCALAR,
    "numpy.dtype": np.dtype,
    "_codecs.encode": _encoded,
}
_DTYPES = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "b1")]
# What a damaged or foreign file makes the unpicklers raise.
_BROKEN = (
    *(pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(RuntimeError, UnicodeDecodeError, MemoryError),
)


class _Plain(pickle.Unpickler):
    """An unpickler that knows the names in `SAFE` only."""

    def find_class(self, module: str, name: str) -> Any:
        found = SAFE.get(f"{module}.{name}")
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not plain data")
        return found


def load_pickle(path: Path) -> Any:
    """Plain data from a pickle compressed by bzip2 (`.pickle.pbz2`).

    Raises:
        UserError: it is damaged, or holds anything but plain data.
    """
    try:
        with bz2.open(path) as file:
            return _Plain(io.BufferedReader(file)).load()
    except _BROKEN as error:
        raise UserError(f"{path} was not read: {error}. Nothing in it was executed.") from error


def load_pth(path: Path) -> Any:
    """Plain data from a file of `torch.save`, by torch's own restricted unpickler.

    Raises:
        UserError: it is damaged, or holds anything but plain data and tensors.
    """
    allowed: list[Any] = [_SCALAR, (_SCALAR, "numpy.core.multiarray.scalar"), np.dtype, *_DTYPES]
    try:
        with torch.serialization.safe_globals(allowed):
            return torch.load(path, map_location="cpu", weights_only=True)
    except _BROKEN as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{path} was not read: {reason} Nothing in it was executed.") from error
