import io

import numpy as np
import pytest
import torch
from PIL import Image

from nassay.tasks.base import Split
from nassay.tasks.retrieval.illustrations import GAP, NEIGHBOURS, QUERY, RIGHT, ROWS, TILE, WRONG, neighbours_picture


def picture(embeddings: torch.Tensor, split: Split) -> np.ndarray:
    found = neighbours_picture(embeddings, split)
    assert found.caption
    return np.array(Image.open(io.BytesIO(found.png)))


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (4, np.float32)])
def test_a_row_for_each_query(channels: int, dtype: type) -> None:
    x = (np.random.default_rng(0).random((40, channels, 10, 8)) * 255).astype(dtype)
    drawn = picture(torch.randn(40, 4), Split(x, np.arange(40) % 4))
    assert drawn.shape == (ROWS * TILE, (NEIGHBOURS + 1) * TILE + GAP, 3)


def test_frames_say_who_is_right() -> None:
    """Three of a class close together, one of another class at an angle: of eight neighbours wanted there are three."""
    angles = torch.tensor([0.0, 0.1, 0.2, 1.0])
    x = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * 60
    drawn = picture(torch.stack([angles.cos(), angles.sin()], 1), Split(x, np.array([0, 0, 0, 1])))
    columns = [1, *(TILE * (1 + i) + GAP + 1 for i in range(3))]
    frames = [[tuple(drawn[row * TILE + 1, column]) for column in columns] for row in range(4)]
    assert frames[0] == [QUERY, RIGHT, RIGHT, WRONG]
    assert frames[3] == [QUERY, WRONG, WRONG, WRONG]
    greys = [drawn[row * TILE + TILE // 2, columns[1] + TILE // 2, 0] for row in (0, 3)]
    assert greys == [60, 120]
    assert (drawn[TILE // 2, TILE // 2] == 0).all()
