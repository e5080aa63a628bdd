"""The rows of a proxy benchmark: which scores it has, what they look at, and how well they rank.

Beside the registered proxies and topology-only scores stand `params`, `macs` and `random`, always, and aggregates:
scores that exist only within a set of architectures, made of the ranks of others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nassay.errors import UserError
from nassay.estimators.proxies import log_rank_sum, proxies
from nassay.estimators.proxies.nassay_score import MEMBERS, nassay_score
from nassay.estimators.topology import entry_of, topologies
from nassay.gaps.published import published
from nassay.gaps.ranking import budget_regrets, last_where_missing, rank, rank_correlations
from nassay.registry import unknown_name
from nassay.studies.bench_worker import ALWAYS, RANDOM
from nassay.studies.proxy_scores import Columns, Sample

ALL = "all"
SHOWN_REASONS = 3
DRAWN = 1000  # architectures that the scatter plots show

Optional = Sequence[float | None]


@dataclass(frozen=True)
class Aggregate:
    """A score made of others.

    Attributes:
        members: registered proxies, topology-only scores, `params` or `macs`, by name.
        combine: from one column for each member, larger is better and None for no value, to the scores.
        summary: one sentence.
    """

    members: tuple[str, ...]
    combine: Callable[[Sequence[Optional]], list[float | None]]
    summary: str


def rank_sum(columns: Sequence[Optional]) -> list[float | None]:
    """The plain sum of ranks, the ablation of `log_rank_sum`: ranks from 1 (worst), None ranks below every value."""
    ranks = [rankdata([-np.inf if v is None else v for v in column]) for column in columns]
    missing = [all(v is None for v in row) for row in zip(*columns, strict=True)]
    return [None if gone else float(total) for total, gone in zip(np.sum(ranks, axis=0), missing, strict=True)]


_AZ = ("az_expressivity", "az_progressivity", "az_trainability", "az_complexity")
AGGREGATES = {
    "az_nas": Aggregate(_AZ, log_rank_sum, "AZ-NAS: the sum of the logarithms of its four parts' ranks"),
    "az_nas_linear": Aggregate(_AZ, rank_sum, "AZ-NAS with ranks summed as they are, its ablation"),
    "nassay": Aggregate(MEMBERS, nassay_score, "ours: log-ranks of five cheap signals, weighed by how far they agree"),
}


def chosen(wish: str | Sequence[str]) -> tuple[str, ...]:
    """Names of the rows: `ALWAYS`, then what is wished for.

    Args:
        wish: "all", or names of proxies and aggregates, as a sequence or with commas between them.

    Raises:
        UserError: a name is unknown.
    """
    if wish == ALL:
        return _known()
    names = [name.strip() for name in wish.split(",")] if isinstance(wish, str) else list(wish)
    for name in names:
        if name.partition(":")[0] not in _known():
            raise UserError(unknown_name("proxy", name, [*_known(), ALL]))
        if ":" in name:
            proxies[name]  # raises where there are no such options
    return tuple(dict.fromkeys([*ALWAYS, *names]))


def _known() -> tuple[str, ...]:
    return tuple(dict.fromkeys([*ALWAYS, *proxies.names(), *topologies.names(), *AGGREGATES]))


def to_score(names: Sequence[str]) -> tuple[str, ...]:
    """The scores that an architecture needs for these rows."""
    return tuple(
        dict.fromkeys(m for name in names for m in (AGGREGATES[name].members if name in AGGREGATES else [name]))
    )


def direction(name: str) -> int:
    """+1 where a larger score is better."""
    if name in AGGREGATES or name in ALWAYS:
        return +1
    return int(entry_of(name).info["direction"])


def trained_on(name: str) -> list[str]:
    """The tables whose accuracies a score was fitted to."""
    return [] if name in AGGREGATES or name in ALWAYS else list(entry_of(name).info.get("trained_on", ()))


def sees(name: str) -> str:
    """What a score looks at, in a word: nothing, counts, graph, images, noise, ones."""
    if name in AGGREGATES:
        return "+".join(dict.fromkeys(sees(member) for member in AGGREGATES[name].members))
    if name in ALWAYS:
        return "nothing" if name == RANDOM else "counts"
    if name in topologies:
        return "graph"
    kind = proxies[name].info["setting"].input
    return "images" if kind == "batch" else str(kind)


def values_of(name: str, columns: Columns, sample: Sample) -> np.ndarray:
    """(n,) values of a row for every architecture of a sample, NaN where there is none."""
    if name not in AGGREGATES:
        return columns.values[columns.names.index(name)][sample.owner]
    aggregate = AGGREGATES[name]
    members = [values_of(member, columns, sample) * direction(member) for member in aggregate.members]
    found = aggregate.combine([[None if np.isnan(v) else float(v) for v in column] for column in members])
    return np.array([np.nan if v is None else v for v in found])


def rows(names: Sequence[str], columns: Columns, sample: Sample, *, noise: bool, seed: int) -> list[dict[str, Any]]:
    """One row for each name as plain data, the best ranking first.

    Args:
        names: of the rows.
        columns: scores of the sample.
        sample: architectures and truth.
        noise: whether noise stood in for the images.
        seed: of the bootstrap.
    """
    found = []
    macs = values_of("macs", columns, sample)
    for name in names:
        values, sign = values_of(name, columns, sample), direction(name)
        ranking = rank(name, values, sample.truth, direction=sign, seed=seed)
        budgets = [] if np.isnan(macs).any() else budget_regrets(values, sample.truth, macs, direction=sign)
        looked_at = sees(name).replace("images", "noise") if noise else sees(name)
        found.append(
            {
                **ranking.to_dict(),
                "budgets": budgets,
                "better": "higher" if sign > 0 else "lower",
                "sees": looked_at,
                "trained_on": trained_on(name),
                "milliseconds": _milliseconds(name, columns),
                "pick_architecture": None if ranking.pick is None else _text(sample, ranking.pick),
                "reasons": _reasons(name, columns),
                "published": published(name, sample.table, sample.dataset),
            }
        )
    return sorted(found, key=lambda row: -(row["shares"][0]["kendall_tau"] or 0.0))


def correlations(names: Sequence[str], columns: Columns, sample: Sample) -> list[list[float | None]]:
    """Spearman's rho between rows, over all architectures, those without a score last; None for a constant one."""
    matrix = rank_correlations([_for_ranking(name, columns, sample) for name in names])
    return [[None if np.isnan(v) else round(float(v), 4) for v in line] for line in matrix]


