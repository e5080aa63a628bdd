"""Rank correlations that others have published for zero-cost proxies, to stand beside what is measured here.

Signs follow this library: positive where the proxy ranks as the truth does. What each source held its proxies against
(split, sample, batch, initialisation) differs, and is named with it.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache


@dataclass(frozen=True)
class Published:
    """A published rank correlation of a proxy with trained accuracy.

    Attributes:
        statistic: "kendall_tau" or "spearman_rho".
        value: as printed.
        source: where it stands, and what it was measured on.
    """

    statistic: str
    value: float
    source: str


AZ_NAS_1 = "AZ-NAS (arXiv:2403.19232), table 1: all 15,625 cells, test accuracy"
AZ_NAS_4 = "AZ-NAS (arXiv:2403.19232), table 4: all 15,625 cells, test accuracy"
SUITE_ZERO = "NAS-Bench-Suite-Zero (arXiv:2210.03230), figure 2: 1,000 random architectures, validation accuracy"
APD = "LLM-APD (NeurIPS 2025), table 2: all 15,625 cells"
LIBRA = "L-SWAG/LIBRA, table 1: 1,000 random architectures"
MECO = "MeCo (NeurIPS 2023): all 15,625 cells"

_NB201 = tuple(("nasbench201", name) for name in ("cifar10", "cifar100", "ImageNet16-120"))
_TASKS = ("autoencoder", "room_layout", "class_object", "class_scene", "jigsaw", "normal", "segmentsemantic")
_MICRO = tuple(("transnas_micro", task) for task in _TASKS)
_MACRO = tuple(("transnas_macro", task) for task in _TASKS)
_NB101, _NB301 = (("nasbench101", "cifar10"),), (("nasbench301", "cifar10"),)

# source, statistic, benchmarks, then a line for each proxy: its name, a value for each benchmark
_TABLES = (
    (
        AZ_NAS_1,
        "kendall_tau",
        _NB201,
        """
        params .578 .552 .520
        macs .578 .551 .517
        grad_norm .357 .350 .304
        grasp .318 .315 .282
        snip .454 .451 .400
        synflow .571 .565 .555
        naswot .557 .579 .573
        zen .296 .283 .303
        grad_sign .618 .594 .575
        zico .589 .590 .584
        az_nas .741 .723 .710
        """,
    ),
    (
        AZ_NAS_4,
        "kendall_tau",
        _NB201,
        """
        az_expressivity .569 .563 .506
        az_progressivity .521 .508 .489
        az_trainability .349 .353 .407
        az_complexity .578 .551 .517
        az_nas_linear .697 .681 .663
        """,
    ),
    (
        SUITE_ZERO,
        "spearman_rho",
        (*_NB201, *_NB101, *_NB301, *_MICRO, *_MACRO),
        """
        naswot .77 .80 .77 .31 .47 .03 .25 .39 .60 .42 .57 .53 .67 .63 .83 .89 .76 .78 .80
        macs .69 .71 .67 .36 .42 -.02 .30 .46 .65 .45 .64 .69 .76 .48 .79 .85 .64 .76 .60
        jacob_cov .75 .71 .71 -.29 -.04 .18 .40 .51 .75 .56 .75 .80 .45 .08 .07 .19 .19 .50 .57
        zen .35 .35 .39 .59 .43 .14 .38 .54 .72 .51 .71 .67 -.01 -.04 .10 .27 .24 .38 .27
        params .72 .73 .69 .37 .46 -.01 .30 .45 .64 .44 .62 .68 -.18 -.00 .16 .32 .15 .30 .06
        l2_norm .68 .72 .69 .50 .45 .04 .18 .32 .53 .35 .50 .48 -.20 -.03 .08 .28 .15 .30 .18
        synflow .73 .76 .75 .31 .18 .00 .30 .48 .72 .47 .00 .00 .00 -.01 .12 .27 .34 .00 .00
        snip .58 .63 .57 -.19 -.05 -.27 .32 .45 .70 .41 .49 .68 .20 -.19 -.38 -.14 -.19 .45 .27
        grad_norm .58 .63 .57 -.25 -.04 -.32 .25 .39 .65 .36 .36 .60 .31 -.26 -.56 -.33 -.27 .35 .21
        epe_nas .70 .60 .33 .00 .00 .00 .40 .39 .51 .16 .00 .00 .00 -.00 -.02 .01 .00 .00 .00
        fisher .50 .54 .48 -.28 -.28 -.58 .30 .44 .66 .30 .16 .12 -.19 -.21 -.30 -.13 -.26 .15 .03
        grasp .51 .54 .55 .27 .34 -.12 -.29 -.22 -.27 -.12 .01 .00 -.02 -.10 -.64 -.43 -.26 -.05 -.02
        plain -.26 -.21 -.22 -.32 -.32 .07 .36 .34 .24 .35 .03 -.02 -.10 -.18 -.19 -.19 -.30 -.04 .00
        """,
    ),
    (
        APD,
        "spearman_rho",
        (*_NB201, *_NB101),
        """
        zico .784 .813 .804 .65
        swap .810 .820 .774 .44
        """,
    ),
    (MECO, "spearman_rho", _NB201, "meco .894 .883 .845"),
    (
        LIBRA,
        "spearman_rho",
        (*_NB201, *_NB101, *_NB301, *_MICRO, *_MACRO),
        "az_nas .91 .90 .89 .54 .70 .31 .53 .58 .79 .41 .60 .72 .52 .65 .90 .82 .77 .85 .77",
    ),
)


def published(proxy: str, table: str, dataset: str) -> list[dict[str, str | float]]:
    """What is published of a proxy on a benchmark, at most one figure a statistic, ready for JSON."""
    return [asdict(found) for found in _by_benchmark().get((table, dataset), {}).get(proxy, [])]


@cache
def _by_benchmark() -> dict[tuple[str, str], dict[str, list[Published]]]:
    found: dict[tuple[str, str], dict[str, list[Published]]] = {}
    for benchmark, proxy, figure in _figures():
        found.setdefault(benchmark, {}).setdefault(proxy, []).append(figure)
    return found


def _figures() -> Iterator[tuple[tuple[str, str], str, Published]]:
    for source, statistic, benchmarks, lines in _TABLES:
        for line in lines.strip().splitlines():
            proxy, *values = line.split()
            for benchmark, value in zip(benchmarks, values, strict=True):
                yield benchmark, proxy, Published(statistic, float(value), source)
