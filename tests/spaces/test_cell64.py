"""The 64 networks of arXiv:2001.01431, with parameters counted on paper."""

import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.cell64 import Cell, Cell64, _operation


def test_there_are_64_in_the_published_order() -> None:
    texts = [Cell64().to_string(a) for a in Cell64().networks()]
    assert texts == sorted(texts)
    assert len(set(texts)) == 64
    assert (texts[0], texts[59], texts[63]) == ("111", "434", "444")


def test_parameters_by_hand() -> None:
    """Channels c: pooling has none, sep k 2 (k^2 c + c^2), dil 5 25 c + c^2, the first convolution c_in c; no norm."""
    space = Cell64((3, 8, 8), 10, channels=4, cells=2)
    stem = (3 * 9 * 12 + 24) + (12 * 9 * 12 + 24)
    edges = 2 * (9 * 4 + 16) + (25 * 4 + 16) + 2 * (25 * 4 + 16)
    cells = (12 * 4 + edges) + (8 * 4 + edges)
    network = space.build(space.from_string("243"))
    assert sum(p.numel() for p in network.parameters()) == stem + cells + 8 * 10 + 10


def test_a_node_is_the_sum_of_operations_of_all_earlier_ones() -> None:
    """Poolings of a constant keep it, and the first convolution's negative outputs are cut by nothing: by hand."""
    cell = Cell(lambda _, c: _operation("max_pool_3x3", c), 2, 2).eval()
    cell.first[1].weight.data = torch.tensor([[1.0, 0.0], [0.0, -1.0]])[:, :, None, None]
    out = cell(torch.tensor([3.0, 5.0])[None, :, None, None].expand(1, 2, 4, 4))
    kept = torch.tensor([3.0, -5.0]) / (1 + 1e-5) ** 0.5
    pooled = kept / (1 + 1e-5) ** 0.5
    expected = torch.cat([pooled, pooled + pooled / (1 + 1e-5) ** 0.5])
    torch.testing.assert_close(out[0, :, 0, 0], expected)


@pytest.mark.parametrize("text", ["43", "4345", "405", "a11"])
def test_other_strings_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="a digit from 1 to 4 an edge"):
        Cell64().from_string(text)


def test_scaling_down_goes_by_cost() -> None:
    """From separable 5x5 to separable 3x3, dilated 5x5, and pooling."""
    space = Cell64()
    found = [space.scaled(Architecture("cell64", (2, 2, 2)), f).choices[0] for f in (1.0, 0.7, 0.4, 0.0)]
    assert found == [2, 1, 3, 0]


def test_bad_sizes_are_refused() -> None:
    with pytest.raises(UserError, match="channels=0"):
        Cell64(channels=0)
