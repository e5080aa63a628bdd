"""FLASH's target as a model: area and energy of an in-memory-computing accelerator, by analytic formulas.

Weights lie in crossbar arrays that multiply an input vector by all of their rows at once. A convolution of k_h x k_w
kernels from C_in to C_out channels needs (Li et al. 2021, arXiv:2108.00568, remembered)

    T = ceil(k_h k_w C_in / rows) * ceil(C_out bits / (columns bits_per_cell))   crossbars, once for each group
    area_mm2  = crossbars * sum T + buffer * largest activations in bytes + router * sqrt(sum T)
    energy_mj = 1e-6 * [ read * sum over layers (T * output positions) + byte * bytes moved ]    (constants in nJ)

**A model, not a measurement.** Nobody has measured these numbers on a chip, and the constants are not FLASH's, whose
own could not be read: they are of the order of magnitude of ISAAC (Shafiee et al., ISCA 2016: a tile of 96 crossbars
of 128 x 128 cells has 0.37 mm2 and 330 mW, reads in 100 ns and one input bit at a time), remembered and rounded;
buffer, router and wire energy are assumptions of ours. They order networks by how they fill crossbars. They do not say
what a chip costs: give a `Chip` of your own constants for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import ClassVar

from nassay.estimators.analytic import BYTES, Analytic, Layer, Profile
from nassay.estimators.base import Estimate, Estimator
from nassay.spaces.base import Architecture, Space


@dataclass(frozen=True, slots=True)
class Chip:
    """Constants of the accelerator; the status of each is in the module's text.

    Attributes:
        rows: inputs of a crossbar.
        columns: cells of a row.
        bits: of a weight and of an activation.
        bits_per_cell: of a weight that one cell holds.
        crossbar_mm2: of a crossbar with its converters, drivers and its part of the tile.
        buffer_mm2_per_byte: of the memory for activations.
        router_mm2: of the network on the chip, for each of the crossbars' square root.
        read_nj: of one crossbar for one input vector, all of its bits.
        byte_nj: of an activation byte that is moved.
    """

    rows: int = 128
    columns: int = 128
    bits: int = 8
    bits_per_cell: int = 2
    crossbar_mm2: float = 0.004
    buffer_mm2_per_byte: float = 1e-6
    router_mm2: float = 0.05
    read_nj: float = 2.7  # 330 mW / 96 crossbars for 8 bits of 100 ns
    byte_nj: float = 0.005

    def crossbars(self, layer: Layer) -> int:
        """Crossbars of a layer; 0 for one without weights to multiply by."""
        if layer.kind not in ("conv", "depthwise", "linear"):
            return 0
        inputs = layer.in_channels // layer.groups * (layer.kernel[0] * layer.kernel[1] if layer.kernel else 1)
        outputs = layer.out_channels // layer.groups * ceil(self.bits / self.bits_per_cell)
        return layer.groups * ceil(inputs / self.rows) * ceil(outputs / self.columns)

    def area_mm2(self, profile: Profile) -> float:
        """Area of a chip that holds all weights of a network."""
        crossbars = sum(self.crossbars(layer) for layer in profile.layers)
        largest = max((self._moved_bytes(layer) for layer in profile.layers), default=0.0)
        return self.crossbar_mm2 * crossbars + self.buffer_mm2_per_byte * largest + self.router_mm2 * sqrt(crossbars)

    def energy_mj(self, profile: Profile) -> float:
        """Energy of one input, in millijoules."""
        reads = sum(self.crossbars(layer) * layer.out_height * layer.out_width for layer in profile.layers)
        weighted = [layer for layer in profile.layers if self.crossbars(layer)]
        return 1e-6 * (self.read_nj * reads + self.byte_nj * sum(self._moved_bytes(layer) for layer in weighted))

    def _moved_bytes(self, layer: Layer) -> float:
        """Activations of a layer at the chip's own precision."""
        return (layer.bytes_in + layer.bytes_out) / BYTES * self.bits / 8


class _OnChip(Estimator):
    """A cost on a modelled chip.

    Args:
        space: where the architectures come from.
        chip: constants.
    """

    direction: ClassVar[int] = -1

    def __init__(self, space: Space, chip: Chip | None = None) -> None:
        self.space, self.chip = space, chip or Chip()

    def estimate(self, architectures: Sequence[Architecture]) -> list[Estimate]:
        """The modelled cost of each architecture; the details say that it is modelled."""
        profiles = [Analytic.of(self.space).profile(a) for a in architectures]
        return [Estimate.of(getattr(self.chip, self.name)(p), status="modelled") for p in profiles]


class ChipArea(_OnChip):
    """Area in mm2 of FLASH's modelled in-memory-computing accelerator."""

    name = "area_mm2"


class ChipEnergy(_OnChip):
    """Energy in mJ of one input on FLASH's modelled in-memory-computing accelerator."""

    name = "energy_mj"