def drawn_ranks(names: Sequence[str], columns: Columns, sample: Sample) -> dict[str, Any]:
    """Ranks (1 is worst, ties averaged) of truth and rows for the first `DRAWN` architectures, for scatter plots."""
    ranked = {name: rankdata(_for_ranking(name, columns, sample)) for name in names}
    shown = slice(DRAWN)
    return {
        "architectures": [_text(sample, i) for i in range(len(sample.truth[shown]))],
        "accuracies": sample.truth[shown].tolist(),
        "truth": rankdata(sample.truth)[shown].tolist(),
        "scores": {name: ranks[shown].tolist() for name, ranks in ranked.items()},
    }


def _for_ranking(name: str, columns: Columns, sample: Sample) -> np.ndarray:
    return last_where_missing(values_of(name, columns, sample), direction(name))


def _milliseconds(name: str, columns: Columns) -> float | None:
    """Mean price of a row: an aggregate costs what its members cost."""
    prices = [columns.milliseconds(member) for member in to_score([name])]
    return None if any(p is None for p in prices) else sum(p for p in prices if p is not None)


def _reasons(name: str, columns: Columns) -> dict[str, int]:
    """The commonest reasons why there was no value, and how many networks had each."""
    if name in AGGREGATES or name not in columns.reasons:
        return {}
    return dict(columns.reasons[name].most_common(SHOWN_REASONS))


def _text(sample: Sample, index: int) -> str:
    return sample.space.to_string(sample.architectures[index])
