"""TG-NAS's trained predictor and the phrases' embeddings, both part of the package: nothing is downloaded.

`benchmarks/make_tg_nas.py` makes the two files. The embeddings are those of all-MiniLM-L6-v2, a sentence transformer;
the predictor is the mean of several networks trained on NAS-Bench-101's cells.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from nassay.errors import UserError
from nassay.estimators.predictors.tg_nas.fitting import Settings
from nassay.estimators.predictors.tg_nas.gcn import GCN, join
from nassay.estimators.predictors.tg_nas.sentences import sentence
from nassay.spaces.base import Graph

FOLDER = Path(__file__).parent
EMBEDDINGS, WEIGHTS = FOLDER / "embeddings.safetensors", FOLDER / "predictor.safetensors"
TOGETHER = 2048  # cells of one pass


class Rows(dict[str, int]):
    """The row of each label, looked up by its phrase.

    Args:
        phrases: in the order of the rows.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        super().__init__()
        self._phrases = {phrase: row for row, phrase in enumerate(phrases)}

    def __missing__(self, label: str) -> int:
        phrase = sentence(label)
        if phrase not in self._phrases:
            raise UserError(
                f"TG-NAS has no embedding of {phrase!r}, the operation {label!r}; it has those of "
                f"{'; '.join(self._phrases)}. `benchmarks/make_tg_nas.py` makes more."
            )
        self[label] = self._phrases[phrase]
        return self[label]


def with_last_row(embeddings: Tensor) -> Tensor:
    """(n, d) embeddings -> (n + 1, d + 1) table: a column of zeros, and a row of zeros that ends with a 1."""
    table = torch.zeros(len(embeddings) + 1, embeddings.shape[1] + 1)
    table[:-1, :-1], table[-1, -1] = embeddings, 1.0
    return table


def save_embeddings(path: Path, phrases: Sequence[str], embeddings: Tensor, source: str) -> None:
    """Writes (n, d) embeddings of n phrases, with a word on where they are from."""
    metadata = {"phrases": json.dumps(list(phrases)), "source": source}
    save_file({"embeddings": embeddings.float().contiguous()}, path, metadata)


def load_embeddings(path: Path = EMBEDDINGS) -> tuple[Rows, Tensor]:
    """The rows of labels, and the (n + 1, d + 1) table."""
    with safe_open(path, "pt") as file:
        return Rows(json.loads(file.metadata()["phrases"])), with_last_row(file.get_tensor("embeddings"))


class Predictor:
    """The mean of several networks' predictions; deterministic.

    Args:
        networks: trained.
        rows: row of each label in the table.
        table: (n + 1, features) features of labels and, last, of the node that all others feed.
    """

    def __init__(self, networks: Sequence[GCN], rows: Mapping[str, int], table: Tensor) -> None:
        self._networks, self._rows, self._table = [n.eval() for n in networks], rows, table

    def predict(self, graphs: Sequence[Graph]) -> np.ndarray:
        """(n,) how good the cells are, larger is better; only the order means something.

        Raises:
            UserError: an operation without an embedded phrase.
        """
        found = []
        with torch.inference_mode():
            for start in range(0, len(graphs), TOGETHER):
                batch = join(graphs[start : start + TOGETHER], self._rows, len(self._table) - 1)
                found.append(torch.stack([n(self._table, batch) for n in self._networks]).mean(0))
        return torch.cat(found).numpy() if found else np.zeros(0)


def save_networks(path: Path, networks: Sequence[GCN], settings: Settings, facts: Mapping[str, object]) -> None:
    """Writes trained networks, how they were made, and facts about their training."""
    tensors = {f"{i}.{name}": t for i, network in enumerate(networks) for name, t in network.state_dict().items()}
    metadata = {"settings": json.dumps(asdict(settings)), "facts": json.dumps(facts), "networks": str(len(networks))}
    save_file(tensors, path, metadata)


def load_networks(path: Path, features: int) -> list[GCN]:
    """The networks of a file, for tables with so many features."""
    with safe_open(path, "pt") as file:
        settings = Settings(**json.loads(file.metadata()["settings"]))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, a file is no dictionary
        count = int(file.metadata()["networks"])
    networks = []
    for i in range(count):
        with torch.random.fork_rng(devices=[]):
            network = GCN(features, settings.layers, settings.normalised)
        own = {name.removeprefix(f"{i}."): t for name, t in tensors.items() if name.startswith(f"{i}.")}
        network.load_state_dict(own)
        networks.append(network)
    return networks


@cache
def shipped() -> Predictor:
    """The predictor that is part of nassay."""
    rows, table = load_embeddings()
    return Predictor(load_networks(WEIGHTS, table.shape[1]), rows, table)
