"""The measures of super-networks as rows of a table, for the terminal and for the page."""

from typing import Any

import numpy as np

from nassay.reports.formats import DASH, percent, signed

LOW_CEILING = 0.2  # below which two trainings of one network hardly agree


def supernet_title(summary: dict[str, Any]) -> str:
    """What was trained."""
    return (
        f"{summary['method']}: {summary['seeds']} super-networks of {summary['space']} on {summary['source']}, "
        f"{summary['supernet_epochs']:g} epochs each; {summary['n']} architectures alone, "
        f"{summary['alone_epochs']:g} epochs, {summary['stand_alone_seeds']} seeds; seed {summary['seed']}"
    )


def supernet_rows(summary: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each measure: its name, its value, what it means."""
    own, plain, window = summary["recalibrated"], summary["plain"], summary["window"]
    rows = [
        ("Rank gap: τ with stand-alone", _tau(own), f"mean over super-networks; each: {_list(own['taus'])}"),
        ("τ of their mean", _interval(own), "accuracies averaged over super-networks first; 95 % over architectures"),
        ("τ without re-calibrated norms", _tau(plain), f"each: {_list(plain['taus'])}"),
        ("Ceiling", signed(summary["ceiling"]), "τ between two seeds of stand-alone trainings"),
        (
            "Share of the ceiling",
            percent(summary["share_of_ceiling"]),
            "mean τ with a single seed over the ceiling",
        ),
        ("Top-k recall", percent(own["top_k_recall"]), f"of the truly best {own['top_k'] or DASH}"),
        ("Regret", _points(own["regret"]), "of the architecture that inherits most"),
        ("Level gap", _points(_less(own)), f"stand-alone minus inherited; spread {_points(own['level_spread'])}"),
        ("Level gap as is", _points(_less(plain)), f"norms not re-calibrated; spread {_points(plain['level_spread'])}"),
        ("Stability", signed(summary["stability"]), "τ between super-networks of different seeds (S-Tau)"),
        ("τ on the way", _list(summary["epochs"].values()), f"at {', '.join(summary['epochs'])} of the training"),
    ]
    for aspect, found in summary["within"].items():
        meaning = f"{found['pairs']} pairs in the same eighth of the range of {aspect}; over all pairs {_tau(own)}"
        rows.append((f"τ within equal {aspect}", _tau(found), meaning))
    if window:
        steps = f"of the last {window[0]['snapshots']} mini-batches"
        rows += [
            ("τ from step to step", _over(window, "tau_mean", "tau_std"), f"{steps}, mean ± deviation"),
            ("τ between steps", _over(window, "neighbour_tau"), f"of one ranking and the next, {steps}"),
            ("τ of the window's mean", _over(window, "tau_of_mean"), f"accuracies averaged {steps} first"),
        ]
    if summary["unfairness"] is not None:
        rows.append(("Unfairness", str(summary["unfairness"]), "largest difference of update counts within a choice"))
    if (lost := summary["discretisation_gap"]) is not None:
        rows.append(("Discretisation gap", _points(lost), "mixture minus the network that it becomes"))
    taus = [*own["taus"], *plain["taus"], *summary["epochs"].values(), *(w["tau_mean"] for w in window)]
    if summary["ceiling"] is not None and summary["ceiling"] < LOW_CEILING:
        meaning = "trained twice, the architectures rank differently: take smaller ones, harder images or more of them"
        rows.append(("Hardly a ranking", signed(summary["ceiling"]), meaning))
    if None in [*taus, summary["ceiling"]]:
        rows.append(("No τ", DASH, "all architectures have the same accuracy there, no ranking; means leave it out"))
    return rows


def _tau(report: dict[str, Any]) -> str:
    return signed(report["mean_tau"])


def _interval(report: dict[str, Any]) -> str:
    if report["ci_low"] is None:
        return signed(report["kendall_tau"])
    return f"{signed(report['kendall_tau'])} ({signed(report['ci_low'])} to {signed(report['ci_high'])})"


def _less(report: dict[str, Any]) -> float | None:
    return None if report["level_difference"] is None else -report["level_difference"]


def _points(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.1f} points"


def _list(values: Any) -> str:
    return ", ".join(signed(v) for v in values)


def _over(window: list[dict[str, Any]], key: str, spread: str | None = None) -> str:
    """The mean over super-networks of a window's measure, and of its deviation."""
    known = [w[key] for w in window if w[key] is not None]
    if not known:
        return DASH
    text = signed(float(np.mean(known)))
    return f"{text} ± {np.mean([w[spread] for w in window if w[spread] is not None]):.2f}" if spread else text
