"""What was aimed at on detection, depth and retrieval, and what was reached, from the pages that measure it.

    python benchmarks/tasks.py

Reads `opanas.json`, `depth.json`, `nir.json` and `task_proxies.json` in `benchmarks/results`, measures nothing. An aim
is reached when the mean over seeds is, and the 95 % interval leaves out no difference at all. Writes
`benchmarks/results/tasks.md`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from intervals import half_width

RESULTS = Path(__file__).parent / "results"
AP50_AIM, RECALL_AIM = 1.0, 0.5  # points over the FPN, and of Recall@1 over the loss alone
HEAD = """# Detection, depth and retrieval: what was aimed at, what was reached

`python benchmarks/tasks.py`, from the pages named, which have commands, samples and seeds. Differences are in points,
paired by seed, mean and 95 % t interval. An aim is reached when the mean is and the interval leaves out zero.

| what | aim | here | reached | page |
|---|---|---|---|---|
"""

Row = tuple[str, str, str, str, str]


def main() -> None:
    """Write the page."""
    rows: list[Row] = []
    for name, read in {"opanas": detection, "depth": depth, "nir": retrieval, "task_proxies": carried_over}.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            rows += read(json.loads(path.read_text("utf-8")))
        else:
            rows.append((name, "–", "not measured yet", "–", "–"))
    (RESULTS / "tasks.md").write_text(HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows), "utf-8")


def detection(found: dict[str, Any]) -> list[Row]:
    """OPANAS's neck beside others, and how far its super-networks can be trusted."""
    rows: list[Row] = []
    page = "[opanas](opanas.md)"
    for data, one in found["data"].items():
        arms = {name: 100 * np.array(arm["AP50"]["by_seed"]) for name, arm in one["arms"].items()}
        own = arms["searched, opanas"]
        for other, aim in (
            ("FPN", AP50_AIM),
            ("PANet", AP50_AIM),
            ("random, mean of the pool", 0.0),
            ("random, best of the pool on validation", 0.0),
            ("searched, uniform", 0.0),
        ):
            what = (
                f"{data}: AP50 of the searched neck less {other}'s, at most {found['settings']['ratio']:g}x FPN's MACs"
            )
            rows.append((what, f"{aim:+.1f}", *judged(own - arms[other], aim), page))
        rules = one["rules"]
        taus = "; ".join(
            f"{name} {rule['tau_of_means']:.2f} [{rule['ci_low']:.2f}, {rule['ci_high']:.2f}]"
            for name, rule in rules.items()
            if rule["tau_of_means"] is not None
        )
        rows.append((f"{data}: tau of inherited with stand-alone AP", "–", taus, "–", page))
        fair = rules["opanas"]
        counts, verdict = f"{fair['updates'][0]} to {fair['updates'][1]}", "yes" if fair["equal"] else "no"
        rows.append((f"{data}: updates of each option, strictly fair", "equal", counts, verdict, page))
    return rows


def depth(found: dict[str, Any]) -> list[Row]:
    """Searched networks against the unsearched one of the same latency limit."""
    rows: list[Row] = []
    for strategy, difference in found["differences"].items():
        what = f"{strategy}: delta1 of the winner less that of the unsearched network of the same latency limit"
        told = judged(np.array(difference["each"]), 0.0) if difference else ("nothing finished", "–")
        rows.append((what, "+0.0", *told, "[depth](depth.md)"))
    return rows


def retrieval(found: dict[str, Any]) -> list[Row]:
    """NIR beside the proxy loss alone; the weight is the validation classes' choice."""
    rows: list[Row] = []
    for name, part in found["parts"].items():
        for loss, one in part["losses"].items():
            if name == "toy":
                row = next((r for r in one["rows"] if r["form"] == "exp"), one["rows"][0])  # as released, if there
                what = f"toy, {loss}: Recall@1 of the modes, NIR ({row['form']}, {row['weight']:g}) less without"
                rows.append((what, "+0.0", *judged(np.array(row["modes"]["each"]), 0.0), "[nir](nir.md)"))
            else:
                what = f"{name}, {loss}: Recall@1 on unseen classes, with NIR less without"
                difference = judged(np.array(one["test"]["each"]), RECALL_AIM)
                rows.append((what, f"{RECALL_AIM:+.1f}", *difference, "[nir](nir.md)"))
    return rows


def carried_over(found: dict[str, Any]) -> list[Row]:
    """The proxies of each task whose interval is above zero, the best first."""
    rows: list[Row] = []
    for task, one in found["tasks"].items():
        known = {n: r for n, r in one["proxies"].items() if r["kendall_tau"] is not None}
        order = sorted(known, key=lambda n: -known[n]["kendall_tau"])
        good = [f"{n} {known[n]['kendall_tau']:.2f}" for n in order if (known[n]["ci_low"] or 0) > 0]
        told = f"{len(good)} of {len(one['proxies'])} proxies rank above chance: {', '.join(good[:6]) or 'none'}"
        rows.append(
            (f"{task}: tau with {one['n']} trained networks", "–", told, "–", "[task_proxies](task_proxies.md)")
        )
    return rows


def judged(differences: np.ndarray, aim: float) -> tuple[str, str]:
    """Mean and interval of paired differences in points, and whether the aim is reached."""
    mean, half = float(np.mean(differences)), half_width(differences)
    if half is None:
        return f"{mean:+.2f}, one seed", "not shown"
    here = f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}], {len(differences)} seeds"
    if mean < aim or mean <= 0:
        return here, "no"
    return here, "yes" if mean - half > 0 else "not shown"


if __name__ == "__main__":
    main()
