"""Super-networks on the embedded digits: how far inherited accuracies are from stand-alone ones, method by method.

    python benchmarks/supernets.py --work runs/supernets --seeds 5

64 networks of `tiny201` trained alone with two seeds, super-networks with five, by each method, see `nassay gap
supernet`. The methods by paths go through equally many passes: a step of fairnas is four, and it has a quarter of the
epochs. The others do not: they learn weights on half of the images, in half as many steps, each with one more pass on
the other half, and darts and beta_darts go through all options at once. (Networks of `cell64` name digits too equally
well: two seeds of stand-alone trainings agree by a tau of .08, so that there is no ranking to inherit.) Finished
trainings are kept in the work folder. Writes `benchmarks/results/supernets.md` and `.json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from nassay.cli.display import Display
from nassay.estimators.supernets.methods import AGENTS
from nassay.reports.supernet_tables import supernet_rows
from nassay.studies.supernet_gap import measure_supernet

RESULTS = Path(__file__).parent / "results"
METHODS = ("spos", "fairnas", "few_shot", "darts", "gdas", "beta_darts", "manas", "manas_ls")
SPACE = "tiny201"
EPOCHS = 40.0  # of a super-network, where a step is one pass
PASSES = {"fairnas": 4}  # of a step
WINDOW = 5  # mini-batches after the end, after each of which all networks are looked at
NOT_TOLD = {"architectures", "alone", "inherited"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, default=Path("runs/supernets"), help="run folder that keeps what is done")
    parser.add_argument("--seeds", type=int, default=5, help="super-networks of each method")
    parser.add_argument("--methods", default=",".join(METHODS), help="names with commas between them")
    parser.add_argument("--workers", type=int, help="parallel trainings, one for each core by default")
    args = parser.parse_args()
    found: dict[str, Any] = {"command": f"python benchmarks/supernets.py --seeds {args.seeds}", "methods": {}}
    for method in args.methods.split(","):
        with Display() as display:
            result = measure_supernet(
                "digits",
                space=SPACE,
                method=method,
                seeds=args.seeds,
                supernet_epochs=EPOCHS / PASSES.get(method, 1),
                window=WINDOW,
                out=args.work,
                workers=args.workers,
                listener=display,
            )
        found["studies"] = {**found.get("studies", {}), method: told(result.summary)}
        if method not in AGENTS:  # these are judged on tables, see manas.py
            found["methods"][f"strategy/{method}"] = {"result": sentence(result.summary), "command": found["command"]}
        (RESULTS / "supernets.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        (RESULTS / "supernets.md").write_text(page(found), "utf-8")


def told(summary: dict[str, Any]) -> dict[str, Any]:
    """The measures, and which the rows of the table are."""
    return {k: v for k, v in summary.items() if k not in NOT_TOLD} | {"table": supernet_rows(summary)}


def sentence(summary: dict[str, Any]) -> str:
    """For `docs/methods.md`."""
    own = summary["recalibrated"]
    return (
        f"{SPACE} on digits, {summary['n']} networks: mean tau of inherited with stand-alone accuracy "
        f"{own['mean_tau']:.2f} over {summary['seeds']} super-networks (ceiling {summary['ceiling']:.2f}), tau of "
        f"their mean {own['kendall_tau']:.2f} [{own['ci_low']:.2f}, {own['ci_high']:.2f}]"
    )


def page(found: dict[str, Any]) -> str:
    """A column for each method."""
    studies = found["studies"]
    first = next(iter(studies.values()))
    names = list(dict.fromkeys(name for s in studies.values() for name, _, _ in s["table"]))
    values = {method: {name: value for name, value, _ in s["table"]} for method, s in studies.items()}
    lines = [
        "# Super-networks on digits",
        "",
        f"`{found['command']}`: {SPACE}, {first['n']} networks alone ({first['alone_epochs']:g} epochs, "
        f"{first['stand_alone_seeds']} seeds), {first['seeds']} super-networks a method ({EPOCHS:g} epochs; a quarter "
        "for fairnas, whose steps are four passes; of half of the images for mixtures and agents, whose other half is "
        f"the architecture's), looked at again after each of {WINDOW} more mini-batches. τ is Kendall's tau-b with "
        "stand-alone accuracy.",
        "",
        f"| measure | {' | '.join(studies)} |",
        "|---" * (1 + len(studies)) + "|",
    ]
    lines += [f"| {name} | {' | '.join(values[m].get(name, '–') for m in studies)} |" for name in names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
