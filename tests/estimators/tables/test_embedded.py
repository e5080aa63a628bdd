"""The benchmarks that are part of nassay, and the script that makes the first."""

import json
import runpy
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau

from nassay.errors import UserError
from nassay.estimators.analytic import profile
from nassay.estimators.tables import Table, open_table
from nassay.estimators.tables.embedded import CELL64_ITEMS, CELL64_SEEDS, EPOCHS, ITEMS, SEEDS
from nassay.spaces.tiny201 import Tiny201

ROOT = Path(__file__).parents[3]
SOME = "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def table() -> Table:
    try:
        return open_table("embedded")
    except UserError as error:
        pytest.skip(f"embedded.parquet has not been made yet: {error}")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "benchmarks" / "make_embedded_table.py"))


# The table ---------------------------------------------------------------------------------------------------


def test_every_network_has_every_curve(table: Table) -> None:
    every = set(Tiny201().networks())
    for split in ("valid", "test"):
        for seed in SEEDS:
            for epochs in (1, EPOCHS):
                values = table.values("digits", split, epochs, seed)
                assert set(values) == every
                assert 0 <= min(values.values()) <= max(values.values()) <= 100
    assert table.path.stat().st_size < 1_000_000


def test_no_wish_is_the_mean_test_accuracy_of_the_last_epoch(table: Table) -> None:
    seeds = [table.values("digits", "test", EPOCHS, seed) for seed in SEEDS]
    for architecture, value in list(table.values().items())[::100]:
        assert value == pytest.approx(np.mean([s[architecture] for s in seeds]))


def test_costs_are_those_of_the_networks(table: Table) -> None:
    space, params, macs = table.space(), table.costs("params"), table.costs("macs")
    for architecture in list(params)[::250]:
        counts = profile(space.build(architecture), (1, 8, 8))
        assert (params[architecture], macs[architecture]) == (counts.params, counts.macs)
    assert min(table.costs("train_seconds").values()) > 0


def test_seeds_agree_on_the_ranking(table: Table) -> None:
    # Were it noise, the benchmark would be worth nothing: independent rankings have a tau of 0 +- 0.02.
    one, other = (table.values("digits", seed=seed) for seed in (0, 1))
    assert kendalltau(list(one.values()), [other[a] for a in one]).statistic > 0.4


def test_a_dead_network_knows_nothing(table: Table) -> None:
    dead = table.space().canonical(table.space().from_string(DEAD))
    assert table.values()[dead] < 20 < np.median(list(table.values().values()))


def test_measurements_have_losses_too(table: Table) -> None:
    some = table.space().from_string(SOME)
    losses = {m.series.query: m.value for m in table.measurements(some) if m.series.metric == "train_loss"}
    assert len(losses) == EPOCHS * len(SEEDS)
    assert losses["train after 12 epochs, seed 0"] < losses["train after 1 epochs, seed 0"]


# The 64 networks of the weight-sharing study ------------------------------------------------------------------


def test_cell64_has_five_seeds_of_every_network() -> None:
    table = open_table("embedded_cell64")
    every = set(table.space().networks())
    assert len(every) == 64
    for split, items in CELL64_ITEMS.items():
        for seed in CELL64_SEEDS:
            values = table.values(split=split, seed=seed)
            assert set(values) == every
            right = np.array(list(values.values())) * items / 100
            assert right == pytest.approx(np.rint(right), abs=1e-6)
            assert 0 <= right.min() <= right.max() <= items


def test_cell64_costs_are_those_of_the_networks() -> None:
    table = open_table("embedded_cell64")
    space, params, macs = table.space(), table.costs("params"), table.costs("macs")
    for architecture in list(params)[::20]:
        counts = profile(space.build(architecture), (1, 8, 8))
        assert (params[architecture], macs[architecture]) == (counts.params, counts.macs)


def test_the_seeds_of_cell64_agree_on_the_ranking() -> None:
    # Two seeds of the same networks at full size agree by .08 only, and a truth of that kind would be none.
    table = open_table("embedded_cell64")
    columns = np.array([list(table.values(split="valid", seed=seed).values()) for seed in CELL64_SEEDS])
    taus = [kendalltau(a, b).statistic for a, b in combinations(columns, 2)]
    assert np.mean(taus) > 0.2


# The script --------------------------------------------------------------------------------------------------


def test_digits_are_cut_into_equal_parts_without_overlap(script: dict[str, Any]) -> None:
    thirds = script["thirds"]()
    assert {len(x) for x, _ in thirds.values()} == {ITEMS}
    for _, y in thirds.values():
        assert torch.bincount(y).tolist() == pytest.approx([59.9] * 10, abs=3)
    assert float(thirds["train"][0].mean()) == pytest.approx(0, abs=1e-5)
    assert float(thirds["train"][0].std()) == pytest.approx(1, abs=1e-5)


def test_a_training_is_reproducible_and_counts_what_is_right(script: dict[str, Any]) -> None:
    space, data = Tiny201(), script["thirds"]()
    curves = []
    for _ in range(2):
        torch.manual_seed(0)
        curves.append(script["train"](space.build(space.from_string(DEAD)), data, 0))
    assert curves[0]["test_right"] == curves[1]["test_right"]
    assert curves[0]["train_loss"] == curves[1]["train_loss"]
    # A dead network gives every image the same class: as many are right as that class has images.
    assert set(curves[0]["test_right"]) <= set(torch.bincount(data["test"][1]).tolist())


def test_a_cut_line_is_dropped_from_the_journal(script: dict[str, Any], tmp_path: Path) -> None:
    journal = tmp_path / "networks.jsonl"
    journal.write_text('{"arch_str": "a"}\n{"arch_str": "b"}\n{"arch_s')
    assert set(script["read_journal"](journal)) == {"a", "b"}
    assert journal.read_text() == '{"arch_str": "a"}\n{"arch_str": "b"}\n'
    assert script["read_journal"](tmp_path / "absent") == {}


def test_what_is_in_the_journal_is_not_trained_again(script: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "networks.jsonl").write_text(json.dumps({"arch_str": DEAD, "params": 5}) + "\n")
    assert script["train_all"]([DEAD], tmp_path, 1) == {DEAD: {"arch_str": DEAD, "params": 5}}


def test_a_written_table_is_read_back(script: dict[str, Any], tmp_path: Path) -> None:
    row: dict[str, Any] = {"arch_str": SOME, "params": 7, "macs": 9}
    for seed in SEEDS:
        row |= {f"{split}_right_seed{seed}": [seed] * 11 + [ITEMS] for split in ("valid", "test")}
        row |= {f"train_loss_seed{seed}": [0.5] * 12, f"train_s_seed{seed}": 1.5}
    script["write_table"]([row], tmp_path / "embedded.parquet")
    table = open_table("embedded", tmp_path)
    assert list(table.values().values()) == [100.0]
    assert list(table.values(epochs=1, seed=2).values()) == [pytest.approx(200 / ITEMS)]
    assert list(table.costs("train_seconds").values()) == [1.5]
