"""What the zero-shot review found (Li et al. 2024, arXiv:2307.01998), asked again of our own measurements.

Reads the summaries of proxy benchmarks as plain data. An overview has one line for each proxy, over all benchmarks; the
findings are sentences.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from nassay.reports.bench_tables import correlation, counted, knows
from nassay.reports.formats import digits, percent

BASELINES = ("params", "macs")
MARGIN = 0.05  # of rho, by which a proxy must lead to beat the counts
WHOLE, BEST = 1.0, 0.05  # shares of the truly best


def rho(row: dict[str, Any], share: float) -> float | None:
    """Spearman's rho of a row over the best `share` of architectures."""
    found: float | None = next(r["spearman_rho"] for r in row["shares"] if r["share"] == share)
    return found


def overview(benchmarks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each proxy, the best mean rho first; means over the benchmarks on which there is a value.

    Benchmarks that a proxy was trained on do not count.
    """
    names = dict.fromkeys(row["name"] for b in benchmarks for row in b["rows"])
    lines = [_line(name, benchmarks) for name in names]
    return sorted(lines, key=lambda line: -(line["rho"] if line["rho"] is not None else -2.0))


def _line(name: str, benchmarks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    pairs = [(b, row) for b in benchmarks for row in b["rows"] if row["name"] == name and not knows(row, b)]
    whole = [value for _, row in pairs if (value := rho(row, WHOLE)) is not None]
    best = [value for _, row in pairs if (value := rho(row, BEST)) is not None]
    regrets = [share for b, row in pairs if (share := relative_regret(b, row)) is not None]
    prices = [row["milliseconds"] for _, row in pairs if row["milliseconds"] is not None]
    return {
        "name": name,
        "benchmarks": len(whole),
        "rho": fmean(whole) if whole else None,
        "worst": min(whole, default=None),
        "rho_best": fmean(best) if best else None,
        "ahead": sum(_lead(b, row) > MARGIN for b, row in pairs),
        "behind": sum(_lead(b, row) < -MARGIN for b, row in pairs),
        "relative_regret": fmean(regrets) if regrets else None,
        "milliseconds": fmean(prices) if prices else None,
    }


def relative_regret(benchmark: dict[str, Any], row: dict[str, Any]) -> float | None:
    """Regret of a row's pick as a share of what a random pick regrets: 0 is the best architecture, 1 is chance."""
    chance = benchmark["best"]["value"] - benchmark["mean"]
    return None if row["regret"] is None or chance <= 0 else row["regret"] / chance


def _lead(benchmark: dict[str, Any], row: dict[str, Any]) -> float:
    """Rho of a row less that of the number of parameters; 0 where one of them has none."""
    params = next(r for r in benchmark["rows"] if r["name"] == "params")
    here, there = rho(row, WHOLE), rho(params, WHOLE)
    return 0.0 if here is None or there is None else here - there


def findings(benchmarks: Sequence[dict[str, Any]]) -> list[str]:
    """The review's findings, each with our figures."""
    lines = overview(benchmarks)
    judged = [line for line in lines if line["rho"] is not None and line["name"] != "random"]
    if not judged:
        return ["No proxy could be judged on any benchmark."]
    compared = _everywhere(judged, len(benchmarks)) or judged
    return [
        _stability(compared, len(benchmarks)),
        _baseline(judged, len(benchmarks)),
        _collapse(compared),
        _choice(compared),
        _budget(benchmarks),
        *_latency(benchmarks),
        _price(judged),
    ]


def _everywhere(judged: Sequence[dict[str, Any]], total: int) -> list[dict[str, Any]]:
    """Those with a value on every benchmark: on few of them it is easy to lead, and to be steady."""
    return [line for line in judged if line["benchmarks"] == total]


def _stability(compared: Sequence[dict[str, Any]], total: int) -> str:
    best, steadiest = compared[0], max(compared, key=lambda line: line["worst"])
    of = "" if best["benchmarks"] == total else f" of {total}"
    return (
        f"Best on average over {counted(best['benchmarks'], 'benchmark')}{of}: {best['name']}, "
        f"mean ρ {correlation(best['rho'])} (worst {correlation(best['worst'])}). "
        f"Steadiest: {steadiest['name']}, worst ρ {correlation(steadiest['worst'])}."
    )


def _baseline(judged: Sequence[dict[str, Any]], total: int) -> str:
    params = next((line for line in judged if line["name"] == "params"), None)
    if params is None:
        return "The number of parameters ranks no benchmark."
    compared = _everywhere(judged, total)
    ahead = [line["name"] for line in compared if line["ahead"] == total]
    never = [line["name"] for line in compared if line["behind"] == 0 and line["name"] not in BASELINES]
    verdict = (
        f"{', '.join(ahead)} {'beats' if len(ahead) == 1 else 'beat'} it on every benchmark by more than {MARGIN:g}"
        if ahead
        else f"no proxy beats it on every benchmark by more than {MARGIN:g}, as the review found"
    )
    safe = f"; never behind by more than that: {', '.join(never)}" if never else ""
    return f"The number of parameters has mean ρ {correlation(params['rho'])}: {verdict}{safe}."


def _collapse(compared: Sequence[dict[str, Any]]) -> str:
    both = [line for line in compared if line["rho_best"] is not None]
    if not both:
        return "No benchmark has enough architectures for a ranking of its best 5 %."
    whole, best = fmean(line["rho"] for line in both), fmean(line["rho_best"] for line in both)
    top = max(both, key=lambda line: line["rho_best"])
    verdict = "do not fall" if best >= whole else "collapse" if best < whole / 2 else "fall"
    return (
        f"Among the truly best 5 % correlations {verdict}: mean ρ of all proxies {correlation(whole)} over all "
        f"architectures, {correlation(best)} among the best; highest there: {top['name']}, "
        f"{correlation(top['rho_best'])}."
    )


def _choice(compared: Sequence[dict[str, Any]]) -> str:
    regrets = {line["name"]: line["relative_regret"] for line in compared if line["relative_regret"] is not None}
    if not regrets:
        return "No proxy picks an architecture."
    best = min(regrets, key=lambda name: regrets[name])
    counts = ", ".join(f"{name} {percent(regrets[name])}" for name in BASELINES if name in regrets)
    told = f"The pick lacks, of what a random pick lacks to the best: {best} {percent(regrets[best])}"
    return f"{told}; {counts or 'no counts'}."


def _budget(benchmarks: Sequence[dict[str, Any]]) -> str:
    rows = [row for b in benchmarks for row in b["rows"] if row["budgets"] and row["name"] != "random"]
    pairs = [(row["budgets"][0]["regret"], row["budgets"][-1]["regret"]) for row in rows]
    known = [(tight, loose) for tight, loose in pairs if tight is not None and loose is not None]
    if not known:
        return "No benchmark has multiply-accumulates for a budget."
    grown = sum(loose > tight for tight, loose in known)
    return (
        f"From the cheapest tenth of architectures (by multiply-accumulates) to all of them the pick's regret grows in "
        f"{grown} of {len(known)} pairs of proxy and benchmark; the review says it grows for every proxy."
    )


def _latency(benchmarks: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence where latencies were measured, else none."""
    devices = [(name, rows) for b in benchmarks for name, rows in b.get("latency_budgets", {}).items()]
    regrets: dict[str, list[float]] = {}
    for _, rows in devices:
        for name, budgets in rows.items():
            regrets.setdefault(name, []).extend(b["regret"] for b in budgets if b["regret"] is not None)
    everywhere = [name for name in regrets if all(name in rows for _, rows in devices)]
    means = {name: fmean(regrets[name]) for name in everywhere if regrets[name]}
    judged = [name for name in means if name != "random"]
    if not judged:
        return []
    best = min(judged, key=lambda name: means[name])
    told = ", ".join(f"{name} {digits(means[name])}" for name in (*BASELINES, "random") if name in means)
    count = counted(len({name for name, _ in devices}), "device")
    return [
        f"Within budgets of measured latency ({count}, mean over budgets) the pick lacks least to the best with "
        f"{best}, {digits(means[best])} percentage points; {told}."
    ]


def _price(judged: Sequence[dict[str, Any]]) -> str:
    prices = {line["name"]: line["milliseconds"] for line in judged if line["milliseconds"] is not None}
    cheap = [name for name, price in prices.items() if price < 1]
    dear = max(prices, key=lambda name: prices[name])
    told = f"Below a millisecond an architecture: {', '.join(cheap) or 'none'}"
    return f"{told}; dearest: {dear}, {digits(prices[dear])} ms."
