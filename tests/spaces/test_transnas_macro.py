"""TransNAS-Bench-101's skeletons: parameters by hand and against published counts, which networks there are."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture
from nassay.spaces.transnas import CellShape, Module
from nassay.spaces.transnas_macro import BasicBlock, TransNASMacro, in_benchmark


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def params_by_hand(digits: str, outputs: int) -> int:
    total, c = (27 * 32 + 64) + (9 * 32 * 64 + 128), 64
    for digit in digits:
        after = 2 * c if digit in "24" else c
        total += 9 * c * after + 9 * after * after + 4 * after  # first block
        total += (c * after + 2 * after) * (digit != "1")  # its shortcut
        total += 2 * (9 * after * after + 2 * after)  # second block
        c = after
    return total + c * outputs + outputs


@pytest.mark.parametrize("digits", ["3334", "1114", "123411", "2223"])
def test_params_by_hand(digits: str) -> None:
    space = TransNASMacro((3, 256, 256), 7)
    with torch.device("meta"):
        assert params(space.build(space.from_string(f"64-{digits}-basic"))) == params_by_hand(digits, 7)


def test_smallest_has_nearly_the_fewest_params() -> None:
    every = ("".join(digits) for digits in product("1234", repeat=4))
    valid = [d for d in every if 1 <= sum(c in "24" for c in d) <= 3 and any(c in "34" for c in d)]
    least = min(params_by_hand(digits, 10) for digits in valid)
    assert least == params_by_hand("1114", 10)
    assert params_by_hand("3334", 10) < 1.014 * least
    assert TransNASMacro().to_string(TransNASMacro().smallest()) == "64-3334-basic"


def test_params_and_macs_equal_the_published_ones(
    count_work: Callable[..., Any], read_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    rows = read_rows("transnasbench101_zc_proxies", "search_space", "dataset", "arch", "params", "flops")
    task = ("transbench101_macro", "room_layout")
    rows = [r for r in rows if (r["search_space"], r["dataset"]) == task and r["params"]]
    space = TransNASMacro((3, 256, 256), 9)
    assert len(rows) == 725
    for row in rows:
        digits = "".join(c for c in row["arch"] if c in "1234")
        assert params_by_hand(digits, 9) == round(row["params"] * 1e6)
    for row in rows[::120]:
        digits = "".join(c for c in row["arch"] if c in "1234")
        work = count_work(space, space.from_string(f"64-{digits}-basic"))
        assert work.params == round(row["params"] * 1e6)
        # Two operations an element of a norm, one an element of ReLU, and (side + 1)^2 a channel for the pooling.
        pooling = work.last[0] * (work.last[1] + 1) ** 2
        assert work.macs + 2 * work.norms + work.activations + pooling == round(row["flops"] * 1e6)


def test_number_of_networks_is_the_benchmarks() -> None:
    module = [Module(doubles, halves) for doubles in (False, True) for halves in (False, True)]
    counts = [sum(in_benchmark(modules) for modules in product(module, repeat=depth)) for depth in (3, 4, 5, 6)]
    assert counts == [0, 210, 750, 2296]
    assert sum(counts) == 3256


def test_table_holds_all_networks_but_one(read_rows: Callable[..., list[dict[str, Any]]]) -> None:
    space = TransNASMacro()
    texts = [r["arch_str"] for r in read_rows("transnasbench101", "space", "arch_str") if r["space"] == "macro"]
    assert len({space.canonical(space.from_string(text)) for text in texts}) == len(texts) == 3255
    assert all(space.to_string(space.from_string(text)) == text for text in texts)


def test_block_arithmetic_by_hand() -> None:
    x = torch.randn(2, 4, 5, 5)
    same, other = BasicBlock(CellShape(4, 4, 1)).eval(), BasicBlock(CellShape(4, 8, 2)).eval()
    torch.testing.assert_close(same(x), x + same.layers(x))
    torch.testing.assert_close(other(x), other.shortcut(x) + other.layers(x))
    assert other(x).shape == (2, 8, 3, 3)


@pytest.mark.parametrize(
    ("depth", "doublings", "halvings", "text"),
    [
        # Nothing doubles: the last module does; nothing halves: that one does.
        (0, "000000", "000000", "64-1114-basic"),
        # The first three doublings and the first four halvings count; modules beyond the depth do not.
        (2, "111111", "111111", "64-444311-basic"),
        (0, "010011", "000011", "64-1411-basic"),
    ],
)
def test_any_encoding_stands_for_a_network(depth: int, doublings: str, halvings: str, text: str) -> None:
    bits = (int(bit) for pair in zip(doublings, halvings, strict=True) for bit in pair)
    architecture = Architecture("transnas_macro", (depth, *bits))
    assert TransNASMacro().to_string(architecture) == text


def test_neighbors_by_hand() -> None:
    space = TransNASMacro()
    near = [space.to_string(a) for a in space.neighbors(space.from_string("64-2311-basic"))]
    # Toggle one of eight bits; an idle module more; not less, as four is the least. 1311 and 2111 are no networks.
    expected = {"4311", "2411", "2321", "2331", "2312", "2313", "23111"}
    assert set(near) == {f"64-{digits}-basic" for digits in expected}


@pytest.mark.parametrize("text", ["64-1111-basic", "64-222213-basic", "64-33333-basic", "64-234-basic"])
def test_what_is_no_network_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="is not a TransNAS-Bench-101 macro network; they read"):
        TransNASMacro().from_string(text)


def test_scaling_keeps_the_last_doublings() -> None:
    space = TransNASMacro()
    here = space.from_string("64-24231-basic")
    assert space.to_string(space.scaled(here, 0.5)) == "64-13231-basic"
    assert space.to_string(space.scaled(here, 0.0)) == "64-13231-basic"
    assert space.scaled(here, 1.0) == here


def test_graph_has_an_add_behind_each_block() -> None:
    space = TransNASMacro()
    graph = space.graph(space.from_string("64-1234-basic"))
    blocks = [label for digit in "1234" for label in (f"module{digit}", "add", "basic", "add")]
    assert graph.labels == ("input", "stem", *blocks, "output")
