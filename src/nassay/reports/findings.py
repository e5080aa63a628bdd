"""What a study found and how sure it is, in sentences."""

from collections.abc import Mapping
from typing import Any, Literal

from nassay.errors import UserError
from nassay.gaps import Interval, difference_interval, wilson_interval
from nassay.reports.comparison import Row, checks, metric_word, rows, value_of
from nassay.reports.data import LATENCY, Candidate, Summary
from nassay.reports.formats import digits, milliseconds, percent, points

FEW_EPOCHS = 3  # with fewer a training has hardly begun


def accuracy_interval(summary: Summary, candidate: Candidate) -> Interval | None:
    """Wilson's 95 % interval of a candidate's test accuracy; None without it or where the metric is no such share."""
    accuracy, n = candidate.get("test_accuracy"), _test_size(summary)
    if accuracy is None or n is None or not _is_share(summary):
        return None
    try:
        return wilson_interval(accuracy, n)
    except UserError:  # the metric is no share
        return None


def _is_share(summary: Summary) -> bool:
    """Whether the metric is the share of test items that are right, as accuracy is."""
    return (summary.get("task") or {}).get("share_of_items", True)


def _test_size(summary: Summary) -> int | None:
    return (summary.get("task") or {}).get("test") or None


_METRICS: tuple[tuple[Literal["test_accuracy", "validation_accuracy"], str], ...] = (
    ("test_accuracy", "test"),
    ("validation_accuracy", "validation"),
)


def headline(summary: Summary) -> str:
    """One sentence: what was found."""
    best = summary.get("best")
    if not best:
        return "No network has been trained to the end yet."
    latency = value_of(best, LATENCY)
    word = metric_word(summary)
    parts = [f"{percent(best[key])} {split} {word}" for key, split in _METRICS if best.get(key) is not None][:1]
    if latency is not None:
        parts.append(f"{milliseconds(latency)}{' (predicted)' if best.get('latency_predicted') else ''} latency")
    return f"The best network found: {' at '.join(parts)}." if parts else "The best network found so far."


def certainty(summary: Summary) -> list[str]:
    """How sure the result is: the interval, the differences to reference and random, the test items."""
    best, word, n = summary.get("best"), metric_word(summary), _test_size(summary)
    if not best or best.get("test_accuracy") is None or n is None:
        return [f"There is no test {word} yet, so nothing is known of how good the result is."]
    interval = accuracy_interval(summary, best)
    if interval is None:
        told = f"{word} is no share of items, so that one network's value comes without an interval."
    else:
        told = f"the 95 % interval of the test {word} is {percent(interval.low)} to {percent(interval.high)}."
    sentences = [f"Measured on {n} test items that the search never saw: {told}"]
    epochs = best.get("epochs")
    if epochs is not None and epochs < FEW_EPOCHS:
        sentences.insert(0, f"Trained for {digits(epochs, 2)} epochs only, hardly a beginning: it needs more time.")
    for row in rows(summary):
        if row.role in ("reference", "random"):
            sentences.append(_difference(summary, best, row))
    return sentences


_NAMES = {"reference": "the reference network", "random": "the best random draw under the same limits"}


def _difference(summary: Summary, best: Candidate, row: Row) -> str:
    """The winner against one other network, with Newcombe's interval."""
    ours, theirs, n = best.get("test_accuracy"), row.candidate.get("test_accuracy"), _test_size(summary)
    name = _NAMES[row.role]
    if row.candidate.get("architecture") == best.get("architecture"):
        return f"The winner is itself {name}."
    if ours is None or theirs is None or n is None:
        return f"Against {name} nothing can be said: it has no test {metric_word(summary)}."
    if not _is_share(summary):
        return f"Against {name}: {points(ours - theirs)} percentage points, one network each."
    low, high = difference_interval(ours, theirs, n)
    verdict = "a difference that the test items support"
    if low <= 0 <= high:
        verdict = "too close to call on so few test items"
    return (
        f"Against {name}: {points(ours - theirs)} percentage points "
        f"(95 % interval {points(low)} to {points(high)}), {verdict}."
    )


