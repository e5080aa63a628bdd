"""NIR: proxy losses with and without non-isotropy regularisation, paired over seeds, for a sweep of weights.

    python benchmarks/nir.py toy --work runs/nir --seeds 10
    python benchmarks/nir.py digits --work runs/nir --losses proxy_anchor,proxy_nca++,soft_triple
    NASSAY_DATA=... python benchmarks/nir.py omniglot --work runs/nir

- `toy`: four classes on a circle, each of two modes that the labels do not tell; an MLP trained with the labels;
  whether its embeddings still tell the modes.
- `digits`, `omniglot`: a small convolutional network; Recall@1 on classes that are not trained on. The learning rate
  of a loss's proxies, then NIR's form and weight, are those with the best mean Recall@1 on the validation classes; the
  choice is compared on the test classes. A seed draws the classes, the network's weights and the order of images.

Trainings are kept in the work folder, one line each, so that the command goes on where it was stopped. Writes
`benchmarks/results/nir.json` and `.md`.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from intervals import half_width
from nassay.estimators.base import Fidelity
from nassay.estimators.training import Training
from nassay.tasks.base import Split
from nassay.tasks.image_data import ImageData
from nassay.tasks.images import load_images
from nassay.tasks.retrieval import NIR, Retrieval
from nassay.tasks.retrieval.metrics import recall_at_1
from nassay.tasks.retrieval.nir import RetrievalCriterion
from nassay.tasks.retrieval.proxy_losses import ProxyLoss
from nassay.tasks.retrieval.task import EmbeddingHead

RESULTS = Path(__file__).parent / "results"
OMNIGLOT, OMNIGLOT_SHAPE = "images/omniglot_small_32.npz", (1, 16, 16)
SWEEP = (("nll", 0.1), ("exp", 100.0), ("nll", 0.001), ("nll", 0.01), ("nll", 1.0), ("exp", 10.0))  # form and weight
RATES = {"digits": (4.0, 16.0), "omniglot": (16.0,)}  # of proxies, on the network's learning rate
FLOW = NIR(blocks=3, width=32, depth=3)
EPOCHS = {"digits": 10.0, "omniglot": 8.0}
DIMENSION = {"toy": 3, "digits": 16, "omniglot": 64}
TOY_STEPS, TOY_BATCH = 300, 64
TOY_LEARNING_RATE, TOY_RATE = 1e-3, 10.0  # Adam's for the network and the flow; factor for the proxies

Run = dict[str, float]  # measures of one training
Variant = tuple[str, float, NIR | None]  # loss, rate of the proxies, regularisation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("part", choices=("toy", "digits", "omniglot"))
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps the trainings")
    parser.add_argument("--seeds", type=int, default=5, help="paired trainings of each variant")
    parser.add_argument("--losses", default="proxy_anchor", help="proxy losses, with commas between them")
    parser.add_argument("--settings", type=int, default=len(SWEEP), help="how many forms and weights of the sweep")
    args = parser.parse_args()
    torch.set_num_threads(1)
    path, losses = args.work / f"{args.part}.jsonl", args.losses.split(",")
    command = f"python benchmarks/nir.py {args.part} --work runs/nir --losses {args.losses} --seeds {args.seeds} "
    command += f"--settings {args.settings}"
    found: dict[str, Any] = {"command": command, "date": time.strftime("%Y-%m-%d"), "seeds": args.seeds}
    seeds = range(args.seeds)
    if args.part == "toy":
        runs, sweep = Runs(path, train_toy), swept(replace(FLOW, rate=1.0), args.settings)
        found["losses"] = {loss: judge_toy(runs, loss, sweep, seeds) for loss in losses}
    else:
        data, sweep = images(args.part), swept(FLOW, args.settings)
        runs = Runs(path, lambda variant, seed: train_images(data, args.part, variant, seed))
        found["losses"] = {loss: judge_images(runs, loss, RATES[args.part], sweep, seeds) for loss in losses}
        found["untrained"] = untrained(data, args.part, seeds)
    write(args.part, found)


class Runs:
    """Finished trainings by variant and seed, from the work folder where they are known.

    Args:
        path: the file, a line a training.
        train: variant, seed -> measures.
    """

    def __init__(self, path: Path, train: Callable[[Variant, int], Run]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
        self._known = {line["key"]: line["measures"] for line in lines}
        self._path, self._train = path, train

    def __call__(self, variant: Variant, seeds: Sequence[int]) -> list[Run]:
        """The trainings of a variant."""
        return [self._one(variant, seed) for seed in seeds]

    def _one(self, variant: Variant, seed: int) -> Run:
        loss, rate, nir = variant
        key = json.dumps([loss, rate, None if nir is None else asdict(nir), seed])
        if key not in self._known:
            self._known[key] = self._train(variant, seed)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "measures": self._known[key]}) + "\n")
        return self._known[key]


def swept(flow: NIR, settings: int) -> list[NIR]:
    """The first so many settings of the sweep."""
    return [replace(flow, form=form, weight=weight) for form, weight in SWEEP[:settings]]


def mean(runs: Sequence[Run], measure: str) -> float:
    return float(np.mean([run[measure] for run in runs]))


def paired(runs: Sequence[Run], others: Sequence[Run], measure: str) -> dict[str, Any]:
    """Mean difference over seeds in points, its 95 % t interval, the differences, and how many favour the first."""
    differences = np.array([100 * (a[measure] - b[measure]) for a, b in zip(runs, others, strict=True)])
    middle, half = float(differences.mean()), half_width(differences)
    return {
        "difference": middle,
        "ci": None if half is None else [middle - half, middle + half],
        "each": differences.tolist(),
        "better": int((differences > 0).sum()),
    }


# The toy ---------------------------------------------------------------------------------------------------------


def toy(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """(n, 3) points, (n,) classes 0..3, (n,) modes 0..7: on the unit circle, above or below its plane."""
    rng = np.random.default_rng(seed)
    classes, above = rng.integers(4, size=n), rng.integers(2, size=n)
    angle = classes * np.pi / 2
    centre = np.stack([np.cos(angle), np.sin(angle), 0.3 * (2 * above - 1)], axis=1)
    points = centre + rng.normal(scale=0.15, size=(n, 3))
    return torch.tensor(points, dtype=torch.float32), torch.tensor(classes), torch.tensor(2 * classes + above)


def train_toy(variant: Variant, seed: int) -> Run:
    """Recall@1 of modes and classes on 512 new points."""
    loss, rate, nir = variant
    torch.manual_seed(seed)
    dimension = DIMENSION["toy"]
    network = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, dimension))
    criterion = RetrievalCriterion(ProxyLoss(loss, 4, dimension), dimension, nir, proxy_rate=rate)
    groups = [{"params": g["params"], "lr": TOY_LEARNING_RATE * g["rate"]} for g in criterion.groups()]
    optimizer = torch.optim.Adam([{"params": network.parameters(), "lr": TOY_LEARNING_RATE}, *groups])
    x, y, _ = toy(TOY_STEPS * TOY_BATCH, 2 * seed)
    for points, classes in zip(x.split(TOY_BATCH), y.split(TOY_BATCH), strict=True):
        optimizer.zero_grad()
        criterion(functional.normalize(network(points), dim=1), classes).backward()
        nn.utils.clip_grad_norm_(criterion.parameters(), 3.0)
        optimizer.step()
    x, y, modes = toy(512, 2 * seed + 1)
    with torch.no_grad():
        embeddings = functional.normalize(network(x), dim=1)
    return {"modes": recall_at_1(embeddings, modes), "classes": recall_at_1(embeddings, y)}


def judge_toy(runs: Runs, loss: str, sweep: Sequence[NIR], seeds: Sequence[int]) -> dict[str, Any]:
    """Every weight beside the proxy loss alone."""
    plain = runs((loss, TOY_RATE, None), seeds)
    rows = []
    for nir in sweep:
        found = runs((loss, TOY_RATE, nir), seeds)
        rows.append(
            {
                "form": nir.form,
                "weight": nir.weight,
                **{m: {"mean": mean(found, m), **paired(found, plain, m)} for m in ("modes", "classes")},
            }
        )
    return {"plain": {m: mean(plain, m) for m in ("modes", "classes")}, "rows": rows}


# Images ----------------------------------------------------------------------------------------------------------


def images(part: str) -> ImageData:
    """The images of a part."""
    if part == "digits":
        return load_images("digits")
    return load_images(str(Path(os.environ["NASSAY_DATA"]) / OMNIGLOT), image_shape=OMNIGLOT_SHAPE)


def network_for(shape: tuple[int, int, int], dimension: int) -> nn.Module:
    """Three convolutions, the last two of which halve the map, and the task's head."""
    layers: list[nn.Module] = []
    channels = shape[0]
    for width, stride in ((32, 1), (64, 2), (64, 2)):
        convolution = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, EmbeddingHead(channels, dimension))


