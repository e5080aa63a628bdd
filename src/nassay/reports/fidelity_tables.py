"""The table of a study of reduced training settings, for the terminal and for the page."""

from typing import Any

from nassay.reports.formats import DASH, digits, percent, signed

HEADINGS = ("setting", "τ (95 %)", "ρ (95 %)", "τ, top half", "accuracy", "price", "planned", "seconds", "n")


def fidelity_cells(row: dict[str, Any], reference: str) -> list[str]:
    """A row of a summary as texts, in the order of `HEADINGS`; of the reference only what is not trivial."""
    itself = row["setting"] == reference
    ranked = [
        _with_interval(row["kendall_tau"], row["ci_low"], row["ci_high"]),
        _with_interval(row["spearman_rho"], row["rho_ci_low"], row["rho_ci_high"]),
        signed(row["tau_better_half"]),
    ]
    return [
        row["setting"] + (" (ref.)" if itself else " *" if row["front"] else ""),
        *([DASH] * len(ranked) if itself else ranked),
        percent(row["accuracy"]),
        percent(row["price"]),
        percent(row["planned_price"]),
        digits(row["seconds"]),
        str(row["n"]),
    ]


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A correlation and its interval, as far as there are any."""
    if low is None or high is None:
        return signed(value)
    return f"{signed(value)} ({signed(low)} to {signed(high)})"


def fidelity_title(summary: dict[str, Any]) -> str:
    """What was trained, and how much of it is done."""
    shape = "x".join(map(str, summary["input_shape"]))
    done = "" if summary["trained"] == summary["wanted"] else f", {summary['trained']} of {summary['wanted']} trainings"
    return (
        f"{summary['networks']} random networks of {summary['space']} on {summary['source']} ({summary['train']} + "
        f"{summary['validation']} images, {shape}, {summary['classes']} classes), seed {summary['seed']}{done}"
    )


def fidelity_notes(summary: dict[str, Any]) -> list[str]:
    """How to read the table."""
    notes = [
        f"Settings are c_r_s_e_: each step of c, r or s halves the price (channels and resolution by the root of 2, "
        f"samples by 2), e are epochs. The ranking of {summary['reference']} counts as the truth.",
        "τ is Kendall's, ρ Spearman's rank correlation with the reference, with 95 % bootstrap intervals over "
        "networks; top half: among the networks that are truly the better ones.",
        f"Price: share of the reference's {summary['price']} on the same networks; planned: by multiply-accumulates. "
        "An asterisk: no other reduced setting ranks as well for less.",
    ]
    if summary["networks"] < 50:
        notes.append(
            f"With {summary['networks']} networks an interval is wider than most differences; the reference's own "
            "ranking would change with another seed, too."
        )
    return notes
