"""FLASH's hardware models: latency, energy or area as a linear function of four totals of a network.

    cost = w_0 + w_1 macs + w_2 params + w_3 traffic_bytes,   w >= 0

fitted to measured (or simulated) networks by the non-negative least squares on relative errors that
`latency_model` uses, and judged on networks left out. Linear regression is what Li et al. 2021, arXiv:2108.00568
settled on (remembered; their lists of features could not be read). `latency_model` sorts the counts by kind of layer
and is the better model where spaces mix kinds; this one is linear in totals that have a closed form for skip networks
(`skip_net_totals`), real-valued sizes included, which is what an optimiser of those sizes needs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from nassay.estimators.analytic import Profile
from nassay.estimators.base import Estimate
from nassay.estimators.devices.latency_model import PredictionError, checked_costs, cross_validate, nonnegative_fit
from nassay.spaces.skip_nets import SkipNets

# Runtimes fuse norms and activations into the layer before, and a concatenation is read by the layer behind.
_NO_TRAFFIC = ("norm", "activation", "concat")
BYTES = 4  # float32


class Totals(NamedTuple):
    """What the model is linear in, numbers or arrays of one shape.

    Attributes:
        macs: multiply-accumulates for one input.
        params: parameters.
        traffic_bytes: activations read and written, float32, by all layers but norms, activations and concatenations.
    """

    macs: np.ndarray
    params: np.ndarray
    traffic_bytes: np.ndarray


@dataclass(frozen=True, slots=True)
class LinearCost:
    """A fitted model; `fit` makes one.

    Attributes:
        weights: of one, MACs, parameters and traffic, in the cost's unit.
        error: its cross-validated error.
    """

    weights: tuple[float, ...]
    error: PredictionError

    @classmethod
    def fit(cls, profiles: Sequence[Profile], values: Sequence[float]) -> "LinearCost":
        """Fits the model and measures its error by 10-fold cross-validation (leave-one-out below 20).

        Args:
            profiles: of the measured networks, 8 or more.
            values: the cost of each, positive.

        Raises:
            UserError: too few networks, unequal lengths, or a cost that is not a positive number.
        """
        y = checked_costs("cost", "costs", profiles, values)
        x = np.array([[1.0, *totals_of(p)] for p in profiles])
        return cls(tuple(nonnegative_fit(x, y).tolist()), cross_validate(x, y))

    def predict(self, totals: Totals) -> np.ndarray:
        """The cost, of the shape of the totals."""
        constant, *slopes = self.weights
        return np.asarray(constant + sum(w * total for w, total in zip(slopes, totals, strict=True)))

    def estimate(self, profile: Profile) -> Estimate:
        """The cost with the model's error in the details."""
        return Estimate.of(float(self.predict(totals_of(profile))), **asdict(self.error))


def totals_of(profile: Profile) -> Totals:
    """The totals of a profiled network."""
    moved = sum(layer.bytes_in + layer.bytes_out for layer in profile.layers if layer.kind not in _NO_TRAFFIC)
    return Totals(np.asarray(profile.macs), np.asarray(profile.params), np.asarray(moved))


def skip_net_totals(space: SkipNets, widths: np.ndarray, depths: np.ndarray, skips: np.ndarray) -> Totals:
    """The totals of skip networks in closed form, smooth in every size and exact where sizes are whole.

    Args:
        space: family, input shape and number of outputs.
        widths: (..., 3) channels of the cells.
        depths: (..., 3) layers.
        skips: (..., 3) skip connections.
    """
    sides = [space.input_shape[1:]]
    for stride in space.strides():
        sides.append((-(-sides[-1][0] // stride), -(-sides[-1][1] // stride)))
    area = np.array([h * w for h, w in sides], dtype=float)  # image, stem, cells
    before = np.concatenate([widths[..., :1], widths[..., :-1]], axis=-1)  # channels that each cell reads
    joined = skips * widths  # channels that skip connections lead
    read = before + (depths - 1) * widths + joined * space.concat  # input channels, summed over layers
    stem, last = space.input_shape[0] * widths[..., 0], widths[..., -1]
    head = last * space.num_outputs
    macs = 9 * (stem * area[1] + np.sum(read * widths * area[2:], -1)) + head
    norms = 2 * (widths[..., 0] + np.sum(depths * widths, -1))
    params = 9 * (stem + np.sum(read * widths, -1)) + norms + head + space.num_outputs
    reads = np.sum(before * area[1:-1] + (read - before) * area[2:], -1)
    adds = 0.0 if space.concat else 3 * np.sum(joined * area[2:], -1)  # two activations read, one written
    ends = space.input_shape[0] * area[0] + widths[..., 0] * area[1] + last * (area[-1] + 2) + space.num_outputs
    traffic = reads + np.sum(depths * widths * area[2:], -1) + adds + ends
    return Totals(macs, params, BYTES * traffic)
