"""NAS-Bench-Macro: parameters by hand and against the published table, equal networks, strides."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from nassay.errors import UserError
from nassay.spaces.nb_macro import NBMacro


def params(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def params_by_hand(text: str) -> int:
    """Stem, layers, tail and head from the widths alone."""
    total, c_in = 27 * 32 + 64, 32
    for i, digit in enumerate(text):
        c_out = 2 * c_in if i in (0, 2, 5) else c_in
        if digit == "0":
            total += c_in * c_out + 2 * c_out if c_out > c_in else 0
        else:
            hidden, kernel = (3 * c_in, 9) if digit == "1" else (6 * c_in, 25)
            total += c_in * hidden + 2 * hidden + kernel * hidden + 2 * hidden + hidden * c_out + 2 * c_out
        c_in = c_out
    return total + 256 * 1280 + 2 * 1280 + 1280 * 10 + 10


def macs_by_hand(text: str) -> int:
    total, c_in, side = 27 * 32 * 32 * 32, 32, 32
    for i, digit in enumerate(text):
        first = i in (0, 2, 5)
        c_out, out = (2 * c_in, side // 2) if first else (c_in, side)
        if digit == "0":
            total += c_in * c_out * out * out * first
        else:
            hidden, kernel = (3 * c_in, 9) if digit == "1" else (6 * c_in, 25)
            total += c_in * hidden * side * side + (kernel * hidden + hidden * c_out) * out * out
        c_in, side = c_out, out
    return total + 256 * 1280 * 4 * 4 + 1280 * 10


@pytest.mark.parametrize("text", ["00000000", "11111111", "02012100"])
def test_params_and_macs_by_hand(text: str, count_work: Callable[..., Any]) -> None:
    space = NBMacro()
    work = count_work(space, space.from_string(text))
    assert (work.params, work.macs) == (params_by_hand(text), macs_by_hand(text))


def test_params_and_macs_equal_the_published_table(read_rows: Callable[..., list[dict[str, Any]]]) -> None:
    rows = read_rows("nasbench_macro", "arch", "params", "flops")
    assert len({row["arch"] for row in rows}) == len(rows) == NBMacro().size == 6561
    for row in rows:
        assert (params_by_hand(row["arch"]), macs_by_hand(row["arch"])) == (row["params"], row["flops"])


def test_places_of_identities_within_a_stage_do_not_matter() -> None:
    space = NBMacro()
    assert space.to_string(space.canonical(space.from_string("02001012"))) == "02010012"
    assert space.canonical(space.from_string("00001001")) == space.canonical(space.from_string("00010010"))
    # A first layer is a 1x1 convolution, and the order of two blocks matters.
    assert space.canonical(space.from_string("01000000")) != space.canonical(space.from_string("10000000"))
    assert space.canonical(space.from_string("00012000")) != space.canonical(space.from_string("00021000"))


def test_number_of_different_networks() -> None:
    # The first stage has 9, the others 3 * 7: of the nine pairs behind the first layer, 01 is 10 and 02 is 20.
    space = NBMacro()
    digits = ["".join(stage) for stage in product("012", repeat=3)]
    assert len({space.canonical(space.from_string(f"00{stage}000")) for stage in digits}) == 21
    assert len({space.canonical(space.from_string(f"00000{stage}")) for stage in digits}) == 21


@pytest.mark.parametrize(
    ("shape", "sides"),
    # map sides after the stem and the first layer of each stage
    [
        ((3, 32, 32), [32, 16, 8, 4]),
        ((3, 16, 16), [16, 16, 8, 4]),
        ((1, 8, 8), [8, 8, 4, 4]),
        ((3, 64, 64), [64, 32, 16, 8]),
    ],
)
def test_strides_follow_the_input_size(shape: tuple[int, int, int], sides: list[int]) -> None:
    with torch.device("meta"):
        x, found = torch.empty(1, *shape), []
        for stage in NBMacro(shape).build(NBMacro().smallest()).stages:
            x = stage(x)
            found.append(x.shape[-1])
    assert found == sides


def test_a_plain_identity_is_no_block() -> None:
    # Stem and first layers are always there; of 00020100 only the fourth layer comes on top.
    space = NBMacro()
    for text, stages in (("00000000", 4), ("00020100", 5), ("11111111", 9)):
        network = space.build(space.from_string(text))
        assert len(network.stages) == stages
        assert not [m for m in network.modules() if isinstance(m, torch.nn.Identity)]


def test_graph_leaves_plain_identities_out() -> None:
    space = NBMacro()
    graph = space.graph(space.from_string("01020100"))
    assert graph.labels == ("input", "stem", "id", "mb3_k3", "add", "id", "mb6_k5", "add", "mb3_k3", "tail", "output")


@pytest.mark.parametrize("text", ["0201210", "02012103", "020121000"])
def test_what_is_no_network_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match="is not a NAS-Bench-Macro network; they read"):
        NBMacro().from_string(text)
