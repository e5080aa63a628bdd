import pytest
import torch

from nassay.tasks.detection.augment import _moved, augment_boxes, moved_boxes

ONE, ZERO = torch.ones(1, 2), torch.zeros(1, 2)


def test_nothing_moves_without_a_move() -> None:
    x, y = torch.randn(1, 3, 24, 30), torch.tensor([[[1.0, 0.1, 0.2, 0.3, 0.4], [-1.0, 0, 0, 0, 0]]])
    assert torch.allclose(_moved(x, ONE, ZERO), x, atol=1e-5)
    assert torch.allclose(moved_boxes(y, ONE, ZERO), y)


def test_boxes_by_hand() -> None:
    y = torch.tensor([[[4.0, 0.4, 0.4, 0.6, 0.8]]])
    shifted = moved_boxes(y, ONE, torch.tensor([[0.1, -0.2]]))
    assert shifted[0, 0].tolist() == pytest.approx([4, 0.5, 0.2, 0.7, 0.6])
    zoomed = moved_boxes(y, 2 * ONE, ZERO)
    assert zoomed[0, 0].tolist() == pytest.approx([4, 0.3, 0.3, 0.7, 1.0])  # 1.1 is cut
    mirrored = moved_boxes(torch.tensor([[[4.0, 0.1, 0.4, 0.3, 0.8]]]), torch.tensor([[-1.0, 1.0]]), ZERO)
    assert mirrored[0, 0].tolist() == pytest.approx([4, 0.7, 0.4, 0.9, 0.8])


def test_what_has_left_the_image_is_no_object() -> None:
    y = torch.tensor([[[4.0, 0.0, 0.0, 0.4, 0.4]]])
    kept = moved_boxes(y, ONE, torch.tensor([[-0.25, 0.0]]))  # 3/8 left
    gone = moved_boxes(y, ONE, torch.tensor([[-0.30, 0.0]]))  # 1/4 left
    assert kept[0, 0].tolist() == pytest.approx([4, 0, 0, 0.15, 0.4])
    assert gone[0, 0].tolist() == [-1, 0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(1, 40, 60), (3, 40, 60), (3, 16, 16)])
def test_pixels_and_boxes_move_together(shape: tuple[int, int, int]) -> None:
    """A bright box stays where its box is: bright inside, dark outside."""
    torch.manual_seed(0)
    _, height, width = shape
    box = [0.25, 0.25, 0.5, 0.625]
    x = torch.full((64, *shape), -1.0)
    x[..., int(0.25 * height) : round(0.625 * height), int(0.25 * width) : int(0.5 * width)] = 1.0
    y = torch.tensor([[[0.0, *box], [-1.0, 0, 0, 0, 0]]]).repeat(64, 1, 1)
    moved, boxes = augment_boxes(x, y)
    mirrored = 0
    for image, (kind, x1, y1, x2, y2) in zip(moved[:, 0], boxes[:, 0].tolist(), strict=True):
        assert kind == 0
        mirrored += x1 + x2 > 1.05
        rows, columns = (torch.arange(n).add(0.5).div(n) for n in (height, width))
        margin = 1.5 / min(height, width)
        inside = ((rows > y1 + margin) & (rows < y2 - margin))[:, None] & (
            (columns > x1 + margin) & (columns < x2 - margin)
        )
        outside = ~(
            ((rows > y1 - margin) & (rows < y2 + margin))[:, None] & ((columns > x1 - margin) & (columns < x2 + margin))
        )
        assert not inside.any() or image[inside].min() > 0.9
        assert image[outside].max() <= 1e-6
    assert (mirrored > 16) == (shape == (3, 40, 60))
    assert (boxes[:, 1] == y[:, 1]).all()


def test_draws_come_from_torchs_global_generator() -> None:
    x, y = torch.randn(4, 1, 16, 16), torch.tensor([[[0.0, 0.2, 0.2, 0.9, 0.9]]]).repeat(4, 1, 1)
    torch.manual_seed(3)
    first = augment_boxes(x, y)
    torch.manual_seed(3)
    second = augment_boxes(x, y)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[1], y)
