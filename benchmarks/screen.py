"""Whether the score `nassay` should be the cascade's screen: both against what random search has trained.

    python benchmarks/screen.py RUN_FOLDER ...

The folders are finished searches by `--strategy random`, whose networks no score has chosen. Each is ranked by the
cascade's screen (log-ranks of six proxies and the number of parameters), by `nassay`, and by plain counts, as the
search's own workers score it. Concordance is the share of pairs that are ordered as their trained accuracies are; pairs
of about the same cost are those that the cascade's screen decides between. Writes `benchmarks/results/screen.md` and
`.json`.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nassay.estimators.analytic import Analytic
from nassay.estimators.predictors.influence import concordance
from nassay.estimators.proxies.aggregation import log_rank_sum
from nassay.estimators.proxies.nassay_score import MEMBERS, nassay_score
from nassay.strategies.cascade import ALIKE, PROXIES, SOURCES
from nassay.studies.ledger import Ledger, of_search
from nassay.studies.plan import read_plan
from nassay.studies.worker import Bench

RESULTS = Path(__file__).parent / "results"
COUNTS = ("params", "macs")
RANKINGS = ("cascade's screen", "nassay", *COUNTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+", help="run folders of finished random searches")
    torch.set_num_threads(1)
    found = [judged(folder) for folder in parser.parse_args().folders]
    (RESULTS / "screen.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (RESULTS / "screen.md").write_text(page(found), "utf-8")
    print(page(found))


def judged(folder: Path) -> dict[str, Any]:
    """Concordances of a folder's rankings with its most frequent kind of training."""
    plan = read_plan(folder)
    ledger = Ledger.in_folder(folder)
    trained = of_search(ledger.records())
    ledger.close()
    usual = Counter(r["fidelity"] for r in trained).most_common(1)[0][0]
    truth = {r["architecture"]: float(r["value"]) for r in trained if r["fidelity"] == usual}
    bench = Bench(folder, plan.to_dict())
    space = bench.space(plan.space)
    architectures = [space.from_string(text) for text in truth]
    profiles = [Analytic.of(space).profile(a) for a in architectures]
    columns: dict[str, list[float | None]] = {name: [float(getattr(p, name)) for p in profiles] for name in COUNTS}
    for names in (PROXIES, tuple(m for m in MEMBERS if m not in COUNTS)):
        started = time.process_time()
        scored = bench.score(plan.space, [list(a.choices) for a in architectures], list(names))
        columns |= {name: [one[name].value for one in scored] for name in names}
        columns[f"ms {len(names)}"] = [1000 * (time.process_time() - started) / len(scored)]
    rankings: dict[str, Sequence[float | None]] = {
        "cascade's screen": log_rank_sum([columns[s] for s in SOURCES]),
        "nassay": nassay_score([columns[m] for m in MEMBERS]),
        **{name: columns[name] for name in COUNTS},
    }
    sizes = np.log([p.macs for p in profiles])
    alike = np.abs(sizes[:, None] - sizes[None, :]) < np.log(ALIKE)
    accuracies = list(truth.values())
    return {
        "data": Path(plan.source).stem,
        "space": plan.space,
        "seed": plan.seed,
        "training": usual,
        "networks": len(truth),
        "defined": {m: sum(v is not None for v in columns[m]) for m in MEMBERS},
        "cpu_ms": {
            "cascade's screen": columns[f"ms {len(PROXIES)}"][0],
            "nassay": columns[f"ms {len(MEMBERS) - 1}"][0],
        },
        "all": {name: concordance(rankings[name], accuracies) for name in RANKINGS},
        "alike": {name: concordance(rankings[name], accuracies, alike) for name in RANKINGS},
    }


def page(found: Sequence[dict[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = [
        "# The cascade's screen beside the score `nassay`",
        "",
        f"`python benchmarks/screen.py` on {len(found)} finished random searches, {time.strftime('%Y-%m-%d')}. Share",
        "of pairs of trained networks that are ordered as their accuracies are, 50 % is chance: of all pairs, and of",
        f"those whose MACs differ by less than {ALIKE:g} times. Trainings are short and as long as each other in",
        "seconds, so that large networks are far from done: what is worth much at the end looks bad here.",
        "",
        f"| search | networks | pairs | {' | '.join(RANKINGS)} |",
        f"|---|---:|---|{'---:|' * len(RANKINGS)}",
    ]
    for one in found:
        for pairs in ("all", "alike"):
            cells = " | ".join(f"{one[pairs][name]:.1%}" for name in RANKINGS)
            lines.append(
                f"| {one['data']}, {one['space']}, seed {one['seed']} | {one['networks']} | {pairs} | {cells} |"
            )
    for pairs in ("all", "alike"):
        means = " | ".join(f"{np.mean([one[pairs][name] for one in found]):.1%}" for name in RANKINGS)
        lines.append(f"| mean | {sum(one['networks'] for one in found)} | {pairs} | {means} |")
    defined = {m: sum(one["defined"][m] for one in found) for m in MEMBERS}
    total = sum(one["networks"] for one in found)
    lines += [
        "",
        f"Members of `nassay` that have a value, of {total} networks: "
        + ", ".join(f"{member} {count}" for member, count in defined.items())
        + ". CPU milliseconds a network: "
        + ", ".join(
            f"{name} {np.mean([one['cpu_ms'][name] for one in found]):.0f}" for name in ("cascade's screen", "nassay")
        )
        + ".",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
