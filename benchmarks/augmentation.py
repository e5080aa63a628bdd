"""Whether images should move by whole pixels or by fractions: errors of cross-validation on embedded digits.

    python benchmarks/augmentation.py --seconds 38

Four networks of the `mobile` space, as searches of the demo have found them, are trained on four fifths of the images
and judged on the others, five times over, each on one thread, moved either way. The images that seed 0 keeps for the
test are left out: the demo is reported on them.
Writes `benchmarks/results/augmentation.md` and `.json`; other lengths that it holds stay in it.
"""

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nassay.estimators.base import Fidelity
from nassay.estimators.training import Training
from nassay.studies.executors import usable_cores
from nassay.tasks import augment
from nassay.tasks.classification import Classification
from nassay.tasks.image_data import ImageData
from nassay.tasks.images import load_images
from nassay.tasks.splits import assign_splits

RESULTS = Path(__file__).parent / "results"
FOLDS = 5
NETWORKS = (
    "mobile:stem16-w16[k3e3]-w24[k3e4]-w16[k5e4se]-w24[k5e3]-w32[k3e4]-w56[k5e4se]-tail160",
    "mobile:stem16-w8[k3e2]-w16[k3e2]-w16[k5e2]-w24[k3e1]-w32[k3e1]-w56[k3e2]-tail160",
    "mobile:stem16-w8[k3e2]-w16[k3e2]-w16[k3e3]-w32[k5e4]-w48[k5e3]-w56[k3e1]-tail160",
    "mobile:stem32-w16[k7e1]-w16[k3e1]-w24[k5e1se]-w48[k7e1se]-w72[k7e1se]-w120[k7e2]-tail320",
)


def by_whole_pixels(x: Tensor) -> Tensor:
    """(B, C, H, W) -> the same, each image moved by up to an eighth of each side."""
    rows, columns = (augment._shifted(len(x), side) for side in x.shape[2:])
    moved = x.gather(2, rows[:, None, :, None].expand_as(x))
    return moved.gather(3, columns[:, None, None, :].expand_as(x))


WAYS = {"whole pixels": by_whole_pixels, "fractions": augment.shift}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=38.0, help="of each training")
    seconds = parser.parse_args().seconds
    path = RESULTS / "augmentation.json"
    found: dict[str, dict[str, list[int]]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    jobs = [(way, network, fold, seconds) for way in WAYS for network in NETWORKS for fold in range(FOLDS)]
    with ProcessPoolExecutor(usable_cores()) as pool:
        errors = np.array(list(pool.map(wrong, *zip(*jobs, strict=True)))).reshape(len(WAYS), len(NETWORKS), FOLDS)
    found[f"{seconds:g}"] = dict(zip(WAYS, errors.sum(2).tolist(), strict=True))
    path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    path.with_suffix(".md").write_text(page(found), "utf-8")
    print(page(found))


def page(found: dict[str, dict[str, list[int]]]) -> str:
    """All that was measured, as Markdown."""
    total = len(not_tested().y)
    lines = [
        "# Digits moved by whole pixels and by fractions",
        "",
        f"`python benchmarks/augmentation.py --seconds {' or '.join(found)}`, {time.strftime('%Y-%m-%d')}. Errors",
        f"among {total} images, each judged once by {FOLDS}-fold cross-validation.",
        "",
        f"| seconds | | {' | '.join(f'network {i}' for i in range(1, len(NETWORKS) + 1))} | all | of all answers |",
        f"|---|---|{'---:|' * (len(NETWORKS) + 2)}",
    ]
    for seconds, ways in found.items():
        for way, errors in ways.items():
            share = sum(errors) / (len(NETWORKS) * total)
            lines.append(f"| {seconds} | {way} | {' | '.join(map(str, errors))} | {sum(errors)} | {share:.2%} |")
    return "\n".join(lines) + "\n"


def not_tested() -> ImageData:
    """The digits that seed 0 does not keep for the test."""
    data = load_images("digits")
    split, _ = assign_splits(data.y, data.split, data.classes, seed=0)
    kept = np.flatnonzero(split != "test")
    return replace(data, x=data.x[kept], y=data.y[kept], split=split[kept])


def wrong(way: str, network: str, fold: int, seconds: float) -> int:
    """Errors of a network on a fold when it was trained on the others."""
    torch.set_num_threads(1)
    augment.shift = WAYS[way]
    data = not_tested()
    held_out = folds(data.y) == fold
    # a task has a test split; here it is the fold once more, and nobody looks at it
    rows = np.concatenate([np.arange(len(data.y)), np.flatnonzero(held_out)])
    split = np.concatenate([np.where(held_out, "validation", "train"), np.full(held_out.sum(), "test")])
    task = Classification(replace(data, x=data.x[rows], y=data.y[rows], split=split), seed=0)
    space = task.space("mobile")
    torch.manual_seed(fold)
    training = Training(space.build(space.from_string(network)), task, seed=fold)
    training.run(Fidelity(seconds=seconds, final=True))
    outputs, targets = training.outputs(task.validation)
    return int((outputs.argmax(1) != targets).sum())


def folds(y: np.ndarray) -> np.ndarray:
    """The fold of each image, the same share of every class in each."""
    rng, fold = np.random.default_rng(77), np.empty(len(y), dtype=int)
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        fold[members] = np.arange(len(members)) % FOLDS
    return fold


if __name__ == "__main__":
    main()
