"""The cell spaces of NDS against the published tables, strings, and what a space lacks."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nassay.errors import UserError
from nassay.spaces.nds import CELL_FAMILIES, nds_space
from nassay.spaces.nds_cells import NDSDARTS, NDSENAS

FILES = ["NASNet_in", "Amoeba_in", "PNAS_in", "ENAS_in", "DARTS_in", "DARTS_lr-wd_in", "DARTS_fix-w-d_in"]


@pytest.mark.parametrize("file", FILES)
def test_strings_params_and_macs_equal_the_published_ones(
    file: str, count_work: Callable[..., Any], read_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    rows = read_rows("nds_imagenet_and_reruns", "file", "params", "flops", "net_json")
    rows = [row for row in rows if row["file"] == file]
    space = nds_space(file)
    for row in rows:
        assert space.to_string(space.from_string(row["net_json"])) == row["net_json"]
    undilated = [row for row in rows if '"dil_' not in row["net_json"]]
    for row in [rows[0], rows[-1], *undilated[:2]]:
        work = count_work(space, space.from_string(row["net_json"]))
        assert work.params == row["params"]
        if row not in undilated:
            continue  # the published count has dilated convolutions at a larger size
        # One operation an element that ReLU or a pooling reads, the last pooling included, and the head's bias.
        expected = work.macs + work.activations + work.pooled + work.last[0] * work.last[1] ** 2 + 1000
        assert expected == row["flops"]


@pytest.mark.parametrize("name", CELL_FAMILIES)
def test_smallest_string_by_hand(name: str) -> None:
    space = CELL_FAMILIES[name]()
    network = json.loads(space.to_string(space.smallest()))
    assert (network["depth"], network["width"]) == (6, 32)
    chain = [["skip_connect", 2 + i // 2] for i in range(2 * space.num_nodes - 2)]
    assert network["genotype"]["normal"] == [["skip_connect", 0], ["skip_connect", 1], *chain]
    assert network["genotype"]["reduce"] == [["max_pool_3x3", 0], ["max_pool_3x3", 1], *chain]
    last = list(range(2, 2 + space.num_nodes))
    assert network["genotype"]["normal_concat"] == (last if space.concat_all else last[-1:])


def test_samples_differ_in_size() -> None:
    space, rng = NDSENAS(), np.random.default_rng(0)
    plans = [space.plan(space.sample(rng)) for _ in range(40)]
    assert {plan.depth for plan in plans} == {6, 10, 14, 18, 22}
    assert {plan.width for plan in plans} == {32, 48, 64, 80, 96}


def test_scaling_keeps_edges_and_absent_operations() -> None:
    space = NDSDARTS()
    here = space.sample(np.random.default_rng(3))
    small = space.plan(space.scaled(here, 0.0))
    assert (small.depth, small.width) == (6, 32)
    for before, after in zip(*((p.normal, p.reduce) for p in (space.plan(here), small)), strict=True):
        names = [sorted(name == "none" for name, _ in cell.edges) for cell in (before, after)]
        assert names[0] == names[1]
        assert {name for name, _ in after.edges} <= {"none", "max_pool_3x3"}


def changed(**parts: Any) -> str:
    space = NDSENAS()
    return json.dumps(json.loads(space.to_string(space.smallest())) | parts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (changed(depth=7), "no depth 7"),
        (changed(genotype={}), "normal"),
        (changed(genotype={"normal": [["conv_1x1", 0]]}), "conv_1x1"),
        (NDSDARTS().to_string(NDSDARTS().smallest()), "output"),
        ("[]", "list indices"),
    ],
)
def test_what_the_space_lacks_is_a_user_error(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"is not a network of 'nds_enas'.*{reason}.*they read"):
        NDSENAS().from_string(text)