def train_images(data: ImageData, part: str, variant: Variant, seed: int) -> Run:
    """Measures of one network on the classes of validation, of test, and of both together."""
    loss, rate, nir = variant
    dimension = DIMENSION[part]
    task = Retrieval(data, seed=seed, dimension=dimension, loss=loss, nir=nir, proxy_rate=rate)
    torch.manual_seed(seed)
    training = Training(network_for(task.input_shape, dimension), task, seed=seed)
    started = time.process_time()
    estimate = training.run(Fidelity(epochs=EPOCHS[part], final=True))
    if estimate.value is None:
        print(f"{variant} seed {seed}: {estimate.reason}", flush=True)
        return {"validation": 0.0, "test": 0.0, "unseen": 0.0, "test_map_at_r": 0.0, "entropy": 0.0, "diverged": 1.0}
    test = task.open_test()
    both = Split(np.concatenate([task.validation.x, test.x]), np.concatenate([task.validation.y, test.y]))
    outputs, targets = training.outputs(test)
    tested = task.metrics_of(outputs, targets)
    return {
        "validation": task.metric_of(*training.outputs(task.validation)),
        "test": tested["recall_at_1"],
        "unseen": task.metric_of(*training.outputs(both)),
        "test_map_at_r": tested["map_at_r"],
        "test_nmi": tested["nmi"],
        "entropy": spectrum_entropy(outputs, targets),
        "diverged": 0.0,
        "seconds": time.process_time() - started,
    }


