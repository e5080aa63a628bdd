"""Which reduced training setting keeps the ranking of networks best for its price (EcoNAS, arXiv:2001.01233).

Every reduced setting is held against the reference setting on the same networks: Kendall's tau and Spearman's rho with
bootstrap intervals. Two settings are compared by the difference of their taus on the same resamples of networks, so
that what both owe to the draw of networks cancels.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from nassay.gaps.bootstrap import rank_resamples
from nassay.gaps.gap import gap
from nassay.gaps.ranking import best_share

Column = Sequence[float | None]
Row = dict[str, Any]

SAME_PRICE = 1.15  # two settings are alike in price up to this factor
RESAMPLES = 1000


def fidelity_rows(
    values: Mapping[str, Column], seconds: Mapping[str, Column], planned: Mapping[str, float], reference: str, seed: int
) -> list[Row]:
    """One row for each setting, the reference first: rank consistency, and price as a share of the reference's.

    Args:
        values: for each setting the metric of every network, None where there is none; larger is better.
        seconds: what the trainings took, in the same order.
        planned: price of each setting by its number of multiply-accumulates, in any unit.
        reference: the setting that the others are held against.
        seed: of the bootstrap.

    Returns:
        The attributes of `GapReport` and `setting`, `price` (share of the reference's seconds on the networks that
        both have trained), `planned_price`, `seconds` (mean of a network), `accuracy` (mean), `tau_better_half` (of the
        truly better half of the networks) and `front`: no other setting ranks better for less.
    """
    truth = values[reference]
    rows = []
    for name, column in values.items():
        report = gap(name, reference, column, truth, same_unit=True, seed=seed, resamples=RESAMPLES)
        both = [i for i, (a, b) in enumerate(zip(column, truth, strict=True)) if a is not None and b is not None]
        spent, base = (sum(seconds[k][i] or 0.0 for i in both) for k in (name, reference))
        rows.append(
            {
                "setting": name,
                **report.to_dict(),
                "price": spent / base if base else None,
                "planned_price": planned[name] / planned[reference],
                "seconds": spent / len(both) if both else None,
                "accuracy": float(np.mean([column[i] for i in both])) if both else None,
                "tau_better_half": _tau_better_half(column, truth),
            }
        )
    rows.sort(key=lambda r: (r["setting"] != reference, r["price"] is None, -(r["price"] or 0.0)))
    reduced = [r for r in rows if r["setting"] != reference]
    for row in rows:
        row["front"] = row in reduced and _on_front(row, reduced)
    return rows


def contrasts(
    values: Mapping[str, Column], planned: Mapping[str, float], reference: str, seed: int
) -> list[dict[str, Any]]:
    """Pairs of reduced settings of about the same planned price: which way of saving keeps the ranking better.

    Returns:
        Dictionaries {a, b, n, difference, low, high}: tau of a minus tau of b, and its 95 % bootstrap interval.
    """
    reduced = [name for name in values if name != reference]
    pairs = [(a, b) for a, b in combinations(reduced, 2) if 1 / SAME_PRICE <= planned[a] / planned[b] <= SAME_PRICE]
    found = (difference(values[a], values[b], values[reference], seed) for a, b in pairs)
    return [{"a": a, "b": b, **d} for (a, b), d in zip(pairs, found, strict=True) if d is not None]


def difference(a: Column, b: Column, truth: Column, seed: int) -> dict[str, Any] | None:
    """Tau of a minus tau of b against the truth on the networks that have all three; None where a column is constant.

    There is no interval where a column is constant in a resample, as among very few networks; `n` is their number.
    """
    known = [row for row in zip(a, b, truth, strict=True) if None not in row]
    x, y, t = np.array(known, dtype=np.float64).reshape(-1, 3).T
    if len(known) < 3 or min(np.ptp(x), np.ptp(y), np.ptp(t)) == 0:
        return None
    taus = [rank_resamples(column, t, resamples=RESAMPLES, seed=seed) for column in (x, y)]
    point = float(kendalltau(x, t).statistic - kendalltau(y, t).statistic)
    low = high = None
    if not any(found.dropped for found in taus):  # equal seeds draw equal resamples
        low, high = (float(v) for v in np.percentile(taus[0].tau - taus[1].tau, [2.5, 97.5]))
    return {"n": len(known), "difference": point, "low": low, "high": high}


def fidelity_findings(rows: Sequence[Row], values: Mapping[str, Column], reference: str, seed: int) -> list[str]:
    """What the rows say, in sentences; differences that n networks cannot show are called so."""
    ranked = [r for r in rows if r["setting"] != reference and r["kendall_tau"] is not None and r["price"]]
    if not ranked:
        return ["No reduced setting has three networks to be ranked by."]
    best = max(ranked, key=lambda r: r["kendall_tau"])
    found = [f"{best['setting']} keeps the order best: {_tau(best)}, at {best['price']:.0%} of the reference's price."]
    for row in sorted(ranked, key=lambda r: r["price"]):
        gap_to_best = difference(values[best["setting"]], values[row["setting"]], values[reference], seed)
        if row["price"] >= best["price"] or gap_to_best is None:
            continue
        if gap_to_best["low"] is not None and gap_to_best["low"] <= 0:
            found.append(
                f"{row['setting']} costs {row['price']:.1%} and cannot be told from it on {gap_to_best['n']} networks: "
                f"{_tau(row)}, {gap_to_best['difference']:.2f} less ({_interval(gap_to_best)})."
            )
            break
    return found


def contrast_sentence(contrast: Mapping[str, Any]) -> str:
    """One pair of settings in words."""
    a, b = (contrast["a"], contrast["b"]) if contrast["difference"] >= 0 else (contrast["b"], contrast["a"])
    sign = 1 if a == contrast["a"] else -1
    turned = {"low": contrast["low"], "high": contrast["high"]}
    if sign < 0 and contrast["low"] is not None:
        turned = {"low": -contrast["high"], "high": -contrast["low"]}
    facts = f"tau {abs(contrast['difference']):.2f} higher ({_interval(turned)}, n {contrast['n']})"
    if turned["low"] is not None and turned["low"] > 0:
        return f"At the same price, {a} ranks better than {b}: {facts}."
    return f"At the same price, {a} and {b} cannot be told apart: {a} has {facts}."


def _tau(row: Row) -> str:
    return f"tau {row['kendall_tau']:.2f} ({_interval({'low': row['ci_low'], 'high': row['ci_high']})})"


def _interval(ends: Mapping[str, Any]) -> str:
    if ends["low"] is None or ends["high"] is None:
        return "no interval"
    return f"95 % interval {ends['low']:.2f} to {ends['high']:.2f}"


def _tau_better_half(column: Column, truth: Column) -> float | None:
    """Tau among the networks that are truly in the better half; None for fewer than three of them, or a constant."""
    known = np.array([(c, t) for c, t in zip(column, truth, strict=True) if c is not None and t is not None])
    if len(known) < 3:
        return None
    x, y = known[best_share(known[:, 1], 0.5)].T
    if len(x) < 3 or min(np.ptp(x), np.ptp(y)) == 0:
        return None
    return float(kendalltau(x, y).statistic)


def _on_front(row: Row, others: Sequence[Row]) -> bool:
    """Whether no other ranks at least as well for at most the same price."""
    if row["kendall_tau"] is None or row["price"] is None:
        return False
    rivals = [r for r in others if r is not row and r["kendall_tau"] is not None and r["price"] is not None]
    mine = (row["kendall_tau"], -row["price"])
    theirs = [(r["kendall_tau"], -r["price"]) for r in rivals]
    return not any(t[0] >= mine[0] and t[1] >= mine[1] and t != mine for t in theirs)
