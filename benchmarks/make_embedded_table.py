"""Makes the table that is part of nassay: every network of `tiny201` trained on digits, three seeds, all curves.

    python benchmarks/make_embedded_table.py --work runs/embedded --workers 2
    python benchmarks/make_embedded_table.py --work runs/embedded --only 2      # a trial: two networks, no table

Every finished network is a line of `networks.jsonl` in the work folder; the same command goes on where it was stopped,
and writes src/nassay/data/embedded.parquet once all are there. One thread a worker: on one processor model and torch
version the numbers come out the same, whatever the number of workers.

The recipe: thirds of the 1,797 digits (stratified, seed 0) for training, validation and test, standardised by the first
third; 12 epochs of batches of 64, last partial batch left out, no augmentation; SGD with Nesterov momentum 0.9, weight
decay 5e-4, learning rate 0.1 falling to zero along a cosine, step by step; cross-entropy.
"""

import argparse
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from pyarrow import parquet
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn import functional

from nassay.estimators.analytic import Analytic
from nassay.estimators.tables.embedded import EPOCHS, ITEMS, SEEDS
from nassay.spaces.tiny201 import Tiny201
from nassay.tasks.datasets import digits

TABLE = Path(__file__).parents[1] / "src" / "nassay" / "data" / "embedded.parquet"
BATCH = 64
RATE = 0.1

Thirds = dict[str, tuple[Tensor, Tensor]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps what is done")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--only", type=int, help="train this many networks, evenly spaced, and write no table")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table")
    args = parser.parse_args()
    space = Tiny201()
    texts = [space.to_string(architecture) for architecture in space.networks()]
    if args.only:
        texts = texts[:: max(1, len(texts) // args.only)][: args.only]
    done = train_all(texts, args.work, args.workers)
    if not args.only:
        write_table([done[text] for text in texts], args.out)
        print(f"{args.out}: {args.out.stat().st_size:,} bytes")


def train_all(texts: list[str], work: Path, workers: int) -> dict[str, dict[str, Any]]:
    """Results by architecture; those in the work folder are taken from there."""
    work.mkdir(parents=True, exist_ok=True)
    journal = work / "networks.jsonl"
    done = read_journal(journal)
    missing = [text for text in texts if text not in done]
    started = time.perf_counter()
    with journal.open("a") as lines, ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for i, future in enumerate(as_completed([pool.submit(train_network, text) for text in missing]), start=1):
            row = future.result()
            done[row["arch_str"]] = row
            lines.write(json.dumps(row) + "\n")
            lines.flush()
            if i % 20 == 0 or i == len(missing):
                left = (time.perf_counter() - started) / i * (len(missing) - i)
                print(f"{len(done)} networks, {left / 60:.1f} minutes to go", flush=True)
    return done


def read_journal(journal: Path) -> dict[str, dict[str, Any]]:
    """The finished networks; a last line that was cut off is removed from the file."""
    if not journal.exists():
        return {}
    lines = [line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    journal.write_text("".join(lines))
    return {row["arch_str"]: row for row in map(json.loads, lines)}


def train_network(text: str) -> dict[str, Any]:
    """One row of the table: counts, and the curves of every seed."""
    torch.set_num_threads(1)
    space = Tiny201()
    architecture = space.from_string(text)
    totals = Analytic.of(space).totals(architecture)
    row = {"arch_str": text, "params": totals["params"], "macs": totals["macs"]}
    for seed in SEEDS:
        torch.manual_seed(seed)
        curves = train(space.build(architecture), thirds(), seed)
        row |= {f"{name}_seed{seed}": values for name, values in curves.items()}
    return row


@cache
def thirds() -> Thirds:
    """train, valid and test: (599, 1, 8, 8) standardised images and labels each."""
    data = digits()
    x, y = torch.from_numpy(data.x).float(), torch.from_numpy(data.y)
    folds = StratifiedKFold(3, shuffle=True, random_state=0).split(np.zeros(len(y)), data.y)
    parts = [torch.from_numpy(rows) for _, rows in folds]
    assert all(len(rows) == ITEMS for rows in parts)
    mean, std = x[parts[0]].mean(), x[parts[0]].std()
    return {
        name: ((x[rows] - mean) / std, y[rows]) for name, rows in zip(("train", "valid", "test"), parts, strict=True)
    }


def train(network: nn.Module, data: Thirds, seed: int) -> dict[str, Any]:
    """Train in place.

    Returns:
        For every epoch how many validation and test images were right, and the mean training loss; CPU seconds.
    """
    started = time.process_time()
    x, y = data["train"]
    steps = len(x) // BATCH
    optimizer = torch.optim.SGD(network.parameters(), RATE, momentum=0.9, weight_decay=5e-4, nesterov=True, fused=True)
    order = torch.Generator().manual_seed(seed)
    curves: dict[str, Any] = {"valid_right": [], "test_right": [], "train_loss": []}
    for epoch in range(EPOCHS):
        network.train()
        losses = []
        for step, rows in enumerate(torch.randperm(len(x), generator=order)[: steps * BATCH].split(BATCH)):
            progress = (epoch * steps + step) / (EPOCHS * steps)
            optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * progress)) / 2
            loss = functional.cross_entropy(network(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curves["train_loss"].append(float(np.mean(losses)))
        for split in ("valid", "test"):
            curves[f"{split}_right"].append(count_right(network, *data[split]))
    return {**curves, "train_s": round(time.process_time() - started, 3)}


def count_right(network: nn.Module, x: Tensor, y: Tensor) -> int:
    """How many images get their own class."""
    network.eval()
    with torch.inference_mode():
        return int((network(x).argmax(dim=1) == y).sum())


def write_table(rows: list[dict[str, Any]], path: Path) -> None:
    """The Parquet file, written under another name and then renamed."""
    types = {"arch_str": pyarrow.string(), "params": pyarrow.int32(), "macs": pyarrow.int32()}
    for seed in SEEDS:
        types |= {f"{split}_right_seed{seed}": pyarrow.list_(pyarrow.uint16()) for split in ("valid", "test")}
        types |= {f"train_loss_seed{seed}": pyarrow.list_(pyarrow.float32()), f"train_s_seed{seed}": pyarrow.float32()}
    table = pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(types.items()))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    parquet.write_table(table, partial, compression="zstd", compression_level=19)
    partial.replace(path)


if __name__ == "__main__":
    main()
