"""Names of reduced training settings, c_a r_b s_c e_d such as `c4r4s0e60`: EcoNAS, Zhou et al. 2020, arXiv:2001.01233.

    channels   2^(-a/2)     c0 all, c2 a half, c4 a quarter
    resolution 2^(-b/2)     r0 the whole image, r2 half its height and width, r4 a quarter
    samples    2^(-c)       s0 all training images, s1 a half, s2 a quarter
    epochs     d            as they are

One step of channels or of resolution halves the multiply-accumulates of an image, one step of samples halves the images
of an epoch: so every step of any of the three halves the price. The authors' code has c0, c4, r0, r4 and s0 only; the
steps between them are a reconstruction by this rule.
"""

import math
import re

from nassay.errors import UserError
from nassay.estimators.base import Fidelity

FORM = re.compile(r"c(?P<c>\d)r(?P<r>\d)s(?P<s>\d)e(?P<e>\d+)")


def fidelity_of(name: str) -> Fidelity:
    """The setting that a name such as `c4r4s0e60` means, a training of its own: a cosine to zero over all its epochs.

    Raises:
        UserError: it is not such a name.
    """
    match = FORM.fullmatch(name.strip().lower())
    if match is None or int(match["e"]) == 0:
        raise UserError(
            f"A training setting is c_r_s_e_ with a digit for each factor and at least one epoch, such as c4r4s0e60 "
            f"(a quarter of channels and resolution, all samples, 60 epochs), found {name!r}."
        )
    c, r, s, epochs = (int(match[k]) for k in "crse")
    return Fidelity(
        epochs=epochs, channels=2 ** (-c / 2), resolution=2 ** (-r / 2), samples=2.0**-s, horizon=float(epochs)
    )


def name_of(fidelity: Fidelity) -> str:
    """Inverse of `fidelity_of`; the learning rate's schedule is not part of a name.

    Raises:
        UserError: the setting has no name: it is bound by seconds, or a factor is none of the steps.
    """
    steps = (-2 * math.log2(fidelity.channels), -2 * math.log2(fidelity.resolution), -math.log2(fidelity.samples))
    numbers = [*steps, fidelity.epochs if fidelity.epochs is not None else math.nan]
    if any(math.isnan(n) or abs(n - round(n)) > 1e-6 for n in numbers):
        raise UserError(f"The training setting {fidelity} has no name of the form c_r_s_e_.")
    c, r, s, epochs = map(round, numbers)
    name = f"c{c}r{r}s{s}e{epochs}"
    fidelity_of(name)  # raises for what has more than one digit
    return name


def full_epochs(fidelity: Fidelity) -> float:
    """The price that a setting should have, in epochs of the full setting: multiply-accumulates, not seconds.

    Raises:
        UserError: it is bound by seconds.
    """
    if fidelity.epochs is None:
        raise UserError(f"The training setting {fidelity} is bound by seconds and has no price in epochs.")
    return fidelity.channels**2 * fidelity.resolution**2 * fidelity.samples * fidelity.epochs