def untrained(data: ImageData, part: str, seeds: Sequence[int]) -> dict[str, dict[str, float]]:
    """Mean measures on the test classes of the pixels themselves, and of networks that have learnt nothing."""
    found = []
    for seed in seeds:
        task = Retrieval(data, seed=seed, dimension=DIMENSION[part])
        test = task.open_test()
        torch.manual_seed(seed)
        network, x = network_for(task.input_shape, DIMENSION[part]).eval(), task.prepare(torch.from_numpy(test.x))
        with torch.no_grad():
            pair = {"pixels": x.flatten(1), "random weights": network(x)}
        found.append({name: task.metrics_of(one, torch.from_numpy(test.y)) for name, one in pair.items()})
    return {
        name: {measure: mean([f[name] for f in found], measure) for measure in ("recall_at_1", "map_at_r")}
        for name in ("pixels", "random weights")
    }


def spectrum_entropy(embeddings: Tensor, labels: Tensor) -> float:
    """Entropy of the eigenvalues of the covariance within classes, over its largest: 1 where classes are isotropic."""
    centred = torch.cat([embeddings[labels == c] - embeddings[labels == c].mean(0) for c in labels.unique()])
    eigenvalues = torch.linalg.eigvalsh(centred.T @ centred).clamp_min(1e-12)
    shares = eigenvalues / eigenvalues.sum()
    return float(-(shares * shares.log()).sum() / np.log(len(shares)))


def judge_images(
    runs: Runs, loss: str, rates: Sequence[float], sweep: Sequence[NIR], seeds: Sequence[int]
) -> dict[str, Any]:
    """The proxies' rate, the sweep, and the choice by validation on the test classes."""
    plains = {rate: runs((loss, rate, None), seeds) for rate in rates}
    rate = max(plains, key=lambda r: mean(plains[r], "validation"))
    plain = plains[rate]
    trained = [(nir, runs((loss, rate, nir), seeds)) for nir in sweep]
    nir, chosen = max(trained, key=lambda pair: mean(pair[1], "validation"))
    return {
        "rates": {str(r): {m: mean(found, m) for m in ("validation", "test")} for r, found in plains.items()},
        "rate": rate,
        "plain": {m: mean(plain, m) for m in plain[0]},
        "chosen": {**asdict(nir), "beats_plain_on_validation": mean(chosen, "validation") > mean(plain, "validation")},
        "test": paired(chosen, plain, "test"),
        "unseen": paired(chosen, plain, "unseen"),
        "map_at_r": paired(chosen, plain, "test_map_at_r"),
        "rows": [row(nir, found, plain) for nir, found in trained],
    }


def row(nir: NIR, found: Sequence[Run], plain: Sequence[Run]) -> dict[str, Any]:
    """One form and weight of the sweep."""
    return {
        "form": nir.form,
        "weight": nir.weight,
        "diverged": sum(run["diverged"] for run in found),
        "validation": mean(found, "validation"),
        "test": mean(found, "test"),
        "map_at_r": mean(found, "test_map_at_r"),
        "entropy": mean(found, "entropy"),
        "difference": paired(found, plain, "test"),
        "unseen": paired(found, plain, "unseen"),
    }


# The page --------------------------------------------------------------------------------------------------------


def write(part: str, found: dict[str, Any]) -> None:
    """Puts a part beside those measured before."""
    path = RESULTS / "nir.json"
    parts = json.loads(path.read_text("utf-8"))["parts"] if path.exists() else {}
    parts = {name: {**parts, part: found}[name] for name in ("toy", "digits", "omniglot") if name in {*parts, part}}
    methods = {"loss/nir": {"result": verdict(parts), "command": "python benchmarks/nir.py"}}
    path.write_text(json.dumps({"methods": methods, "parts": parts}, indent=1) + "\n", "utf-8")
    (RESULTS / "nir.md").write_text(page(parts), "utf-8")


