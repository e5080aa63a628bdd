"""TransNAS-Bench-101's cells: parameters by hand and against published counts, the cell's arithmetic, equal cells."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.transnas import CellShape
from nassay.spaces.transnas_micro import Cell, TransNASMicro

DEAD = "64-41414-0_00_000"
EXAMPLE = "64-41414-1_02_333"


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def params_by_hand(choices: tuple[int, ...], outputs: int) -> int:
    """Stem, ten cells and head; the first cell of modules 1, 3 and 5 doubles the channels."""
    total, c_in = (27 * 32 + 64) + (9 * 32 * 64 + 128), 64
    for i in range(10):
        c = 2 * c_in if i in (0, 4, 8) else c_in
        for position, choice in enumerate(choices):
            source = c_in if position in (0, 1, 3) else c  # edges from the input node
            kernel = {2: 1, 3: 9}.get(choice, int(choice == 1 and source != c))
            total += kernel * source * c + 2 * c * (kernel > 0)
        c_in = c
    return total + c_in * outputs + outputs


@pytest.mark.parametrize("text", [DEAD, EXAMPLE, "64-41414-3_12_210"])
def test_params_by_hand(text: str) -> None:
    space = TransNASMicro((3, 32, 32), 7)
    architecture = space.from_string(text)
    with torch.device("meta"):
        assert params(space.build(architecture)) == params_by_hand(architecture.choices, 7)


def test_params_and_macs_equal_the_published_ones(
    count_work: Callable[..., Any], read_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    columns = ("search_space", "dataset", "arch_str", "params", "flops")
    rows = read_rows("transnasbench101_zc_proxies", *columns)
    for dataset, outputs in (("class_scene", 63), ("class_object", 100), ("room_layout", 9)):
        space = TransNASMicro((3, 256, 256), outputs)
        task = ("transbench101_micro", dataset)
        chosen = [r for r in rows if (r["search_space"], r["dataset"]) == task and r["params"]]
        assert len(chosen) == 711
        for row in chosen:
            choices = tuple(int(digit) for digit in row["arch_str"][9:].replace("_", ""))
            assert params_by_hand(choices, outputs) == round(row["params"] * 1e6)
        for row in chosen[::350]:
            work = count_work(space, space.from_string(row["arch_str"]))
            assert work.params == round(row["params"] * 1e6)
            # Two operations an element of a norm, one an element of ReLU, and (side + 1)^2 a channel for the pooling.
            pooling = work.last[0] * (work.last[1] + 1) ** 2
            assert work.macs + 2 * work.norms + work.activations + pooling == round(row["flops"] * 1e6)


def test_cell_arithmetic_by_hand() -> None:
    # Node 1 = reduced x, node 2 leads nowhere, output = conv(x) + node 1.
    cell = Cell(TransNASMicro().from_string("64-41414-1_02_310").choices, CellShape(4, 6, 2)).eval()
    x = torch.randn(2, 4, 5, 7)
    one = cell.edges["1<-0"](x)
    assert one.shape == (2, 6, 3, 4)
    torch.testing.assert_close(cell(x), cell.edges["3<-0"](x) + one)


def test_skip_is_the_identity_where_nothing_changes() -> None:
    cell, x = Cell(TransNASMicro().smallest().choices, CellShape(4, 4, 1)), torch.randn(1, 4, 3, 3)
    assert torch.equal(cell(x), x)
    assert params(cell) == 0


def test_a_dead_network_is_constant_and_its_stem_has_a_zero_gradient() -> None:
    space = TransNASMicro((3, 16, 16))
    network = space.build(space.from_string(DEAD))
    outputs = network(torch.randn(3, 3, 16, 16))
    torch.testing.assert_close(outputs, outputs[:1].expand_as(outputs))
    outputs.square().sum().backward()
    assert not network.stem[0].weight.grad.any()


def test_skips_from_the_input_keep_weights_of_their_own() -> None:
    space = TransNASMicro()
    canonical = {text: space.canonical(space.from_string(f"64-41414-{text}")) for text in ("1_00_030", "0_00_300")}
    # In the first cell of a module the skip is a `FactorizedReduce`, so that a convolution behind it is another cell.
    assert len(set(canonical.values())) == 2
    # A skip between inner nodes is none: node 2 is node 1.
    one, other = (space.from_string(f"64-41414-{text}") for text in ("3_01_003", "3_00_030"))
    assert space.canonical(one) == space.canonical(other)
    # Nodes 1 and 2 exchanged.
    one, other = (space.from_string(f"64-41414-{text}") for text in ("3_10_033", "1_30_033"))
    assert space.canonical(one) == space.canonical(other)


def test_table_and_space_have_the_same_cells(read_rows: Callable[..., list[dict[str, Any]]]) -> None:
    space = TransNASMicro()
    texts = [r["arch_str"] for r in read_rows("transnasbench101", "space", "arch_str") if r["space"] == "micro"]
    assert len({space.from_string(text) for text in texts}) == len(texts) == space.size == 4096
    assert all(space.to_string(space.from_string(text)) == text for text in texts)


@pytest.mark.parametrize("text", [EXAMPLE.replace("333", "334"), EXAMPLE.replace("41414", "41413"), EXAMPLE + "0"])
def test_what_is_not_a_cell_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="is not a TransNAS-Bench-101 cell; they read"):
        TransNASMicro().from_string(text)
