"""Latency of devices: transfer from ten measurements on HELP's and HW-NAS-Bench's tables, and a profile's error.

    NASSAY_DATA=... python benchmarks/devices.py --seeds 10 [--profile mydevice.json]

Writes `benchmarks/results/devices.md` and `.json`. The profile is one of `nassay device measure`; without it the part
on this machine is left as it stands in the JSON file.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from nassay.estimators.analytic import Analytic
from nassay.estimators.devices.latency_model import LatencyModel, PredictionError
from nassay.estimators.devices.profile import DeviceProfile
from nassay.estimators.devices.transfer import Population, Transferred, most_telling
from nassay.estimators.tables.hardware import HardwareTable
from nassay.spaces.base import Architecture

RESULTS = Path(__file__).with_name("results")
# the devices of HELP's NAS-Bench-201 experiments
TRAINING = (
    *("1080ti_1", "1080ti_32", "1080ti_256", "silver_4114", "silver_4210r", "samsung_a50", "pixel3"),
    *("essential_ph_1", "samsung_s7"),
)
VALIDATION = ("titanx_1", "titanx_32", "titanx_256", "gold_6240")
TEST = ("titan_rtx_256", "gold_6226", "pixel2", "raspi4", "eyeriss", "fpga")
# Spearman's rho in HELP's repository (Table 3): FLOPs, BRP-NAS with 900 samples, HELP with 10
PUBLISHED = {
    "titan_rtx_256": (0.950, 0.814, 0.987),
    "gold_6226": (0.826, 0.796, 0.989),
    "pixel2": (0.765, 0.666, 0.802),
    "raspi4": (0.846, 0.847, 0.890),
    "eyeriss": (0.437, 0.811, 0.940),
    "fpga": (0.900, 0.801, 0.985),
}
HW_TARGETS = (
    *(("edgegpu", "latency_ms"), ("edgetpu", "latency_ms"), ("edgegpu", "energy_mj")),
    *(("eyeriss", "energy_mj"), ("fpga", "energy_mj")),
)
MEASURED = 10
POOL = 200  # random networks among which those to measure are chosen
TRIMMED = 0.1  # share of the fastest, and of the slowest, that HELP leaves out of its judgement
OPERATIONS = 5
WAYS = ("random", "most telling")

Costs = Mapping[Architecture, float]


def errors(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    order = np.argsort(true, kind="stable")
    inner = order[int(TRIMMED * len(true)) : int((1 - TRIMMED) * len(true))]
    relative = np.abs(predicted - true) / true
    return {
        "spearman": float(spearmanr(predicted, true).statistic),
        "spearman_trimmed": float(spearmanr(predicted[inner], true[inner]).statistic),
        "within_10": float(np.mean(relative <= 0.1)),
        "median_error": float(np.median(relative)),
    }


def transfer(target: Costs, sources: Sequence[Costs], seeds: int) -> dict[str, dict[str, list[float]]]:
    """By way of choosing the ten networks, each figure's mean over seeds and its standard deviation."""
    known = [a for a in target if all(a in s for s in sources)]
    y = np.array([target[a] for a in known])
    latencies = np.array([[s[a] for s in sources] for a in known])
    counts = np.array([np.bincount(a.choices, minlength=OPERATIONS) for a in known], dtype=float)
    rows = Population.of(latencies, counts).rows(latencies, counts)
    found: dict[str, dict[str, list[float]]] = {}
    for way in WAYS:
        runs = []
        for seed in range(seeds):
            drawn = np.random.default_rng(seed).permutation(len(known))
            pool = drawn[:POOL]
            measured = drawn[:MEASURED] if way == "random" else pool[most_telling(rows[pool], MEASURED)]
            others = np.setdiff1d(drawn, measured)
            runs.append(errors(Transferred.fit(rows[measured], y[measured]).predict(rows[others]), y[others]))
        found[way] = {k: [float(np.mean([r[k] for r in runs])), float(np.std([r[k] for r in runs]))] for k in runs[0]}
    return found


