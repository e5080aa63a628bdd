"""Depth: data with a depth for each pixel, a light decoder, losses and metrics."""

from nassay.tasks.depth.data import DepthData
from nassay.tasks.depth.sources import load_depth
from nassay.tasks.depth.task import Depth

__all__ = ["Depth", "DepthData", "load_depth"]
