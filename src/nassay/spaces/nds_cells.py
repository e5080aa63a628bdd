"""The cell spaces of "On Network Design Spaces": NASNet, AmoebaNet, PNAS, ENAS and DARTS cells, one network for all.

Radosavovic et al. 2019, arXiv:1905.13214, sampled cells of the five spaces with random depth and width and trained them
on ImageNet and CIFAR-10. Each space is a list of operations, a number of nodes and a rule for what the cell's output
concatenates: all nodes, or those that no other node uses (see `genotype`). A space's `sample` is theirs: all choices
uniform.

The network was read in the published code. Verified: parameters of all 1,617 ImageNet networks of the published tables
are equal, and so are multiply-accumulates where there is no dilated convolution, which the published count takes at a
larger size (see tests/spaces/test_nds_cells.py). Inputs of less than 64 pixels get the CIFAR-10 network, of which no
counts are at hand.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Space, spaces
from nassay.spaces.blocks import option_index, scale_channels
from nassay.spaces.genotype import (
    NONE,
    NUM_INPUTS,
    CellPlan,
    Edge,
    NetworkPlan,
    all_nodes,
    canonical_edges,
    changed_edges,
    loose_ends,
    network_graph,
    network_layout,
)

DEPTHS = (6, 10, 14, 18, 22)
WIDTHS = (32, 48, 64, 80, 96)
FIRST_EDGE = 2  # choices before the first cell's: depth and width


def _options(operations: Sequence[str], num_nodes: int) -> tuple[int, ...]:
    """Depth, width, then for both cells operation and source of two edges a node."""
    cell = [n for node in range(num_nodes) for n in (len(operations), NUM_INPUTS + node) * 2]
    return (len(DEPTHS), len(WIDTHS), *cell, *cell)


class CellSpace(Space):
    """Networks of a normal and a reduction cell.

    Sub-classes set `operations` (from small to large where they have stride 2), `num_nodes` and `concat_all`, whether a
    cell's output holds all nodes or those that no other node uses. The two edges of a node commute, and so do nodes
    that do not depend on each other: the canonical form has them in one order.
    """

    operations: ClassVar[tuple[str, ...]]
    num_nodes: ClassVar[int] = 5
    concat_all: ClassVar[bool]

    def plan(self, architecture: Architecture) -> NetworkPlan:
        """The architecture in readable terms.

        Raises:
            UserError: not a point of this space.
        """
        depth, width, *rest = self.check(architecture).choices
        edges = [(self.operations[op], source) for op, source in zip(rest[::2], rest[1::2], strict=True)]
        normal, reduce = (self._cell(edges[start : start + 2 * self.num_nodes]) for start in (0, 2 * self.num_nodes))
        return NetworkPlan(normal, reduce, DEPTHS[depth], WIDTHS[width])

    def architecture(self, plan: NetworkPlan) -> Architecture:
        """The canonical architecture of a network whose parts this space has; the nodes may be in any order."""
        choices = [DEPTHS.index(plan.depth), WIDTHS.index(plan.width)]
        for cell in (plan.normal, plan.reduce):
            for name, source in canonical_edges(cell.edges, self.operations):
                choices += [self.operations.index(name), source]
        return Architecture(self.name, tuple(choices))

    def _cell(self, edges: Sequence[Edge]) -> CellPlan:
        return CellPlan(tuple(edges), (all_nodes if self.concat_all else loose_ends)(edges))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Stem and cells; see `Space.layout` and `genotype`. The encoding's order of nodes is kept."""
        plan = self.plan(architecture)
        channels = scale_channels(plan.width, width)
        return network_layout(replace(plan, width=channels), self.input_shape)

    def graph(self, architecture: Architecture) -> Graph:
        """The normal and the reduction cell, one behind the other; see `genotype.network_graph`."""
        return network_graph(self.plan(architecture))

    def to_string(self, architecture: Architecture) -> str:
        """The network as the published tables describe it, a JSON object with sorted keys."""
        plan = self.plan(architecture)
        genotype = {
            f"{kind}{part}": value
            for kind, cell in (("normal", plan.normal), ("reduce", plan.reduce))
            for part, value in (("", cell.edges), ("_concat", cell.concat))
        }
        network = {"aux": False, "depth": plan.depth, "drop_prob": 0.0, "genotype": genotype, "width": plan.width}
        return json.dumps(network, sort_keys=True)

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`; the nodes' order is kept, `aux` and `drop_prob` are ignored.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        try:
            network = json.loads(text)
            genotype = network["genotype"]
            choices = [
                option_index("depth", network["depth"], DEPTHS),
                option_index("width", network["width"], WIDTHS),
            ]
            for kind in ("normal", "reduce"):
                edges = [(str(name), int(source)) for name, source in genotype[kind]]
                if unknown := {name for name, _ in edges} - set(self.operations):
                    raise ValueError(f"no operation is called {unknown.pop()}")
                choices += [n for name, source in edges for n in (self.operations.index(name), source)]
                if self._cell(edges).concat != tuple(genotype[f"{kind}_concat"]):
                    raise ValueError(f"the output of the {kind} cell is another one here")
            return self.check(Architecture(self.name, tuple(choices)))
        except (ValueError, KeyError, TypeError, UserError) as error:
            raise UserError(
                f"{text!r} is not a network of {self.name!r} ({error}); they read {self.to_string(self.smallest())!r} "
                f"with the depths {DEPTHS}, the widths {WIDTHS} and the operations {', '.join(self.operations)}."
            ) from None

    def canonical(self, architecture: Architecture) -> Architecture:
        """The same network with nodes and edges in the order of `genotype.canonical_edges`."""
        return self.architecture(self.plan(architecture))

    def smallest(self) -> Architecture:
        """Least depth and width; a chain of skips behind both inputs, behind their poolings in the reduction cell."""
        chain = [("skip_connect", NUM_INPUTS + i // 2) for i in range(2 * (self.num_nodes - 1))]
        normal, reduce = ([(first, 0), (first, 1), *chain] for first in ("skip_connect", "max_pool_3x3"))
        return self.architecture(NetworkPlan(self._cell(normal), self._cell(reduce), DEPTHS[0], WIDTHS[0]))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Depth, width and operations made smaller in proportion; no edge is moved or cut."""
        choices = list(self.check(architecture).choices)
        least = 1 if NONE in self.operations else 0
        for i, choice in enumerate(choices):
            if i < FIRST_EDGE:
                choices[i] = int((choice + 0.5) * factor)
            elif i % 2 == 0:
                choices[i] = min(choice, max(least, int((choice + 0.5) * factor)))
        return self.canonical(Architecture(self.name, tuple(choices)))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures with another depth, width, operation or source, sorted."""
        plan = self.plan(self.canonical(architecture))
        near = {self.architecture(other) for other in self._changes(plan)}
        return sorted(near - {self.architecture(plan)})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour."""
        plan = self.plan(self.canonical(architecture))
        here, changes = self.architecture(plan), self._changes(plan)
        while True:
            near = self.architecture(changes[rng.integers(len(changes))])
            if near != here:
                return near

    def _changes(self, plan: NetworkPlan) -> list[NetworkPlan]:
        normals, reduces = (
            [self._cell(edges) for edges in changed_edges(cell.edges, self.operations)]
            for cell in (plan.normal, plan.reduce)
        )
        return [
            *(replace(plan, depth=depth) for depth in DEPTHS),
            *(replace(plan, width=width) for width in WIDTHS),
            *(replace(plan, normal=cell) for cell in normals),
            *(replace(plan, reduce=cell) for cell in reduces),
        ]


@spaces.register("nds_nasnet", paper="Zoph et al. 2018, arXiv:1707.07012; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSNASNet(CellSpace):
    """NASNet's cells in NDS: five nodes, thirteen operations, unused nodes concatenated."""

    name = "nds_nasnet"
    operations = (
        "max_pool_3x3",
        "max_pool_5x5",
        "max_pool_7x7",
        "avg_pool_3x3",
        "skip_connect",
        "conv_1x1",
        "dil_conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_3x1_1x3",
        "conv_3x3",
        "conv_7x1_1x7",
    )
    concat_all = False
    options = _options(operations, 5)


@spaces.register("nds_amoeba", paper="Real et al. 2019, arXiv:1802.01548; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSAmoeba(CellSpace):
    """AmoebaNet's cells in NDS: five nodes, eight operations, unused nodes concatenated."""

    name = "nds_amoeba"
    operations = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "dil_sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
    )
    concat_all = False
    options = _options(operations, 5)


@spaces.register("nds_pnas", paper="Liu et al. 2018, arXiv:1712.00559; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSPNAS(CellSpace):
    """PNASNet's cells in NDS: five nodes, eight operations, all nodes concatenated."""

    name = "nds_pnas"
    operations = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "dil_conv_3x3",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
    )
    concat_all = True
    options = _options(operations, 5)


@spaces.register("nds_enas", paper="Pham et al. 2018, arXiv:1802.03268; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSENAS(CellSpace):
    """ENAS's cells in NDS: five nodes, five operations, unused nodes concatenated."""

    name = "nds_enas"
    operations = ("max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5")
    concat_all = False
    options = _options(operations, 5)


@spaces.register("nds_darts", paper="Liu et al. 2018, arXiv:1806.09055; Radosavovic et al. 2019, arXiv:1905.13214")
class NDSDARTS(CellSpace):
    """DARTS's cells in NDS: four nodes, eight operations, all nodes concatenated."""

    name = "nds_darts"
    operations = (
        NONE,
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "dil_conv_3x3",
        "dil_conv_5x5",
        "sep_conv_3x3",
        "sep_conv_5x5",
    )
    num_nodes = 4
    concat_all = True
    options = _options(operations, 4)
