"""Tiny files in the layouts of the official releases, and pickles that try to run something."""

import bz2
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

CELLS = (
    "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
    "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
)


class Harmful:
    """Unpickled without care, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def harmful(tmp_path: Path) -> Harmful:
    return Harmful(tmp_path / "it-ran")


def result(accuracies: dict[str, float], epochs: int, seed: int, cost: float) -> dict[str, Any]:
    """The state of a `ResultsCount`: the last epoch has the accuracy, all before it have 1."""
    curves = {
        f"{part}@{epoch}": value if epoch == epochs - 1 else 1.0
        for part, value in accuracies.items()
        for epoch in range(epochs)
    }
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": OrderedDict((epoch, 1.0) for epoch in range(epochs)),
        "train_times": OrderedDict((epoch, cost) for epoch in range(epochs)),
        "arch_config": {"name": "infer.tiny", "class_num": 10},
        "params": cost / 10,
        "flop": cost,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": list(accuracies),
        "eval_acc1es": curves,
        "eval_losses": dict(curves),
        "eval_times": {},
    }


def state(index: int, epochs: int, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The state of an `ArchResults`; accuracies are 10 (index + 1), plus 1 for each seed after the first."""
    parts = {
        "cifar10-valid": ("x-valid", "ori-test"),
        "cifar10": ("ori-test",),
        "cifar100": ("ori-test", "x-valid", "x-test"),
        "ImageNet16-120": ("ori-test", "x-valid", "x-test"),
    }
    offsets = {"x-valid": 0.0, "x-test": 0.25, "ori-test": 0.5}
    results = {
        (dataset, seed): result(
            {part: 10.0 * (index + 1) + number + offsets[part] for part in names}, epochs, seed, 1.0 + number
        )
        for dataset, names in parts.items()
        for number, seed in enumerate(seeds)
    }
    return {
        "arch_index": index,
        "arch_str": CELLS[index],
        "all_results": results,
        "dataset_seed": {dataset: list(seeds) for dataset in parts},
        "clear_net_done": True,
    }


def trainings(index: int) -> dict[str, dict[str, Any]]:
    return {"12": state(index, 12, (777,)), "200": state(index, 200, (777, 888))}


@pytest.fixture
def nb201_content() -> dict[str, Any]:
    """What a NAS-Bench-201 file holds, for two cells."""
    infos = {i: {"less": trainings(i)["12"], "full": trainings(i)["200"]} for i in range(2)}
    return {"meta_archs": list(CELLS), "total_archs": 2, "arch2infos": infos, "evaluated_indexes": [0, 1]}


@pytest.fixture
def nats_content() -> dict[str, Any]:
    """What a NATS-Bench file holds, for two cells."""
    infos = OrderedDict((i, trainings(i)) for i in range(2))
    return {"meta_archs": list(CELLS), "arch2infos": infos, "evaluated_indexes": {0, 1}}


@pytest.fixture
def nats_folder(tmp_path: Path) -> Path:
    """NATS-Bench's folder: a file for each cell, and `meta`."""
    folder = tmp_path / "NATS-tss-v1_0-3ffb9-simple"
    folder.mkdir()
    save_pickle({"meta_archs": list(CELLS)}, folder / "meta.pickle.pbz2")
    for i in range(2):
        save_pickle(trainings(i), folder / f"{i:06d}.pickle.pbz2")
    return folder


def save_pickle(content: Any, path: Path, protocol: int = 4) -> Path:
    with bz2.open(path, "wb") as file:
        pickle.dump(content, file, protocol=protocol)
    return path


@pytest.fixture
def save() -> Any:
    """save(content, path, protocol=4): a pickle compressed by bzip2."""
    return save_pickle
