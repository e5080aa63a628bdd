"""What proxies look at when no task is given: real images where there are some at hand, else noise.

Networks of one channel see scikit-learn's digits. Those of three see CIFAR-10: `NASSAY_DATA` names the folder of data,
whose `images/cifar10_subset.npz` holds it as (N, H, W, 3) bytes and labels. A network of fewer than ten outputs sees
the same images, classes merged until there are as many.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nassay.errors import UserError
from nassay.estimators.proxies import Batch
from nassay.estimators.proxies.streams import generator
from nassay.spaces.base import Space
from nassay.tasks.datasets import digits

IMAGES = Path("images") / "cifar10_subset.npz"
CLASSES = 10


@dataclass(frozen=True)
class Inputs:
    """A batch, and in words where it comes from.

    Attributes:
        batch: what the proxies see.
        source: short name, for the ledger: scores of other inputs are other scores.
        text: one sentence for people.
    """

    batch: Batch
    source: str
    text: str


def probe_inputs(space: Space, batch_size: int, seed: int) -> Inputs:
    """Real images at the space's resolution where they are at hand and fit, else Gaussian noise.

    Args:
        space: one channel or three fit; of fewer than ten outputs each stands for the labels that are equal to it
            modulo their number.
        batch_size: number of inputs.
        seed: of the choice of images, or of the noise.

    Raises:
        UserError: the file of images is there and cannot be read.
    """
    channels, height, width = space.input_shape
    path = images_path()
    if channels == 1:
        (x, y), source, kind = _digits(), "digits", "of scikit-learn's digits with their labels{}"
    elif channels == 3 and path is not None:
        (x, y), source = _images(path), path.stem
        kind = f"training images of CIFAR-10 with their labels{{}} ({path.name})"
    else:
        why = "there are no images at hand" if path is None else "no images at hand fit the network"
        batch = Batch.noise(space.input_shape, space.num_outputs, batch_size, seed)
        return Inputs(batch, "noise", f"{batch_size} inputs of Gaussian noise with random labels: {why}")
    rows = torch.randperm(len(x), generator=generator(seed, "images"))[:batch_size]
    chosen = _resized(x[rows], height, width)
    resized = "" if chosen.shape[2:] == x.shape[2:] else f", resized to {height}x{width}"
    merged = f" modulo {space.num_outputs}" if space.num_outputs < CLASSES else ""
    text = f"{batch_size} {kind.format(merged)}{resized}"
    return Inputs(Batch(chosen, y[rows] % space.num_outputs), source + merged.replace(" ", "_"), text)


def images_path() -> Path | None:
    """The file of images, or None."""
    folder = os.environ.get("NASSAY_DATA")
    path = Path(folder) / IMAGES if folder else None
    return path if path and path.is_file() else None


@lru_cache(maxsize=1)
def _images(path: Path) -> tuple[Tensor, Tensor]:
    """Training images (N, 3, H, W), each channel of mean 0 and variance 1, and their (N,) labels."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            x, y = archive["train_x"], archive["train_y"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be read as images train_x and labels train_y: {error}.") from error
    return _normalised(x.transpose(0, 3, 1, 2), y)


@lru_cache(maxsize=1)
def _digits() -> tuple[Tensor, Tensor]:
    """The embedded digits (N, 1, 8, 8), likewise."""
    found = digits()
    return _normalised(found.x, found.y)


def _normalised(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) bytes as images, each channel of mean 0 and variance 1, and (N,) labels."""
    pixels = torch.from_numpy(np.ascontiguousarray(x)).float()
    mean, std = pixels.mean((0, 2, 3), keepdim=True), pixels.std((0, 2, 3), keepdim=True)
    return (pixels - mean) / std, torch.from_numpy(y.astype(np.int64))


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    """(B, C, H, W) images at another resolution, averaged where they shrink."""
    if x.shape[2:] == (height, width):
        return x.contiguous()
    return F.interpolate(x, (height, width), mode="bilinear", antialias=True, align_corners=False)
