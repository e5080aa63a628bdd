"""EcoNAS: hierarchical training against one proxy for all at an equal price, and which reduced setting ranks best.

    NASSAY_DATA=... python benchmarks/econas.py macro       # minutes; observations of training are simulated
    NASSAY_DATA=... python benchmarks/econas.py nb201       # minutes; observed schedules only
    python benchmarks/econas.py settings RUN_FOLDER         # enters a finished `nassay gap fidelity`

Each part replaces its own section of `benchmarks/results/econas.json`; `econas.md` is written from that file.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata, spearmanr, wilcoxon

from nassay.estimators.base import Estimate
from nassay.estimators.tables import open_table
from nassay.reports.fidelity_tables import HEADINGS, fidelity_cells, fidelity_title
from nassay.spaces.base import Architecture, Space
from nassay.spaces.nb_macro import NBMacro
from nassay.strategies import Budget, Problem, Record, Strategy
from nassay.strategies.econas import EcoNAS, EcoNASSingle
from nassay.studies.arena import Arena

RESULTS = Path(__file__).parent / "results"
BROOD, TOP, RESAMPLES = 16, 5, 10_000
Row = dict[str, Any]

# Part 1: NAS-Bench-Macro, the paper's scale, simulated observations ---------------------------------------------------

MACRO_SEEDS, CYCLES = 40, (10, 30, 100)
NOISE = {20: 0.50, 35: 0.38, 40: 0.34, 60: 0.27}  # of a network's rank in 0..1, by proxy epochs
SHARED, OWN = 0.7, 0.7  # of the noise: of a network whenever it is observed, of a single observation


class RememberingMacro(NBMacro):
    """The space, with each network's neighbours found only once."""

    neighbors = cache(NBMacro.neighbors)


