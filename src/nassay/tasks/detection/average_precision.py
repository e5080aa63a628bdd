"""COCO's average precision, counted by faster-coco-eval (extra `detection`)."""

import numpy as np
from torch import Tensor

from nassay.extras import extra

# Positions in the library's table of results.
_NAMES = {"AP": 0, "AP50": 1, "AP75": 2, "AP_small": 3, "AP_medium": 4, "AP_large": 5, "AR": 8}


def check_installed() -> None:
    """Before hours of training rather than after.

    Raises:
        UserError: faster-coco-eval is not installed.
    """
    with extra("detection"):
        import faster_coco_eval  # noqa: F401


def average_precision(
    boxes: Tensor, scores: Tensor, labels: Tensor, targets: Tensor, size: tuple[int, int]
) -> dict[str, float]:
    """AP over the overlaps 0.5, 0.55, ... 0.95, AP50, AP75, AP by size of object, AR at 100 detections; each 0..1.

    Args:
        boxes: (N, K, 4) as fractions.
        scores: (N, K); those of 0 are no detections.
        labels: (N, K) classes.
        targets: (N, M, 5): class, x1, y1, x2, y2 as fractions; class -1 is no object.
        size: (height, width) of the images in pixels: small is below 32 x 32, large from 96 x 96 on.

    Returns:
        The numbers that are defined: without objects of a size there is no AP of that size.

    Raises:
        UserError: faster-coco-eval is not installed.
    """
    with extra("detection"):
        from faster_coco_eval import COCO, COCOeval_faster
    truth = COCO(ground_truth(targets, size))
    rows = found_rows(boxes, scores, labels, size)
    judge = COCOeval_faster(truth, truth.loadRes(rows), "bbox", print_function=_say_nothing)
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
    return {name: float(judge.stats[i]) for name, i in _NAMES.items() if judge.stats[i] >= 0}


def ground_truth(targets: Tensor, size: tuple[int, int]) -> dict[str, list[dict[str, object]]]:
    """The objects as a COCO json: ids from 1, boxes (x, y, width, height) in pixels."""
    height, width = size
    images: list[dict[str, object]] = [{"id": i + 1, "height": height, "width": width} for i in range(len(targets))]
    annotations: list[dict[str, object]] = []
    image, row = np.nonzero(targets[..., 0].numpy() >= 0)
    objects = targets.numpy()[image, row].astype(np.float64)
    corners = objects[:, 1:] * np.array([width, height, width, height])
    for i, kind, (x1, y1, x2, y2) in zip(image, objects[:, 0], corners.tolist(), strict=True):
        box = [x1, y1, x2 - x1, y2 - y1]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": int(i) + 1,
                "category_id": int(kind) + 1,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
        )
    kinds = np.unique(objects[:, 0]).astype(int)
    categories: list[dict[str, object]] = [{"id": int(kind) + 1, "name": str(kind)} for kind in kinds]
    return {"images": images, "annotations": annotations, "categories": categories}


def found_rows(boxes: Tensor, scores: Tensor, labels: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(D, 7) image id, x, y, width, height in pixels, score, category id of the detections with a score above 0."""
    height, width = size
    image, row = np.nonzero(scores.numpy() > 0)
    corners = boxes.numpy()[image, row].astype(np.float64) * np.array([width, height, width, height])
    sides = corners[:, 2:] - corners[:, :2]
    kinds = labels.numpy()[image, row] + 1
    return np.column_stack([image + 1, corners[:, :2], sides, scores.numpy()[image, row], kinds])


def _say_nothing(*_: object) -> None:
    """The library prints its progress."""
