from pathlib import Path

import numpy as np
import pytest
import torch

from nassay.errors import UserError
from nassay.estimators.predictors.tg_nas.fitting import Settings, fit
from nassay.estimators.predictors.tg_nas.predictor import (
    Predictor,
    Rows,
    load_embeddings,
    load_networks,
    save_embeddings,
    save_networks,
    shipped,
    with_last_row,
)
from nassay.spaces.base import Graph

SETTINGS = Settings(layers=2, epochs=1, normalised=True)
GRAPHS = [Graph(("input", label, "output"), ((0, 1), (1, 2))) for label in ("conv_1x1", "conv_3x3", "max_pool_3x3")] * 6


def test_rows_are_found_by_phrase() -> None:
    rows = Rows(["Input", "Convolution 3 by 3"])
    assert rows["nor_conv_3x3"] == rows["conv3x3-bn-relu"] == 1
    with pytest.raises(UserError, match="no embedding of 'Convolution 5 by 5'"):
        rows["conv_5x5"]


def test_the_last_row_is_told_apart_by_a_column_of_its_own() -> None:
    assert with_last_row(torch.tensor([[2.0, 3.0]])).tolist() == [[2.0, 3.0, 0.0], [0.0, 0.0, 1.0]]


def test_shipped_embeddings_are_unit_vectors_near_by_meaning() -> None:
    rows, table = load_embeddings()
    vectors = table[:-1, :-1]
    assert vectors.shape[1] == 384  # all-MiniLM-L6-v2
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(len(vectors)))

    def likeness(a: str, b: str) -> float:
        return float(vectors[rows[a]] @ vectors[rows[b]])

    assert likeness("max_pool_3x3", "avg_pool_3x3") > likeness("max_pool_3x3", "conv_3x3")
    assert likeness("conv_1x1", "conv_3x3") > likeness("conv_1x1", "avg_pool_3x3")


def test_files_give_back_what_was_saved(tmp_path: Path) -> None:
    save_embeddings(tmp_path / "e", ["Input", "Output"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "nowhere")
    rows, table = load_embeddings(tmp_path / "e")
    assert (rows["output"], table[1].tolist()) == (1, [3.0, 4.0, 0.0])

    rows, table = load_embeddings()
    networks = [fit([(GRAPHS, np.arange(18.0))], table, rows, SETTINGS, seed) for seed in (0, 1)]
    save_networks(tmp_path / "n", networks, SETTINGS, {"cells": 18})
    before = torch.get_rng_state()
    again = load_networks(tmp_path / "n", table.shape[1])
    assert torch.equal(before, torch.get_rng_state())
    first, second = Predictor(networks, rows, table), Predictor(again, rows, table)
    assert first.predict(GRAPHS).tolist() == second.predict(GRAPHS).tolist()
    alone = [Predictor([network], rows, table).predict(GRAPHS) for network in networks]
    np.testing.assert_allclose(first.predict(GRAPHS), np.mean(alone, axis=0), rtol=1e-5)


def test_no_cells_have_no_predictions() -> None:
    assert shipped().predict([]).shape == (0,)


def test_the_shipped_predictor_knows_the_rough_order_of_things() -> None:
    """Pooling, a 3x3 convolution, two of them with shortcuts: 88.5, 93.0 and 94.0 % in NAS-Bench-101."""
    pool, one = (Graph(("input", op, "output"), ((0, 1), (1, 2))) for op in ("max_pool_3x3", "conv_3x3"))
    two = Graph(("input", "conv_3x3", "conv_3x3", "output"), ((0, 1), (0, 2), (1, 2), (0, 3), (2, 3)))
    worst, middle, best = shipped().predict([pool, one, two])
    assert worst < middle < best
