"""Queries and their nearest neighbours, drawn in rows."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from nassay.tasks.base import Illustration, Split

ROWS, NEIGHBOURS = 6, 7
TILE, FRAME, GAP = 72, 4, 10  # pixels
RIGHT, WRONG, QUERY = (46, 160, 67), (207, 34, 46), (110, 119, 129)


def neighbours_picture(embeddings: Tensor, split: Split) -> Illustration:
    """The nearest neighbours of items spread evenly over the given ones.

    Args:
        embeddings: (N, D) of unit length.
        split: the N items; labels are class indices.
    """
    similarity = functional.normalize(embeddings.float(), dim=1)
    similarity = (similarity @ similarity.T).fill_diagonal_(-np.inf)
    nearest = similarity.argsort(dim=1, descending=True, stable=True)[:, : min(NEIGHBOURS, len(split) - 1)].numpy()
    queries = np.unique(np.linspace(0, len(split) - 1, min(ROWS, len(split))).round().astype(int))
    rows = [_row(split, query, nearest[query]) for query in queries]
    picture = Image.fromarray(np.concatenate(rows))
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return Illustration(
        "Queries of classes that training has not seen (left, grey) and the images nearest to them, the nearest first: "
        "green of the query's class, red of another.",
        content.getvalue(),
    )


def _row(split: Split, query: int, nearest: np.ndarray) -> np.ndarray:
    """(height, width, 3) uint8: the query, a gap, its neighbours."""
    colors = [RIGHT if split.y[i] == split.y[query] else WRONG for i in nearest]
    tiles = [_tile(split.x[i], color) for i, color in zip((query, *nearest), (QUERY, *colors), strict=True)]
    gap = np.full((tiles[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    return np.concatenate([tiles[0], gap, *tiles[1:]], axis=1)


def _tile(image: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """A (C, H, W) image, enlarged, with a coloured frame and a white margin: (TILE, TILE, 3) uint8."""
    inner = TILE - 2 * FRAME - 2
    pixels = functional.interpolate(torch.from_numpy(_rgb(image))[None], (inner, inner), mode="nearest-exact")[0]
    tile = np.full((TILE, TILE, 3), 255, dtype=np.uint8)
    tile[1:-1, 1:-1] = color
    tile[FRAME + 1 : -FRAME - 1, FRAME + 1 : -FRAME - 1] = pixels.permute(1, 2, 0).numpy()
    return tile


def _rgb(image: np.ndarray) -> np.ndarray:
    """(3, H, W) uint8 of (C, H, W) uint8 or float32: grey is repeated, floats are stretched to their own range."""
    planes = np.array(image[:3] if len(image) >= 3 else image[:1].repeat(3, axis=0))
    if planes.dtype == np.uint8:
        return planes
    span = float(np.ptp(planes)) or 1.0
    return np.rint((planes - planes.min()) / span * 255).astype(np.uint8)
