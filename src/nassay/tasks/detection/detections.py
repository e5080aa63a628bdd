"""From a detector's outputs to boxes, scores and labels: what is exported, and what the metric judges."""

import torch
from torch import Tensor, nn

from nassay.tasks.detection.boxes import unsuppressed
from nassay.tasks.detection.head import BOX, FIRST_LOGIT

CANDIDATES = 200
MOST_DETECTIONS = 100  # of an image, as COCO's metric counts
OVERLAP = 0.6
LEAST_EXPORTED = 0.05


def detections(outputs: Tensor, least_score: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """The best boxes of each image, after non-maximum suppression within each class.

    The 200 best pairs of point and class are candidates; those that survive (overlap 0.6) and have the best scores
    come out. Their number K = min(100, points * classes) is fixed; where there are fewer, boxes and scores are 0 and
    labels -1.

    Args:
        outputs: (B, points, 7 + classes) of a `DetectorHead`, finite.
        least_score: detections of lower scores are left out.

    Returns:
        boxes (B, K, 4), x1, y1, x2, y2 as fractions within 0..1; scores (B, K), falling; labels (B, K) int64.
    """
    logits = outputs[..., FIRST_LOGIT:]
    classes, points = int(logits.shape[-1]), int(logits.shape[-2])
    scores, chosen = logits.flatten(1).topk(min(CANDIDATES, points * classes))
    labels, rows = chosen % classes, torch.div(chosen, classes, rounding_mode="floor")
    boxes = outputs[..., BOX].gather(1, rows[..., None].expand(-1, -1, 4)).clamp(0, 1)
    survivors = scores.sigmoid() * unsuppressed(boxes, labels, OVERLAP)
    scores, best = (survivors * (survivors >= least_score)).topk(min(MOST_DETECTIONS, points * classes))
    nothing = scores <= 0
    boxes = boxes.gather(1, best[..., None].expand(-1, -1, 4)).masked_fill(nothing[..., None], 0.0)
    return boxes, scores, labels.gather(1, best).masked_fill(nothing, -1)


class Detector(nn.Module):
    """What is exported: scaled images (B, C, H, W) -> boxes (B, K, 4) in pixels, scores (B, K), labels (B, K).

    Scores below 0.05 are left out, so that nothing hangs on the order of the many that are nearly 0.

    Args:
        normalizer: scaled images to the network's inputs.
        network: with a `DetectorHead`.
        input_size: (height, width) in pixels.
    """

    scale: Tensor

    def __init__(self, normalizer: nn.Module, network: nn.Module, input_size: tuple[int, int]) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.network = network
        height, width = input_size
        self.register_buffer("scale", torch.tensor([width, height, width, height], dtype=torch.float32))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        boxes, scores, labels = detections(self.network(self.normalizer(images)), LEAST_EXPORTED)
        return boxes * self.scale, scores, labels
