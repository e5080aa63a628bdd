from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from nassay.errors import UserError
from nassay.tasks.torch_datasets import read_dataset


class Items(Dataset[Any]):
    """A list of items that, like many datasets, never raises IndexError."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index % len(self.items)]


class Stream(IterableDataset[Any]):
    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        yield torch.zeros(1, 4, 4), 0
        yield torch.ones(1, 4, 4), 1


def test_tensors_are_channels_first_whatever_their_size() -> None:
    x = torch.rand(4, 20, 8, 3)
    data = read_dataset(TensorDataset(x, torch.tensor([0, 1, 0, 1])))
    assert np.array_equal(data.x, x.numpy())
    assert data.y.tolist() == [0, 1, 0, 1]
    assert data.name == "TensorDataset"


def test_a_stream_is_read_to_its_end() -> None:
    assert read_dataset(Stream()).x[:, 0, 0, 0].tolist() == [0, 1]


def test_arrays_are_channels_last_and_greys_have_one() -> None:
    colour = np.zeros((20, 24, 3), np.uint8)
    assert read_dataset(Items([(colour, "a"), (colour, "b")])).x.shape == (2, 3, 20, 24)
    assert read_dataset(Items([(colour[..., 0], "a"), (colour[..., 0], "b")])).x.shape == (2, 1, 20, 24)


def test_pillow_images_follow_the_rule_for_files() -> None:
    items = [(Image.new("L", (10, 20), 3), np.int64(5)), (Image.new("RGB", (10, 20), (1, 2, 3)), 7)]
    data = read_dataset(Items(items), shape=(3, 20, 10))
    assert data.x[:, :, 0, 0].tolist() == [[3, 3, 3], [1, 2, 3]]
    assert data.classes == ("5", "7")
    assert data.preprocessing["mode"] == "RGB"


def test_tensors_of_several_sizes_are_resized() -> None:
    items = [(torch.full((3, side, side), 7, dtype=torch.uint8), side % 2) for side in (16, 17, 30)]
    data = read_dataset(Items(items))
    assert data.x.shape == (3, 3, 16, 16)  # the median 17 to a multiple of 8
    assert (data.x == 7).all()
    assert data.notes[0].startswith("2 of 3 images, 17x17 to 30x30 pixels")


def test_bytes_and_floats_together_become_floats() -> None:
    items = [(np.full((20, 20), 9, np.uint8), 0), (np.full((20, 20), 0.5), 1)]
    assert read_dataset(Items(items)).x[:, 0, 0, 0].tolist() == [9, 0.5]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "empty dataset"),
        ([torch.zeros(1, 4, 4)], r"pair of image and label, found \(Tensor\)"),
        ([(torch.zeros(1, 4, 4), 0, 0)], "pair of image and label"),
        ([(torch.zeros(4), 0)], r"Tensor \(4,\)"),
        ([("a.png", 0)], r"found str \(\)"),
        ([(torch.zeros(1, 4, 4), [0, 1])], "each label must be one number"),
        ([(torch.zeros(1, 4, 4), 0)] * 3, "at least two classes"),
        ([(torch.full((1, 4, 4), torch.nan), i) for i in range(2)], "2 of 2 images contain NaN"),
    ],
)
def test_wrong_datasets(items: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_dataset(Items(items))