def verdict(parts: dict[str, Any]) -> str:
    """What docs/methods.md says."""
    told = [
        f"{part}, {loss}: points of Recall@1 on unseen classes, and seeds in favour: {interval(result['test'])}"
        for part, found in parts.items()
        if part != "toy"
        for loss, result in found["losses"].items()
    ]
    return "; ".join(told)


def page(parts: dict[str, Any]) -> str:
    """Markdown."""
    sections = [toy_section(f) if name == "toy" else image_section(name, f) for name, f in parts.items()]
    return (
        "# NIR: proxy losses with and without non-isotropy regularisation\n\n"
        "Differences are NIR minus the proxy loss alone, in points, paired by seed: mean, 95 % t interval over the "
        "seeds, seeds in favour.\nomega is NIR's weight (1 / w of the released code). Times are in no table: they "
        "depend on the machine.\n\n" + "\n".join(sections)
    )


def toy_section(found: dict[str, Any]) -> str:
    text = f"## Toy: modes that the labels do not tell\n\n`{found['command']}`, {found['date']}, "
    text += f"{found['seeds']} seeds, 512 test points each.\n"
    for loss, result in found["losses"].items():
        plain = result["plain"]
        text += f"\n`{loss}` alone: Recall@1 of the mode {percent(plain['modes'])}, "
        text += f"of the class {percent(plain['classes'])}.\n\n"
        text += "| form | omega | mode, % | difference | class, % | difference |\n|---|---:|---:|---|---:|---|\n"
        for r in result["rows"]:
            cells = (f"{100 * r[m]['mean']:.1f} | {interval(r[m])}" for m in ("modes", "classes"))
            text += f"| {r['form']} | {r['weight']:g} | {' | '.join(cells)} |\n"
    return text


def image_section(name: str, found: dict[str, Any]) -> str:
    text = f"## {name.capitalize()}\n\n`{found['command']}`, {found['date']}, {found['seeds']} seeds, "
    size = "8x8" if name == "digits" else f"{OMNIGLOT_SHAPE[1]}x{OMNIGLOT_SHAPE[2]}"
    text += f"images of {size} pixels, embeddings of {DIMENSION[name]} dimensions, {EPOCHS[name]:g} epochs.\n"
    known = (f"{n} {percent(m['recall_at_1'])} ({percent(m['map_at_r'])})" for n, m in found["untrained"].items())
    text += f"Without any training, Recall@1 (mAP@R) on the test classes: {', '.join(known)}.\n"
    for loss, result in found["losses"].items():
        chosen, plain = result["chosen"], result["plain"]
        text += f"\n### {loss}, {name}\n\nAlone: Recall@1 {percent(plain['test'])} on the test classes, "
        text += f"mAP@R {percent(plain['test_map_at_r'])}, spectrum entropy {plain['entropy']:.3f}; "
        rates = ", ".join(f"{float(r):g}: {percent(v['validation'])}" for r, v in result["rates"].items())
        text += f"proxies' learning rate x{result['rate']:g} (on validation classes {rates}).\n"
        verdict = "better" if chosen["beats_plain_on_validation"] else "no better"
        text += f"Chosen by the validation classes: {chosen['form']}, omega {chosen['weight']:g}, there {verdict} than "
        text += f"without. Recall@1 on the test classes: {interval(result['test'])}; on all unseen classes: "
        text += f"{interval(result['unseen'])}; mAP@R: {interval(result['map_at_r'])}.\n\n"
        text += "| form | omega | validation, % | test, % | difference, test | difference, all unseen | mAP@R, % "
        text += "| entropy | diverged |\n|---|---:|---:|---:|---|---|---:|---:|---:|\n"
        for r in result["rows"]:
            text += f"| {r['form']} | {r['weight']:g} | {100 * r['validation']:.2f} | {100 * r['test']:.2f} | "
            text += f"{interval(r['difference'])} | {interval(r['unseen'])} | {100 * r['map_at_r']:.2f} | "
            text += f"{r['entropy']:.3f} | {r['diverged']:.0f} |\n"
    return text


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def interval(p: dict[str, Any]) -> str:
    around = "" if p["ci"] is None else f" ({p['ci'][0]:+.2f} to {p['ci'][1]:+.2f})"
    return f"{p['difference']:+.2f}{around}, {p['better']} of {len(p['each'])}"


if __name__ == "__main__":
    main()