def all_transfers(seeds: int) -> dict[str, Any]:
    table, hardware = HardwareTable("help"), HardwareTable("hwnasbench")
    latencies = {device: table.values(device, merge=False) for device in table.devices()}
    nine = [latencies[device] for device in TRAINING]
    others = [d for d in table.devices() if d not in (*TRAINING, *VALIDATION, *TEST)]
    found: dict[str, Any] = {"test": {}, "others": {}, "hwnasbench": {}, "chosen_on": {}}
    for group, devices in (("test", TEST), ("others", others)):
        for device in devices:
            found[group][device] = transfer(latencies[device], nine, seeds)
            print(device, found[group][device], file=sys.stderr)
    for device, metric in HW_TARGETS:
        target = hardware.values(device, metric, merge=False)
        found["hwnasbench"][f"{device} {metric}"] = transfer(target, nine, seeds)
    for device in (*TRAINING, *VALIDATION):
        make = device.split("_")[0]
        rest = [latencies[d] for d in (*TRAINING, *VALIDATION) if d.split("_")[0] != make]
        found["chosen_on"][device] = transfer(latencies[device], rest, seeds)
    return found


# This machine --------------------------------------------------------------------------------------------------------


def models_of(profile: DeviceProfile) -> dict[str, dict[str, Any]]:
    """The error of several models on the networks that none of them was fitted to."""
    analytic, rows = Analytic.of(profile.space), profile.form["networks"]
    seen = [r for r in rows if not r["held_out"]]
    unseen = [r for r in rows if r["held_out"]]
    fit, judge = (
        [analytic.profile(profile.space.from_string(r["architecture"])) for r in part] for part in (seen, unseen)
    )
    y, true = (np.array([r["median_ms"] for r in part]) for part in (seen, unseen))
    counts = LatencyModel.fit(fit, y.tolist())
    table = [float(profile.latency.table.sums(p).sum()) for p in (*fit, *judge)]  # type: ignore[attr-defined]
    scale = float(np.median(y / table[: len(y)]))
    macs = [float(p.macs) for p in (*fit, *judge)]
    per_mac = float(np.median(y / macs[: len(y)]))
    predictions = {
        "MACs, scaled": per_mac * np.array(macs[len(y) :]),
        "counts (the model of a search without a profile)": np.array([counts.predict(p) for p in judge]),
        "sum of the operator table, scaled": scale * np.array(table[len(y) :]),
        "operator table and learned correction": np.array([profile.latency.predict(p) for p in judge]),
        "a second measurement": np.array([r["again_ms"] for r in unseen]),
    }
    return {name: asdict(PredictionError.of(p, true)) for name, p in predictions.items()}


def machine(profile: DeviceProfile) -> dict[str, Any]:
    return {
        "device": profile.form["device"],
        "energy": profile.form["energy"],
        "space": profile.form["space"],
        "input_shape": list(profile.input_shape),
        "operators": len(profile.form["operators"]),
        "noise": profile.noise,
        "models": models_of(profile),
    }


# The page ------------------------------------------------------------------------------------------------------------


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(pair: Sequence[float]) -> str:
    return f"{pair[0]:.3f} ± {pair[1]:.3f}"


def row(device: str, found: Mapping[str, Any]) -> list[str]:
    return [
        device,
        *(shown(found[way][k]) for way in WAYS for k in ("spearman", "spearman_trimmed", "within_10")),
    ]


def mean_row(found: Mapping[str, Any]) -> list[str]:
    keys = ("spearman", "spearman_trimmed", "within_10")
    return ["**mean**", *(f"**{np.mean([f[w][k][0] for f in found.values()]):.3f}**" for w in WAYS for k in keys)]


HEADINGS = ["device", *(f"{way}: {k}" for way in WAYS for k in ("rho", "rho, trimmed", "within 10 %"))]

