"""NAS-Bench-201 (a `.pth` file) and NATS-Bench's topology space (a `.pickle.pbz2` file, or a folder of them).

Both hold, for each of 15,625 cells and for each length of training, the state of the API's `ArchResults`: trainings by
(data set, seed), each with accuracies by evaluation set and epoch, such as `x-test@199`. The format was read in the
APIs' source (D-X-Y/NAS-Bench-201, D-X-Y/NATS-Bench); the files themselves were not at hand.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow

from nassay.errors import UserError
from nassay.estimators.tables.importers.base import Importer, importers, table_of
from nassay.estimators.tables.importers.pickles import load_pickle, load_pth

# column: (data set in the file, evaluation set)
MEASURED = {
    "cifar10_valid": ("cifar10-valid", "x-valid"),
    "cifar10_test": ("cifar10", "ori-test"),
    "cifar100_valid": ("cifar100", "x-valid"),
    "cifar100_test": ("cifar100", "x-test"),
    "imagenet16_120_valid": ("ImageNet16-120", "x-valid"),
    "imagenet16_120_test": ("ImageNet16-120", "x-test"),
}
COSTED = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16_120": "ImageNet16-120"}
LENGTHS = {"less": "12", "full": "200"}  # what the .pth file calls them
SUFFIX = ".pickle.pbz2"

Trainings = Mapping[str, Mapping[str, Any]]


def read(path: Path) -> pyarrow.Table:
    """One row a cell: accuracies by data set, split, epochs and seed, and their means; costs.

    Raises:
        UserError: the file is damaged, holds more than plain data, or is of another kind.
    """
    try:
        return table_of([_row(*cell) for cell in _cells(path)])
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not laid out like NAS-Bench-201: {type(error).__name__} {error}.") from error


def _cells(path: Path) -> Iterator[tuple[int, str, Trainings]]:
    """Number, string and trainings by epochs of every cell in the file."""
    if path.is_dir():
        names = load_pickle(path / f"meta{SUFFIX}")["meta_archs"]
        for file in sorted(path.glob(f"[0-9]*{SUFFIX}")):
            index = int(file.name.removesuffix(SUFFIX))
            yield index, names[index], load_pickle(file)
        return
    content = load_pickle(path) if path.name.endswith(".pbz2") else load_pth(path)
    for index in sorted(content["arch2infos"]):
        trainings = content["arch2infos"][index]
        yield index, content["meta_archs"][index], {LENGTHS.get(k, k): v for k, v in trainings.items()}


def _row(index: int, text: str, trainings: Trainings) -> dict[str, Any]:
    row: dict[str, Any] = {"index": index, "arch_str": text}
    for epochs, state in trainings.items():
        if state["arch_str"] != text:
            raise UserError(f"Number {index} is {text} in one place and {state['arch_str']} in another.")
        for column, (dataset, part) in MEASURED.items():
            key = f"{part}@{int(epochs) - 1}"
            accuracies = {seed: float(r["eval_acc1es"][key]) for seed, r in _seeds(state, dataset)}
            if accuracies:
                row[f"{column}_acc_{epochs}"] = fmean(accuracies.values())
                row |= {f"{column}_acc_{epochs}_seed{seed}": value for seed, value in accuracies.items()}
        for prefix, dataset in COSTED.items():
            row |= _costs(prefix, epochs, [result for _, result in _seeds(state, dataset)])
    return row


def _seeds(state: Mapping[str, Any], dataset: str) -> list[tuple[int, Mapping[str, Any]]]:
    """The trainings on a data set: (seed, result)."""
    return [(seed, state["all_results"][(dataset, seed)]) for seed in state["dataset_seed"].get(dataset, ())]


def _costs(prefix: str, epochs: str, results: list[Mapping[str, Any]]) -> dict[str, float]:
    if not results:
        return {}
    costs = {
        f"params_{prefix}_M": fmean(float(r["params"]) for r in results),
        f"flops_nb201_{prefix}_M": fmean(float(r["flop"]) for r in results),
    }
    times = [sum(map(float, r["train_times"].values())) for r in results if r["train_times"]]
    return costs | ({f"{prefix}_train_time_all_epochs_s_{epochs}": fmean(times)} if times else {})


importers.register("nasbench201")(
    Importer(
        read,
        "nasbench201.parquet",
        15_625,
        "NAS-Bench-201-v1_1-096897.pth, NATS-tss-v1_0-3ffb9.pickle.pbz2 or the folder NATS-tss-v1_0-3ffb9-simple",
        "github.com/D-X-Y/NATS-Bench",
        {r".*_acc_.*": (0.0, 100.0), r"(params|flops)_.*": (0.0, 1000.0)},
    )
)