def latency_terms(candidate: Candidate) -> str:
    """How the latency was measured: spread, threads, batch, runs; what is not known is left out."""
    facts = candidate.get("latency") or {}
    if candidate.get("latency_predicted"):
        device = f" on {facts['device']}" if facts.get("device") else ""
        error = "" if facts.get("mape") is None else f", mean error {percent(facts['mape'])}"
        return f"predicted by a model fitted to measurements{device}, not measured{error}"
    parts = []
    if facts.get("p10_ms") is not None and facts.get("p90_ms") is not None:
        parts.append(f"middle 80 % of runs {digits(facts['p10_ms'])} to {milliseconds(facts['p90_ms'])}")
    for key, one, many in (("threads", "thread", "threads"), ("runs", "run", "runs")):
        number = facts.get(key)
        if isinstance(number, int):
            parts.append(f"{number} {one if number == 1 else many}")
    if facts.get("batch") is not None:
        parts.append(f"batch {facts['batch']}")
    return ", ".join(parts) if parts else "how it was measured is not recorded"


def limits_sentence(summary: Summary) -> str:
    """Whether the best network keeps the limits."""
    found = checks(summary)
    if not found:
        return "No limits were set."
    broken = [c.heading.lower() for c in found if c.kept is False]
    unknown = [c.heading.lower() for c in found if c.kept is None]
    if broken:
        return f"Limits broken: {', '.join(broken)}."
    if unknown:
        return f"Not known whether limits are kept: {', '.join(unknown)}."
    noted = [f"{c.heading.lower()}: {c.note}" for c in found if c.note]
    return f"All limits are kept ({'; '.join(noted)})." if noted else "All limits are kept."


def prediction_sentence(error: Mapping[str, Any]) -> str:
    """How far predicted latencies are from measured ones.

    Args:
        error: of the latency model: mape (a share), spearman (or None), n (measured networks), and the device where
            they were measured on another one; within_10 is then the share of predictions at most 10 % off.
    """
    rho = "" if error.get("spearman") is None else f", Spearman {digits(error['spearman'])}"
    if error.get("device"):
        return (
            f"Latencies are those of the device {error['device']}, modelled and not measured: mean error "
            f"{percent(error['mape'])}{rho}, {percent(error['within_10'])} of predictions within 10 %, on {error['n']} "
            "networks measured there that the model was not fitted to."
        )
    return (
        f"Predicted latencies come from a model with a mean error of {percent(error['mape'])}{rho}, "
        f"cross-validated on {error['n']} measured networks."
    )


def adaptation_sentence(adapted: Mapping[str, Any]) -> str:
    """What the search for a few-shot proxy has found, and how well it orders networks that it has not seen.

    Args:
        adapted: proxy, labelled, evaluations, trusted, expected_rho, plain_rho and concordance, or a reason.
    """
    if "reason" in adapted:
        return f"No few-shot proxy was searched: {adapted['reason']}."
    tried = f"{adapted['evaluations']} recipes on {adapted['labelled']} trained networks"
    rhos = f"{digits(adapted['expected_rho'])}, plain Eproxy {digits(adapted['plain_rho'])}"
    if not adapted["trusted"]:
        return f"Of {tried} none is expected to rank others better than plain Eproxy (Spearman {rhos}); none was used."
    return (
        f"The few-shot proxy found among {tried}: {adapted['proxy']}; on networks that it was not chosen by it orders "
        f"{percent(adapted['concordance'])} of pairs of about the same cost rightly (Spearman {rhos})."
    )


def facts(summary: Summary) -> list[tuple[str, str]]:
    """How the study was run: pairs of label and text, only those that are known."""
    task, versions = summary.get("task") or {}, summary.get("versions") or {}
    limits = {k: v for k, v in (summary.get("constraints") or {}).items() if v is not None}
    shape, classes = task.get("input_shape"), task.get("classes")
    found = [
        ("Task", task.get("name")),
        ("Metric", task.get("metric")),
        ("Input", " × ".join(map(str, shape)) + " (channels, height, width)" if shape else None),
        (
            "Items",
            ", ".join(f"{task[k]} {k}" for k in ("train", "validation", "test") if task.get(k) is not None),
        ),
        (
            "Classes",
            f"{len(classes)}: {', '.join(classes[:30])}{', …' * (len(classes) > 30)}" if classes else None,
        ),
        ("Search space", summary.get("space")),
        ("Strategy", summary.get("strategy")),
        ("Limits", ", ".join(f"{name} = {limit:g}" for name, limit in limits.items())),
        ("Seed", summary.get("seed")),
        ("Continued", _times(summary.get("resumes"))),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return [(label, str(value)) for label, value in found if value not in (None, "")]


def _times(number: int | None) -> str | None:
    if number is None:
        return None
    return {0: "never, run at one go", 1: "once"}.get(number, f"{number} times")