TEXT = """# Latency of devices

`python benchmarks/devices.py --seeds {seeds}`, {date}.

## Ten measurements on a new device

Transfer from the nine devices of HELP's meta-training to a device that none of the choices saw: ten of NAS-Bench-201's
15,625 networks are measured there, all others predicted; mean ± standard deviation over {seeds} draws. "Random": any
ten. "Most telling": the ten of {pool} random networks that leave the least uncertainty, chosen before anything is
measured. rho is Spearman's over all other networks; HELP leaves the fastest and the slowest tenth of them out of its
judgement, as does "rho, trimmed" here. "Within 10 %" is the share of predictions at most 10 % off.

### HELP's six devices of meta-test

{test}

Spearman's rho as published in HELP's repository, for the same devices and data:

{published}

{verdict}

### Eight further devices of HELP's table

{others}

### HW-NAS-Bench, CIFAR-10

Latency and energy of devices from the same nine devices' latencies.

{hwnasbench}

### The devices on which the method was chosen

Each as a new one against those of other makes among HELP's thirteen of meta-training and validation. Four widths of
the groups, three noises, a linear against a logarithmic scale, and a kernel on the encoding were tried there.

{chosen}

"""

MACHINE = """## A profile of this machine

`nassay device measure --space {space} --input {input}`; {processor}, {runtime}, {threads} thread, load average
{load:.1f} on {cores} cores at its start. {operators} operators were timed; {n} networks judge, none of which any model
was fitted to.

{models}

Measured twice, the same networks differ by {noise:.1%} on average: no model's error can be expected below that.
Energy: {energy}.
"""


def verdict(test: Mapping[str, Any]) -> str:
    best = {d: max(test[d][w]["spearman_trimmed"][0] for w in WAYS) for d in TEST}
    lost = [d for d in TEST if best[d] < PUBLISHED[d][2]]
    ours = {w: np.mean([test[d][w]["spearman_trimmed"][0] for d in TEST]) for w in WAYS}
    theirs = np.mean([PUBLISHED[d][2] for d in TEST])
    said = f"On average {ours['random']:.3f} with random networks and {ours['most telling']:.3f} with telling ones,"
    where = f"HELP is ahead on {', '.join(lost)}." if lost else "HELP is ahead on none of the six."
    return f"{said} as HELP judges, against HELP's {theirs:.3f}. {where}"


def write(document: dict[str, Any]) -> None:
    found = document["transfer"]
    groups = {
        key: table(HEADINGS, [*(row(d, f) for d, f in found[key].items()), mean_row(found[key])])
        for key in ("test", "others", "hwnasbench", "chosen_on")
    }
    names = ("FLOPs", "BRP-NAS, 900 measurements", "HELP, 10 measurements")
    published = [[n, *(f"{PUBLISHED[d][i]:.3f}" for d in TEST)] for i, n in enumerate(names)]
    for numbers in published:
        numbers.append(f"{np.mean([float(v) for v in numbers[1:]]):.3f}")
    text = TEXT.format(
        seeds=document["seeds"], date=document["date"], pool=POOL, verdict=verdict(found["test"]),
        published=table(["predictor", *TEST, "mean"], published), chosen=groups.pop("chosen_on"), **groups,
    )  # fmt: skip
    if here := document.get("machine"):
        device = here["device"]
        models = [
            [name, f"{e['mape']:.1%}", f"{e['spearman']:.3f}", f"{e['within_10']:.0%}", str(e["n"])]
            for name, e in here["models"].items()
        ]
        text += MACHINE.format(
            space=here["space"], input="x".join(map(str, here["input_shape"])), processor=device["processor"],
            runtime=device["runtime"], threads=device["threads"], load=device["load_average"][0],
            cores=device["cores"], operators=here["operators"], n=models[0][-1], noise=here["noise"],
            energy=here["energy"]["source"] or f"unavailable, {here['energy']['reason']}",
            models=table(["model", "mean error", "Spearman", "within 10 %", "networks"], models),
        )  # fmt: skip
    (RESULTS / "devices.md").write_text(text, "utf-8")
    (RESULTS / "devices.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--keep-transfer", action="store_true", help="take the transfer from the JSON file as it is")
    given = parser.parse_args()
    path = RESULTS / "devices.json"
    document = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if not given.keep_transfer:
        document |= {"seeds": given.seeds, "transfer": all_transfers(given.seeds)}
    document["date"] = time.strftime("%Y-%m-%d")
    if given.profile is not None:
        document["machine"] = machine(DeviceProfile.load(given.profile))
    write(document)


if __name__ == "__main__":
    main()
