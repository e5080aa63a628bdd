"""Pyramid networks: the neck by formula, counts by hand, known necks, strings, scaling."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic
from nassay.exports.onnx import to_onnx
from nassay.spaces.base import Architecture
from nassay.spaces.fpn import FPN, PathAggregation
from nassay.spaces.fpn_paths import BU, FS, NONE, SE, SKIP, TD, information_path
from nassay.spaces.network import PyramidHead

SHAPES = [(16, 20, 12), (32, 10, 6), (64, 5, 3), (128, 3, 2)]


def maps(shapes: list[tuple[int, int, int]] = SHAPES) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, *shape, generator=generator) for shape in shapes]


def arch(space: FPN, *choices: int) -> Architecture:
    return Architecture("fpn", choices + (NONE,) * (len(space.options) - len(choices)))


class Listening(PyramidHead):
    """A head that gives all of its maps back, each flattened."""

    def forward(self, maps: list[Tensor]) -> Tensor:
        return torch.cat([x.flatten(1) for x in maps], 1)


# The neck ------------------------------------------------------------------------------------------------------------


def neck(*choices: int, nodes: int = 2) -> PathAggregation:
    torch.manual_seed(0)
    space = FPN((3, 80, 48), nodes=nodes, channels=4)
    return space.layout(arch(space, *choices)).neck.make(tuple(SHAPES))


def test_the_input_gets_global_context_at_the_top() -> None:
    module = neck(SKIP)
    expected = [lateral(x) for lateral, x in zip(module.laterals, maps(), strict=True)]
    expected[-1] = expected[-1] + module.context[0](expected[-1]).mean((2, 3), keepdim=True)
    torch.testing.assert_close(module(maps()), expected)


def test_outputs_are_the_sum_of_all_nodes_but_the_input() -> None:
    module, first = neck(TD, SE, BU), neck(SKIP)
    first.load_state_dict({k: v for k, v in module.state_dict().items() if not k.startswith("paths")})
    x = first(maps())
    node1 = module.paths["1<-0"](x)
    node2 = [a + b for a, b in zip(module.paths["2<-0"](x), module.paths["2<-1"](node1), strict=True)]
    torch.testing.assert_close(module(maps()), [a + b for a, b in zip(node1, node2, strict=True)])


def test_fewer_levels_read_the_coarsest_maps() -> None:
    space = FPN((3, 80, 48), channels=4, levels=2)
    found = space.layout(space.references()["FPN"]).neck
    assert found.shapes(tuple(SHAPES)) == ((4, 5, 3), (4, 3, 2))
    module = found.make(tuple(SHAPES))
    assert [x.shape[1:] for x in module(maps())] == [(4, 5, 3), (4, 3, 2)]


@pytest.mark.parametrize("choices", [(NONE, TD, BU), (TD, SKIP, NONE), (BU, FS, NONE), (NONE, NONE, SE)])
def test_an_encoding_computes_what_its_canonical_form_computes(choices: tuple[int, ...]) -> None:
    """With the weights of the paths that it keeps, whose nodes may have changed places."""
    space = FPN((3, 16, 16), nodes=2, channels=4)
    here = Architecture("fpn", choices)
    there = space.canonical(here)
    torch.manual_seed(0)
    one, other = space.build(here).eval(), space.build(there).eval()
    weights = one.state_dict()
    swapped = {k.replace("1<-0", "*").replace("2<-0", "1<-0").replace("*", "2<-0"): v for k, v in weights.items()}
    chosen = weights if there == here else swapped
    other.load_state_dict({k: chosen[k] for k in other.state_dict()})
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(one(x), other(x))


def test_a_pyramid_head_reads_all_levels_and_a_plain_one_the_coarsest() -> None:
    space, x = FPN((3, 64, 64)), torch.zeros(1, 3, 64, 64)
    space.head = lambda offered: Listening()
    assert space.build(space.smallest())(x).shape == (1, 16 * (16**2 + 8**2 + 4**2))
    space.head = lambda offered: torch.nn.Flatten()
    assert space.build(space.smallest())(x).shape == (1, 16 * 4**2)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((1, 8, 8), [(8, 8), (4, 4)]),  # strides 1 and 2: two levels at least
        ((1, 33, 21), [(17, 11), (9, 6)]),
        ((3, 64, 64), [(16, 16), (8, 8), (4, 4)]),
        ((3, 256, 160), [(64, 40), (32, 20), (16, 10), (8, 5)]),
    ],
)
def test_a_head_hears_of_a_fused_pyramid_from_stride_four_on(
    shape: tuple[int, int, int], sizes: list[tuple[int, int]]
) -> None:
    space, heard = FPN(shape), []
    space.head = lambda offered: heard.append(offered) or Listening()
    space.build(space.smallest())
    assert heard[0].shapes == tuple((16, h, w) for h, w in sizes)
    assert heard[0].fused


def test_an_exported_network_computes_the_same_at_odd_sizes() -> None:
    space = FPN((1, 33, 21), channels=4)
    torch.manual_seed(0)
    network = space.build(space.from_string("TD|FS|BU|SE|skip_connect|none")).eval()
    x = torch.randn(3, 1, 33, 21)
    session = onnxruntime.InferenceSession(to_onnx(network, (1, 33, 21)), providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": x.numpy()})[0]
    np.testing.assert_allclose(found, network(x).detach().numpy(), atol=1e-5)


# Counts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "convs"),
    [
        (NONE, [0, 0, 0, 0]),
        (SKIP, [0, 0, 0, 0]),
        (FS, [0, 2, 2, 0]),  # from twice the channels
        (TD, [1, 1, 1, 1]),
        (BU, [1, 1, 1, 1]),
        (SE, [1, 3, 3, 3]),  # `coarser` and `finer` both run at the coarser size of their pair
    ],
)
def test_macs_of_a_path_by_hand(path: int, convs: list[int]) -> None:
    channels, sizes = 4, [32**2, 16**2, 8**2, 4**2]
    space = FPN((3, 128, 128), channels=channels)
    analytic = Analytic.of(space)
    rest = analytic.totals(arch(space, SKIP))["macs"]
    expected = 9 * channels**2 * sum(n * s for n, s in zip(convs, sizes, strict=True))
    assert analytic.totals(arch(space, SKIP, path))["macs"] - rest == expected


@pytest.mark.parametrize(("path", "kernels"), [(SKIP, 0), (FS, 2), (TD, 4), (BU, 4), (SE, 3)])
def test_params_of_a_path_by_hand(path: int, kernels: int) -> None:
    space = FPN((3, 128, 128), channels=4)
    analytic = Analytic.of(space)
    more = analytic.totals(arch(space, SKIP, path))["params"] - analytic.totals(arch(space, SKIP))["params"]
    assert more == kernels * 9 * 4 * 4


def test_separate_fusions_have_twice_the_weights() -> None:
    for shared, kernels in ((True, 2), (False, 4)):
        path = information_path("FS", 4, 4, shared=shared)
        assert sum(p.numel() for p in path.parameters()) == kernels * 9 * 4 * 4


@pytest.mark.parametrize("side", [64, 128])
def test_options_are_ordered_by_multiply_accumulates(side: int) -> None:
    space = FPN((3, side, side))
    macs = [Analytic.of(space).totals(arch(space, SKIP, path))["macs"] for path in range(6)]
    assert macs == sorted(macs)


# Known necks ---------------------------------------------------------------------------------------------------------


def test_known_necks() -> None:
    three = FPN()
    assert {name: three.to_string(a) for name, a in three.references().items()} == {
        "FPN": "TD|none|none|none|none|none",
        "PANet": "TD|none|BU|none|none|none",
        "BiFPN": "TD|skip_connect|BU|none|none|none",
    }
    assert list(FPN(nodes=1).references()) == ["FPN"]


def test_the_published_neck_has_five_nodes() -> None:
    space = FPN(nodes=5)
    text = "TD|TD|TD|FS|none|skip_connect|BU|skip_connect|none|TD|BU|none|FS|SE|BU"
    assert space.references()["OPANAS"] == space.canonical(space.from_string(text))
    assert space.size == 6**15
    assert space.build(space.references()["OPANAS"])(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


# Genotypes -----------------------------------------------------------------------------------------------------------


def test_string_by_hand() -> None:
    space, text = FPN(), "TD|none|TD|none|skip_connect|BU"
    assert space.from_string(text).choices == (TD, NONE, TD, NONE, SKIP, BU)
    assert space.to_string(space.from_string(text)) == text


def test_strings_of_other_numbers_of_nodes_are_refused() -> None:
    with pytest.raises(UserError, match="is not a pyramid network of 2 nodes; they read 'skip_connect|none|none'"):
        FPN(nodes=2).from_string("TD|none|TD|none|skip_connect|BU")


def test_sizes_are_positive() -> None:
    for wrong in ({"nodes": 0}, {"channels": 0}, {"levels": 0}):
        with pytest.raises(UserError, match="must be at least 1"):
            FPN(**wrong)


def test_graph_by_hand() -> None:
    space = FPN()
    graph = space.graph(space.from_string("TD|skip_connect|BU|none|none|none"))
    assert graph.labels == ("input", "TD", "skip_connect", "BU", "output")
    assert set(graph.edges) == {(0, 1), (0, 2), (1, 3), (1, 4), (2, 4), (3, 4)}


def test_nothing_dead_is_drawn_or_bred() -> None:
    space, rng = FPN(nodes=2), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(200)]
    children = [space.crossover(a, b, rng) for a, b in zip(drawn[:-1], drawn[1:], strict=True)]
    mutants = [space.mutate(a, rng) for a in drawn]
    assert not any(map(space.is_dead, [*drawn, *children, *mutants]))
    assert space.is_dead(Architecture("fpn", (NONE, NONE, TD)))


def test_scaling_down_takes_paths_away_and_leaves_some_of_every_kind() -> None:
    """Of draws with 4 of 6 paths that have weights, a third keeps about 1.3."""
    space, rng = FPN(), np.random.default_rng(0)
    found = [space.scaled(space.sample(rng), 0.33).choices for _ in range(100)]
    weighted = [c for choices in found for c in choices if c >= FS]
    assert 0.8 < len(weighted) / 100 < 1.8
    assert set(weighted) == {FS, TD, BU, SE}
    assert not any(space.is_dead(Architecture("fpn", choices)) for choices in found)
