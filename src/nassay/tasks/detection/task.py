"""The task of finding and naming objects."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Head, Shape
from nassay.tasks.base import Illustration, Split, tasks
from nassay.tasks.detection.agreement import disagreement
from nassay.tasks.detection.augment import augment_boxes
from nassay.tasks.detection.average_precision import average_precision, check_installed
from nassay.tasks.detection.box_data import BoxData
from nassay.tasks.detection.boxes import unsuppressed
from nassay.tasks.detection.detections import OVERLAP, Detector, detections
from nassay.tasks.detection.drawings import drawn
from nassay.tasks.detection.head import DetectorHead, blind_outputs
from nassay.tasks.detection.loss import detection_loss
from nassay.tasks.detection.sources import load_boxes
from nassay.tasks.detection.splits import draw_splits, without_absent_classes
from nassay.tasks.image_data import SPLITS
from nassay.tasks.image_task import ImageTask

CHUNK = 16  # images whose boxes are compared at once
BLIND_ITEMS = 64
SHOWN, SHOWN_SCORE = 8, 0.3


@tasks.register("detection", metric="AP")
class Detection(ImageTask):
    """Boxes and classes of objects: a compact anchor-free detector (`head`), COCO's average precision (0..1).

    Args:
        data: images with boxes; their own splits are used, missing ones drawn (`splits.draw_splits`).
        seed: of the drawn splits.

    Raises:
        UserError: a split without an object; the extra `detection` is not installed.
    """

    name = "detection"
    metric = "AP"
    output_names = ("boxes", "scores", "labels")

    def __init__(self, data: BoxData, *, seed: int = 0) -> None:
        check_installed()
        split, split_notes = draw_splits(data.split, seed=seed)
        y, classes, class_notes = without_absent_classes(data.y, split, data.classes)
        parts = {name: Split(data.x[split == name], y[split == name]) for name in SPLITS}
        empty = [name for name, part in parts.items() if not (part.y[..., 0] >= 0).any()]
        if empty:
            raise UserError(f"{data.name}: there are no objects in {' and '.join(empty)}. Add images that have some.")
        super().__init__(
            parts,
            source=data.name,
            seed=seed,
            classes=classes,
            notes=(*data.notes, *split_notes, *class_notes),
            preprocessing=dict(data.preprocessing),
        )

    @classmethod
    def from_source(cls, source: Any, *, seed: int, image_shape: Shape | None = None) -> Self:
        """The task of whatever `load_boxes` takes: "composites", a path, images and boxes, BoxData."""
        return cls(load_boxes(source, seed=seed, image_shape=image_shape), seed=seed)

    @property
    def head(self) -> Head:
        """Makes a `DetectorHead`."""
        return partial(DetectorHead, classes=len(self.classes), input_size=self.input_shape[1:])

    def augment(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Zoom, shift, mirror prepared images and their boxes (`augment.augment_boxes`)."""
        return augment_boxes(x, y)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Quality focal loss and generalised overlap of the points that answer for objects (`loss.detection_loss`)."""
        return detection_loss(outputs, targets)

    @property
    def blind_loss(self) -> float:
        """The loss of a head that has learnt nothing, on the first training images that have an object."""
        some = np.flatnonzero((self.train.y[..., 0] >= 0).any(axis=1))[:BLIND_ITEMS]
        y = torch.from_numpy(self.train.y[some])
        return self.loss(blind_outputs(len(y), len(self.classes), self.input_shape[1:]), y).item()

    def metric_of(self, outputs: Tensor, targets: Tensor) -> float:
        """AP, 0..1, over the overlaps 0.5, 0.55, ... 0.95; NaN if an output is not finite."""
        return self.metrics_of(outputs, targets).get(self.metric, float("nan"))

    def metrics_of(self, outputs: Tensor, targets: Tensor) -> dict[str, float]:
        """AP, AP50, AP75, AR and AP by size of object, each 0..1; sizes that no object has are left out."""
        if not torch.isfinite(outputs).all():
            return {self.metric: float("nan")}
        found = [detections(chunk) for chunk in outputs.split(CHUNK)]
        boxes, scores, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
        return average_precision(boxes, scores, labels, targets, self.input_shape[1:])

    def deployed(self, network: nn.Module) -> nn.Module:
        """Normaliser, network and non-maximum suppression in one: boxes in pixels, scores, labels."""
        return Detector(self.normalizer(), network, self.input_shape[1:])

    def difference(self, found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
        """The largest difference between detections that belong together (`agreement.disagreement`)."""
        return disagreement(found, expected, self.input_shape[1:])

    @property
    def output_words(self) -> str:
        """What the three outputs are."""
        _, height, width = self.input_shape
        return (
            f"An object detector of {len(self.classes)} classes. Outputs: boxes, (batch, K, 4), x1, y1, x2, y2 in "
            f"pixels of the {width}x{height} input; scores, (batch, K), falling; labels, (batch, K), class numbers. "
            "Non-maximum suppression is included; where there are fewer than K detections, scores are 0 and labels -1."
        )

    @property
    def reading(self) -> str:
        """The boxes with a score above 0.3."""
        return (
            "for box, score, label in zip(boxes[0], scores[0], labels[0]):\n"
            f"    if score > {SHOWN_SCORE}:\n"
            "        print(classes[int(label)], float(score), box.tolist())"
        )

    def illustrations(self, outputs: Tensor, split: Split) -> list[Illustration]:
        """The first images of the split, with the truth on the left and detections of at least 0.3 on the right.

        Of detections that overlap much the best is drawn, whatever their classes.
        """
        pictures = []
        found, certainty, kinds = detections(outputs[:SHOWN], SHOWN_SCORE)
        certainty = certainty * unsuppressed(found, torch.zeros_like(kinds), OVERLAP)
        boxes, scores, labels = (part.numpy() for part in (found, certainty, kinds))
        for i in range(len(boxes)):
            truth = split.y[i][split.y[i][:, 0] >= 0]
            rows = np.column_stack([labels[i], boxes[i], scores[i]])[scores[i] >= SHOWN_SCORE]
            png = drawn(split.x[i], truth, rows, self.classes)
            caption = (
                f"{len(truth)} objects (left), {len(rows)} detected with a score of at least {SHOWN_SCORE} (right)"
            )
            pictures.append(Illustration(caption, png))
        return pictures
