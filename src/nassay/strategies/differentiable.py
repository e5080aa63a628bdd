"""Searches whose super-network learns how likely each option is: the DARTS family and MANAS.

The most likely networks inside the limits, and some random draws, are then trained alone for a while; the published
methods take the single most likely one on trust. Which training learns the chances is the estimator's, see
`estimators/supernets`.
"""

from collections.abc import Generator
from itertools import islice

import numpy as np

from nassay.spaces.base import Architecture
from nassay.strategies.base import Record, Request, strategies
from nassay.strategies.one_shot import OneShot

LOOKED_AT = 2000  # networks in the order of their likelihood, at most
PROPOSED = 4  # for each that is trained: a predicted latency that keeps the limit may not keep it when measured


class Weighted(OneShot):
    """Train a super-network that weighs its options, train the most likely networks alone."""

    phases = ("supernet", "train")
    supernet_share = 0.7

    def _proposed(
        self, supernet: Record, drawn: list[Architecture], count: int
    ) -> Generator[list[Request], list[Record], list[Architecture]]:
        """The most likely networks inside the limits; none without chances."""
        yield from ()
        del drawn
        space, weights = self.problem.space, supernet.estimate.details.get("weights")
        if not weights:
            return []
        likely = dict.fromkeys(map(space.canonical, space.discretised([np.array(w) for w in weights], LOOKED_AT)))
        return list(islice(filter(self.problem.admits, likely), PROPOSED * count))


@strategies.register("darts", paper="Liu et al. 2018, arXiv:1806.09055")
class DARTS(Weighted):
    """Differentiable search, first order."""

    rule = "darts"


@strategies.register("darts2", paper="Liu et al. 2018, arXiv:1806.09055")
class DARTS2(Weighted):
    """Differentiable search, second order."""

    rule = "darts2"


@strategies.register("gdas", paper="Dong & Yang 2019, arXiv:1910.04465")
class GDAS(Weighted):
    """Differentiable search through one drawn option at a time."""

    rule = "gdas"


@strategies.register("pc_darts", paper="Xu et al. 2020, arXiv:1907.05737")
class PCDARTS(Weighted):
    """Differentiable search on a quarter of the channels, with normalised edges."""

    rule = "pc_darts"


@strategies.register("p_darts", paper="Chen et al. 2019, arXiv:1904.12760")
class PDARTS(Weighted):
    """Differentiable search in three stages: fewer options on a deeper network, skips dropped out and limited."""

    rule = "p_darts"


@strategies.register("beta_darts", paper="Ye et al. 2022, arXiv:2203.01665")
class BetaDARTS(Weighted):
    """Differentiable search with Beta-Decay."""

    rule = "beta_darts"


@strategies.register("beta_darts_pp", paper="Ye et al. 2023, arXiv:2301.06393")
class BetaDARTSPP(Weighted):
    """Differentiable search with Beta-Decay on the logits and flooding on the weights."""

    rule = "beta_darts_pp"


@strategies.register("manas", paper="Carlucci et al. 2019, arXiv:1909.01051")
class MANAS(Weighted):
    """One EXP3 agent for each choice."""

    rule = "manas"


@strategies.register("manas_ls", paper="Carlucci et al. 2019, arXiv:1909.01051")
class MANASLS(Weighted):
    """One agent for each choice, a least-squares split of the loss between them."""

    rule = "manas_ls"
