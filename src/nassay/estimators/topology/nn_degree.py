"""NN-Degree: the mean number of links into a node of a network with skip connections, summed over its cells.

    g = sum_c ( w_c + SC_c / (w_c d_c) ),   the second term 0 where d_c < 2

w_c is the width of cell c in channels, d_c its depth in layers, SC_c the number of its skip links. Li, Mandal, Ogras &
Marculescu 2021 (FLASH), arXiv:2108.00568; the formula is remembered, the paper's text could not be read. What makes it
a mean degree: the nodes of a cell are its w_c d_c channels; consecutive layers are fully linked, w_c links into each
node; skip links add SC_c / (w_c d_c) on average.

Counting rule for SC_c, ours: links from node to node. A skip connection from layer to layer that is concatenated is
read by every channel, w_c^2 links; one that is added joins equal channels, w_c links.

`degree_of_profile` counts the same links in any network that is made of convolutions. g ignores kernels, operations
and resolutions: values of different families (added, concatenated, other spaces) do not compare.
"""

import time
from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

import numpy as np

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, Layer, Profile
from nassay.estimators.base import Estimate, Estimator
from nassay.spaces.base import Architecture, Space
from nassay.spaces.skip_nets import SkipNets

Numbers = Sequence[float] | np.ndarray


def skip_links(widths: Numbers, skips: Numbers, *, concat: bool) -> np.ndarray:
    """SC_c of each cell, array (..., cells), from the number of its layer-to-layer skip connections."""
    w = np.asarray(widths, dtype=float)
    return np.asarray(skips, dtype=float) * (w * w if concat else w)


def nn_degree(widths: Numbers, depths: Numbers, links: Numbers) -> np.ndarray:
    """The degree of one network or many, array (...); sizes need not be whole numbers.

    Args:
        widths: (..., cells) channels.
        depths: (..., cells) layers.
        links: (..., cells) skip links from node to node.
    """
    w, d = np.asarray(widths, dtype=float), np.asarray(depths, dtype=float)
    skipping = np.where(d < 2, 0.0, np.asarray(links, dtype=float) / (w * np.maximum(d, 1.0)))
    return np.sum(w + skipping, axis=-1)


def degree_of_profile(profile: Profile) -> float:
    """NN-Degree of any network, counted over its layers.

    A cell is a run of convolutions of one resolution, its nodes their output channels. A convolution links each node
    to `in_channels / groups` others, an addition of two activations to one more. The first convolution, which reads the
    image, is left out, and so is what is behind the last one.

    Raises:
        UserError: there is no convolution but the first.
    """
    layers = [layer for layer in profile.layers if layer.kind in ("conv", "depthwise", "add")]
    first = next((i for i, layer in enumerate(layers) if layer.kind != "add"), len(layers))
    degree = 0.0
    for _, run in groupby(layers[first + 1 :], key=lambda layer: (layer.out_height, layer.out_width)):
        cell = list(run)
        nodes = sum(layer.out_channels for layer in cell if layer.kind != "add")
        degree += sum(_links(layer) for layer in cell) / nodes if nodes else 0.0
    if not degree:
        raise UserError("NN-Degree counts links between convolutions; this network has none but the first.")
    return degree


def _links(layer: Layer) -> float:
    return layer.out_channels * (1.0 if layer.kind == "add" else layer.in_channels / layer.groups)


class NNDegree(Estimator):
    """NN-Degree of a space's architectures: by the formula for skip networks, else counted over the layers.

    Args:
        space: where the architectures come from.
    """

    name = "nn_degree"
    direction: ClassVar[int] = +1

    def __init__(self, space: Space) -> None:
        self.space = space

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """The degree of each architecture, or why it is not defined."""
        return [self._estimate(a) for a in architectures]

    def _estimate(self, architecture: Architecture) -> Estimate:
        start = time.perf_counter()
        try:
            value = self._value(architecture)
        except UserError as error:
            return Estimate.failed(str(error), seconds=time.perf_counter() - start)
        return Estimate.of(value, seconds=time.perf_counter() - start)

    def _value(self, architecture: Architecture) -> float:
        if not isinstance(self.space, SkipNets):
            return degree_of_profile(Analytic.of(self.space).profile(architecture))
        cells = self.space.cells(architecture)
        widths, depths = [c.width for c in cells], [c.depth for c in cells]
        links = skip_links(widths, [c.skips for c in cells], concat=self.space.concat)
        return float(nn_degree(widths, depths, links))