class Simulated:
    """Observations of a table's networks after proxy trainings: the true rank and noise, drawn once for each seed."""

    def __init__(self, truth: dict[Architecture, float], seed: int) -> None:
        rng = np.random.default_rng([seed, *b"observations"])
        self.index = {a: i for i, a in enumerate(truth)}
        self.accuracy = np.array(list(truth.values()))
        rank = (rankdata(self.accuracy) - 1) / (len(truth) - 1)
        shared = rng.normal(size=len(truth))
        noise = {e: SHARED * shared + OWN * rng.normal(size=len(truth)) for e in NOISE}
        self.observed = {e: rank + NOISE[e] * noise[e] for e in NOISE}
        self.elite = self.accuracy >= np.quantile(self.accuracy, 0.9)

    def drive(self, strategy: Strategy, epochs: tuple[int, ...]) -> tuple[float, int, float]:
        """Mean true accuracy of the five reported, epochs spent, share of them spent on the truly best tenth."""
        stages: dict[Architecture, int] = {}
        last: dict[int, float] = {}
        while batch := strategy.ask():
            records = []
            for request in batch:
                stage = stages[request.architecture] = stages.get(request.architecture, 0) + 1
                i = self.index[request.architecture]
                value = float(self.observed[epochs[stage - 1]][i])
                if stage == len(epochs):
                    last[i] = value
                records.append(Record(request, Estimate.of(value)))
            strategy.tell(records)
        spent = np.zeros(len(self.accuracy))
        for architecture, stage in stages.items():
            spent[self.index[architecture]] = epochs[0] * stage
        return self.reported(last), int(spent.sum()), float(spent[self.elite].sum() / spent.sum())

    def reported(self, last: dict[int, float]) -> float:
        """Mean true accuracy of the five with the best last observation."""
        best = sorted(last, key=lambda i: -last[i])[:TOP]
        return float(self.accuracy[best].mean())

    def random(self, epochs: int, rng: np.random.Generator) -> float:
        """Random search with trainings of 60 epochs for as many epochs."""
        drawn = rng.permutation(len(self.accuracy))[: epochs // 60]
        return self.reported({int(i): float(self.observed[60][i]) for i in drawn})


def at_paper_scale(form: type[EcoNAS], space: Space, cycles: int, seed: int) -> Strategy:
    """A strategy with sixteen children a cycle that ends after so many cycles."""
    hierarchical = BROOD + 6 + 11 + BROOD * (cycles - 2)  # later stages are empty at first and have no children
    born = hierarchical if form.stages == 3 else BROOD * (cycles + 1)
    strategy = form(Problem(space, None, Budget(evaluations=born), seed=seed))
    strategy.brood = BROOD
    return strategy


def macro() -> Iterator[Row]:
    table = open_table("nasbench_macro")
    truth, space = table.values(), RememberingMacro((3, 32, 32), 10)
    rows = []
    for cycles in CYCLES:
        found: dict[str, list[tuple[float, int, float]]] = {"hierarchical": [], "single": [], "random": []}
        for seed in range(MACRO_SEEDS):
            world = Simulated(truth, seed)
            three = world.drive(at_paper_scale(EcoNAS, space, cycles, seed), (20, 40, 60))
            found["hierarchical"].append(three)
            found["single"].append(world.drive(at_paper_scale(EcoNASSingle, space, cycles, seed), (35,)))
            accuracy = world.random(three[1], np.random.default_rng([seed, *b"random"]))
            found["random"].append((accuracy, three[1] // 60 * 60, 0.1))
        columns = {name: np.array(values).T for name, values in found.items()}
        accuracies = {name: c[0] for name, c in columns.items()}
        rows.append(
            {
                "cycles": cycles,
                "accuracy": {name: float(a.mean()) for name, a in accuracies.items()},
                "epochs": {name: float(c[1].mean()) for name, c in columns.items()},
                "elite_share": {name: float(columns[name][2].mean()) for name in ("hierarchical", "single")},
                "difference": paired(accuracies["hierarchical"], accuracies["single"]),
                "over_random": paired(accuracies["hierarchical"], accuracies["random"]),
            }
        )
        print(rows[-1], flush=True)
    world = Simulated(truth, 0)
    rho = {e: float(spearmanr(world.observed[e], world.accuracy).statistic) for e in NOISE}
    yield {"seeds": MACRO_SEEDS, "networks": len(truth), "rho": rho, "best": max(truth.values()), "rows": rows}


# Part 2: NAS-Bench-201, observed schedules ----------------------------------------------------------------------------

NB201_SEEDS, EVALUATIONS, MARKS = 40, 100, (10, 25, 50, 100)


def of_brood(brood: int) -> Callable[[Problem], Strategy]:
    def made(problem: Problem) -> Strategy:
        strategy = EcoNAS(problem)
        strategy.brood = brood
        return strategy

    return made


CONTENDERS: dict[str, Any] = {
    "econas": "econas",
    "econas_single": "econas_single",
    "evolution": "evolution",
    "random": "random",
}
BROODS = {f"econas, {n} children": of_brood(n) for n in (4, 8, 16)}  # on the first data set only


def nb201() -> Iterator[Row]:
    """The findings so far, after every data set."""
    found: Row = {"seeds": NB201_SEEDS, "evaluations": EVALUATIONS, "datasets": {}}
    for dataset in open_table("nasbench201").datasets:
        arena = Arena("nasbench201", dataset)
        networks = sorted(arena.test)
        test = [arena.test[a] for a in networks]
        rho = {s.epochs: float(spearmanr([s.values[a] for a in networks], test).statistic) for s in arena.schedules}
        regrets, looked = {}, {}
        for name, strategy in {**CONTENDERS, **({} if found["datasets"] else BROODS)}.items():
            races = [arena.race(strategy, seed=s, evaluations=EVALUATIONS) for s in range(NB201_SEEDS)]
            regrets[name] = np.array([race.regret_at(np.array(MARKS)) for race in races])
            looked[name] = float(np.mean([len(set(race.architectures)) for race in races]))
            print(dataset, name, regrets[name].mean(0).round(3), looked[name], flush=True)
        found["datasets"][dataset] = {
            "best_test": arena.best_test,
            "rho": rho,
            "regret": {n: {str(m): interval(r[:, i]) for i, m in enumerate(MARKS)} for n, r in regrets.items()},
            "looked_at": looked,
            # test accuracy, so that positive is better
            "difference": {
                n: {str(m): paired(-regrets["econas"][:, i], -r[:, i]) for i, m in enumerate(MARKS)}
                for n, r in regrets.items()
                if n != "econas"
            },
        }
        yield found


# Statistics and text --------------------------------------------------------------------------------------------------


def interval(values: np.ndarray) -> Row:
    """Mean over seeds and its 95 % bootstrap interval."""
    known = values[np.isfinite(values)]
    drawn = np.random.default_rng(0).choice(known, (RESAMPLES, len(known))).mean(1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"mean": float(known.mean()), "low": float(low), "high": float(high), "n": len(known)}


def paired(a: np.ndarray, b: np.ndarray) -> Row:
    """Mean difference over seeds with its interval, standard error, wins, and Wilcoxon's two-sided p."""
    d = (a - b)[np.isfinite(a - b)]
    p = float(wilcoxon(d).pvalue) if np.any(d != 0) else 1.0
    se = float(d.std(ddof=1) / len(d) ** 0.5)
    return {**interval(d), "se": se, "wins": int((d > 0).sum()), "losses": int((d < 0).sum()), "p": p}


def shown(found: Row, digits: int = 3) -> str:
    return f"{found['mean']:+.{digits}f} ({found['low']:+.{digits}f} to {found['high']:+.{digits}f})"


def table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def macro_text(found: Row) -> Iterator[str]:
    rho = ", ".join(f"e{e} {r:.2f}" for e, r in found["rho"].items())
    yield "## Hierarchy against a single proxy, simulated observations\n"
    yield (
        f"NAS-Bench-Macro, {found['networks']:,} networks; the paper's numbers: 16 children a cycle, stages of 20 "
        f"epochs, the single proxy 35. **Synthetic**: what a proxy training shows is the true rank in 0..1 plus noise "
        "of standard deviation .50, .38, .34, .27 at 20, 35, 40, 60 epochs, seven tenths of it a bias of the network, "
        f"the same at every stage, and seven tenths drawn anew (Spearman with the truth: {rho}). **Observed**: the "
        f"true accuracy of what is reported, the mean of the table's three trainings. {found['seeds']} seeds; mean "
        f"true accuracy (%) of the five reported, the best network has {found['best']:.2f}.\n"
    )
    rows = [
        [
            str(r["cycles"]),
            f"**{r['accuracy']['hierarchical']:.2f}** ({r['epochs']['hierarchical']:,.0f})",
            f"{r['accuracy']['single']:.2f} ({r['epochs']['single']:,.0f})",
            f"{r['accuracy']['random']:.2f} ({r['epochs']['random']:,.0f})",
            shown(r["difference"]),
            f"{r['difference']['wins']}:{r['difference']['losses']}, p {r['difference']['p']:.2g}",
            shown(r["over_random"]),
            f"{r['elite_share']['hierarchical']:.0%} / {r['elite_share']['single']:.0%}",
        ]
        for r in found["rows"]
    ]
    headings = ["cycles", "hierarchical (epochs)", "single e35 (epochs)", "random e60 (epochs)"]
    headings += ["hierarchical - single (95 %)", "wins:losses", "hierarchical - random (95 %)"]
    yield table([*headings, "epochs on the truly best tenth: hierarchical / single"], rows) + "\n"


def nb201_text(found: Row) -> Iterator[str]:
    yield "## On NAS-Bench-201, observed schedules only\n"
    yield (
        "Nothing is simulated: a stage of a third or two thirds of the full training is answered by the table's "
        "12-epoch validation accuracy and costs 12/200 of a training, once; the last stage by the 200-epoch one at the "
        "full price. The single form trains every candidate for 200 epochs. Test regret of the incumbent (points, mean "
        f"over {found['seeds']} seeds, 95 % interval) after so many full trainings' worth. A cycle has 12 children at "
        "this budget; the other sizes are shown on the first data set, on which this one was chosen.\n"
    )
    for dataset, one in found["datasets"].items():
        rho = ", ".join(f"{e} epochs {r:.2f}" for e, r in one["rho"].items())
        yield f"### {dataset}\n\nSpearman's rho of validation with the final test accuracy, all networks: {rho}.\n"
        marks = list(one["regret"]["econas"])
        rows = []
        for name, regret in one["regret"].items():
            cells = [f"{regret[m]['mean']:.2f} ({regret[m]['low']:.2f} to {regret[m]['high']:.2f})" for m in marks]
            against = one["difference"].get(name)
            last = against[marks[-1]] if against else None
            won = f"{shown(last, 2)}, {last['wins']}:{last['losses']}, p {last['p']:.2g}" if last else ""
            rows.append([name, *cells, f"{one['looked_at'][name]:.0f}", won])
        headings = ["strategy", *(f"after {m}" for m in marks), "networks looked at"]
        yield table([*headings, f"econas is better by, after {marks[-1]}; wins:losses"], rows) + "\n"


def settings_text(found: Row) -> Iterator[str]:
    yield "## Which reduced setting keeps the ranking best for its price\n"
    yield f"{fidelity_title(found)}. Command: `{found['command']}`. Price: {found['price']}, as measured.\n"
    rows = [fidelity_cells(row, found["reference"]) for row in found["rows"]]
    yield table(list(HEADINGS), [[c.replace("\N{NO-BREAK SPACE}", " ") for c in cells] for cells in rows]) + "\n"
    yield "An asterisk: no other reduced setting ranks as well for less.\n"
    yield "\n".join(f"- {sentence}" for sentence in found["findings"]) + "\n"


PARTS = {"macro": (macro, macro_text), "nb201": (nb201, nb201_text), "settings": (None, settings_text)}
INTRO = """# EcoNAS

Zhou et al., *EcoNAS: Finding Proxies for Economical Neural Architecture Search*, CVPR 2020, arXiv:2001.01233: trainings
reduced in channels, resolution, samples and epochs, and an evolution that trains in stages. Written by
`python benchmarks/econas.py` from `econas.json`, last on {date}.
"""


def entered(folder: Path) -> Row:
    """The summary of a study of settings, with the command that makes it."""
    summary: Row = json.loads((folder / "summary.json").read_text("utf-8"))
    summary["source"] = Path(summary["source"]).name
    reduced = ",".join(r["setting"] for r in summary["rows"] if r["setting"] != summary["reference"])
    summary["command"] = (
        f"nassay gap fidelity {summary['source']} --space {summary['space']} --networks {summary['networks']} "
        f"--reference {summary['reference']} --fidelities {reduced} --seed {summary['seed']}"
    )
    return summary


def methods(found: Row) -> dict[str, dict[str, str]]:
    sentences = {}
    if "macro" in found:
        last = found["macro"]["rows"][-1]
        sentences["strategy/econas"] = {
            "result": f"NAS-Bench-Macro with simulated proxies, {last['cycles']} cycles, equal epochs, "
            f"{found['macro']['seeds']} seeds: hierarchical - single {shown(last['difference'])} points",
            "command": "python benchmarks/econas.py macro",
        }
    if "nb201" in found:
        rows = {
            d: one["difference"]["econas_single"][str(EVALUATIONS)] for d, one in found["nb201"]["datasets"].items()
        }
        sentences["strategy/econas_single"] = {
            "result": f"NAS-Bench-201, {EVALUATIONS} full trainings' worth, {found['nb201']['seeds']} seeds, "
            "econas - econas_single in test points: " + ", ".join(f"{d} {shown(r, 2)}" for d, r in rows.items()),
            "command": "python benchmarks/econas.py nb201",
        }
    return sentences


def main(part: str, *arguments: str) -> None:
    path = RESULTS / "econas.json"
    found: Row = json.loads(path.read_text("utf-8")) if path.exists() else {}
    measure = PARTS[part][0]
    started = time.process_time()
    for section in measure() if measure else [entered(Path(arguments[0]))]:
        found[part] = section | ({"cpu_seconds": round(time.process_time() - started, 1)} if measure else {})
        found["methods"] = methods(found)
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        parts = [line for name, (_, text) in PARTS.items() if name in found for line in text(found[name])]
        page = "\n".join([INTRO.format(date=time.strftime("%Y-%m-%d")), *parts])
        (RESULTS / "econas.md").write_text(page, "utf-8")
    print(page)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS or (sys.argv[1] == "settings") != (len(sys.argv) == 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
