"""How fast the arena is: table evaluations a second, on one core, of random search and of regularised evolution.

    python benchmarks/arena_speed.py [--races 50]

The measured loop is whole races: drawing or mutating, canonical forms, looking up, the accounts, the curve. Preparing
the arena (reading the table, once for any number of races) is told apart. Processor time, so that other programs on
the machine do not count; the median of five rounds, and the slowest.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from nassay.studies.arena import Arena
from nassay.studies.bench_folder import versions

RESULTS = Path(__file__).parent / "results"
WANTED = {"random": 20_000, "evolution": 5_000}
BENCHMARKS = (("nasbench201", "cifar10"), ("nasbench_macro", "cifar10"), ("transnas_macro", "class_scene"))
ROUNDS, EVALUATIONS = 5, 200


def measure(arena: Arena, strategy: str, races: int) -> list[float]:
    """Evaluations a second of each round, the first races left out."""
    arena.race(strategy, seed=10_000, evaluations=EVALUATIONS)
    rates = []
    for number in range(ROUNDS):
        started = time.process_time()
        paid = sum(
            len(arena.race(strategy, seed=number * races + i, evaluations=EVALUATIONS).spent) for i in range(races)
        )
        rates.append(paid / (time.process_time() - started))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=50, help="races of 200 evaluations in a round")
    races = parser.parse_args().races
    rows = []
    for table, dataset in BENCHMARKS:
        started = time.process_time()
        arena = Arena(table, dataset)
        prepared = time.process_time() - started
        for strategy, wanted in WANTED.items():
            rates = measure(arena, strategy, races)
            rows.append(
                {
                    "table": table,
                    "dataset": dataset,
                    "strategy": strategy,
                    "evaluations_per_second": float(np.median(rates)),
                    "slowest_round": min(rates),
                    "wanted": wanted,
                    "prepared_seconds": prepared,
                }
            )
            print(rows[-1], flush=True)
    write(rows, races)


def write(rows: list[dict], races: int) -> None:
    lines = [
        "# Speed of the arena",
        "",
        f"`python benchmarks/arena_speed.py --races {races}`: {ROUNDS} rounds of {races} races of {EVALUATIONS} "
        "evaluations on one core, processor time.",
        "",
        "| table | strategy | evaluations a second, median | slowest round | wanted | preparing the table, s |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {r['table']} {r['dataset']} | {r['strategy']} | {r['evaluations_per_second']:,.0f} | "
        f"{r['slowest_round']:,.0f} | {r['wanted']:,} | {r['prepared_seconds']:.1f} |"
        for r in rows
    ]
    (RESULTS / "arena_speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"rows": rows, "races": races, "evaluations": EVALUATIONS, "rounds": ROUNDS, "versions": versions()}
    (RESULTS / "arena_speed.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
