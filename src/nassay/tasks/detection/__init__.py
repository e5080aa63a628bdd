"""Detection: data with boxes, a compact detector's head, loss and metric."""

from nassay.tasks.detection.box_data import BoxData
from nassay.tasks.detection.task import Detection

__all__ = ["BoxData", "Detection"]
