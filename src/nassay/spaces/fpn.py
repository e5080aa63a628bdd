"""Feature pyramid networks as graphs of information paths: the space of OPANAS.

Liang et al. 2021, arXiv:2103.04507; the graph and its six paths are those of the authors' published modules (their
search code is not). The neck is searched, what is before and behind it is fixed:

- Backbone: one small residual network (`BACKBONE`, a point of `resnet`), for want of the paper's ResNet-50.
- Each of its last `levels` maps, from stride 4 on as in the paper, but two at least, is brought to `channels` by a 1x1
  convolution; the coarsest also gets its own global context, a 1x1 convolution and global average pooling, added
  everywhere. That is node 0 of the graph.
- Node i is the sum of the paths from the nodes before it, see `fpn_paths`; all nodes but node 0 are added up for the
  head. No further level is pooled from the coarsest, as it is for objects larger than these images.
- A head that reads one map reads the coarsest. The default head pools the maps of all levels: every path counts.

The paper has five nodes and 112 channels or more; here three nodes and 16 channels are the default, for a CPU.

An architecture reads `TD|none|TD|none|skip_connect|BU`: the paths (0 to 1), (0 to 2), (1 to 2), (0 to 3), ...
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor, nn

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Choose, Graph, Layout, Neck, Shape, Space, spaces
from nassay.spaces.blocks import scale_channels
from nassay.spaces.fpn_genotype import canonical, is_dead, one_path_away, pairs
from nassay.spaces.fpn_paths import BU, FS, NONE, PATHS, SE, SKIP, TD, Maps, added, information_path, zeros
from nassay.spaces.network import PyramidHead
from nassay.spaces.resnet import ResNet

BACKBONE = "resnet:stem16-basic16x1-basic32x1-basic64x1-basic128x1"
NODES, LEVELS, CHANNELS = 3, 4, 16
FINEST_STRIDE, FEWEST_LEVELS = 4, 2

# The paths of the networks that the authors found on COCO, of five nodes
FOUND_ON_COCO = (TD, TD, TD, FS, NONE, SKIP, BU, SKIP, NONE, TD, BU, NONE, FS, SE, BU)

MakePath = Callable[[int, int, int], nn.Module | None]  # from channels, levels and a choice's position


class PathAggregation(nn.Module):
    """The neck: 1x1 convolutions, global context of the coarsest map, the graph of paths.

    Args:
        shapes: (C, H, W) of the maps that come in, the finest first.
        channels: of every map that goes out.
        nodes: number of nodes without the input.
        path: makes the module of a choice, None for no path.
    """

    def __init__(self, shapes: Sequence[Shape], channels: int, nodes: int, path: MakePath) -> None:
        super().__init__()
        self.nodes = nodes
        self.laterals = nn.ModuleList(nn.Conv2d(c, channels, 1) for c, _, _ in shapes)
        self.context = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.AdaptiveAvgPool2d(1))
        edges = (f"{target}<-{source}" for target, source in pairs(nodes))
        made = {name: path(channels, len(shapes), i) for i, name in enumerate(edges)}
        self.paths = nn.ModuleDict({name: module for name, module in made.items() if module is not None})

    def forward(self, maps: Maps) -> Maps:
        """Maps of a backbone, the finest first -> the sums of all nodes, for as many of the last maps."""
        first = [lateral(x) for lateral, x in zip(self.laterals, maps[-len(self.laterals) :], strict=True)]
        first[-1] = first[-1] + self.context(first[-1])
        nodes: dict[int, Maps] = {0: first}
        for target in range(1, self.nodes + 1):
            names = {source: f"{target}<-{source}" for source in range(target)}
            found = [
                self.paths[name](nodes[source] if source in nodes else zeros(first))
                for source, name in names.items()
                if name in self.paths
            ]
            if found:
                nodes[target] = added(found)
        return added([node for i, node in nodes.items() if i > 0] or [zeros(first)])


class PooledPyramid(PyramidHead):
    """The mean of all levels' global averages, and a linear layer.

    Args:
        channels: of every map.
        num_outputs: number of outputs.
    """

    def __init__(self, channels: int, num_outputs: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(channels, num_outputs)

    def forward(self, maps: Maps) -> Tensor:
        """Maps (B, channels, H_l, W_l) -> (B, num_outputs)."""
        pooled = [self.pool(x).flatten(1) for x in maps]
        outputs: Tensor = self.linear(sum(pooled[1:], pooled[0]) / len(pooled))
        return outputs


@spaces.register("fpn", paper="Liang et al. 2021, arXiv:2103.04507")
class FPN(Space):
    """Feature pyramid networks of OPANAS: three nodes, one of six information paths between any two of them.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs of the head.
        nodes: number of nodes without the input.
        channels: of every map of the pyramid.
        levels: how many of the backbone's maps at most, from the coarsest on.
        shared: whether the two convolutions of a fusing-splitting path are one, as in the authors' code.
    """

    name = "fpn"

    def __init__(
        self,
        input_shape: Shape = (3, 32, 32),
        num_outputs: int = 10,
        nodes: int = NODES,
        channels: int = CHANNELS,
        levels: int = LEVELS,
        shared: bool = True,
    ) -> None:
        super().__init__(input_shape, num_outputs)
        if min(nodes, channels, levels) < 1:
            raise UserError(f"nodes, channels and levels must be at least 1, found {nodes=} {channels=} {levels=}.")
        self.nodes, self.channels, self.levels, self.shared = nodes, channels, levels, shared
        self.options = (len(PATHS),) * len(pairs(nodes))

    def references(self) -> dict[str, Architecture]:
        """Known necks as far as the paths can express them, those for which there are nodes enough.

        `FPN` (Lin et al. 2016, arXiv:1612.03144) is one top-down path: here a map is convolved before it is led on to
        the finer one, there behind the sum of both. `PANet` (Liu et al. 2018, arXiv:1803.01534) adds a bottom-up path
        on that: here by max pooling, there by convolutions of stride 2; and here the top-down maps are part of the
        output. `BiFPN` (Tan et al. 2019, arXiv:1911.09070) lets the input past the top-down path, too: here one layer,
        with plain convolutions and sums, there several, with separable convolutions and learnt weights. `OPANAS` is the
        network that the authors found on COCO.
        """
        found = {
            "FPN": self._from_first((TD,)),
            "PANet": self._from_first((TD, NONE, BU)),
            "BiFPN": self._from_first((TD, SKIP, BU)),
            "OPANAS": self._from_first(FOUND_ON_COCO),
        }
        return {name: architecture for name, architecture in found.items() if architecture is not None}

    def _from_first(self, choices: tuple[int, ...]) -> Architecture | None:
        """The canonical architecture with these first choices and no other path; None where there are fewer choices."""
        if len(choices) > len(self.options):
            return None
        rest = (NONE,) * (len(self.options) - len(choices))
        return self.canonical(Architecture(self.name, choices + rest))

    # Networks

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """Backbone and neck of an encoding as it is, paths that nothing reaches included; see `Space.layout`."""
        choices = self.check(architecture).choices
        return self._layout(("neck", choices), partial(self._path, choices), width)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The same network with all paths between any two nodes; see `Space.super_layout`."""

        def path(channels: int, levels: int, position: int) -> nn.Module:
            return choose(position, partial(self._all_paths, levels), channels)

        return self._layout(("super neck",), path, width)

    def _layout(self, key: tuple[Hashable, ...], path: MakePath, width: float) -> Layout:
        """The network around the paths."""
        backbone = ResNet(self.input_shape, self.num_outputs)
        trunk = backbone.layout(backbone.from_string(BACKBONE), width=width)
        channels = scale_channels(self.channels, width)

        def make(shapes: tuple[Shape, ...]) -> nn.Module:
            return PathAggregation(self._used(shapes), channels, self.nodes, path)

        def fused(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
            return tuple((channels, h, w) for _, h, w in self._used(shapes))

        return replace(trunk, neck=Neck((*key, channels), make, fused))

    def _used(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Those of the backbone's maps that the neck reads."""
        finest = -(-self.input_shape[1] // FINEST_STRIDE)
        coarse = sum(height <= finest for _, height, _ in shapes)
        return shapes[-min(self.levels, max(FEWEST_LEVELS, coarse)) :]

    def _path(self, choices: tuple[int, ...], channels: int, levels: int, position: int) -> nn.Module | None:
        choice = choices[position]
        return None if choice == NONE else information_path(PATHS[choice], channels, levels, shared=self.shared)

    def _all_paths(self, levels: int, channels: int) -> list[nn.Module]:
        return [information_path(name, channels, levels, shared=self.shared) for name in PATHS]

    def pooled_linear(self, channels: int) -> nn.Module:
        """The default head: global average pooling of all levels and a linear layer."""
        return PooledPyramid(channels, self.num_outputs)

    # Genotypes

    def graph(self, architecture: Architecture) -> Graph:
        """The paths as nodes; each leads to the paths that read its sum and, as every sum does, to the output."""
        choices = canonical(self.check(architecture).choices, self.nodes)
        paths = [(*pair, PATHS[choice]) for pair, choice in zip(pairs(self.nodes), choices, strict=True) if choice]
        ends = list(enumerate(paths, start=1))
        inner = [(a, b) for a, (target, _, _) in ends for b, (_, source, _) in ends if source == target]
        first = [(0, a) for a, (_, source, _) in ends if source == 0]
        last = [(a, len(paths) + 1) for a, _ in ends]
        return Graph(("input", *(name for _, _, name in paths), "output"), (*first, *sorted(inner), *last))

    def to_string(self, architecture: Architecture) -> str:
        """The names of the paths, such as `TD|none|TD|none|skip_connect|BU`."""
        return "|".join(PATHS[choice] for choice in self.check(architecture).choices)

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """
        names = text.strip().split("|")
        if len(names) != len(self.options) or not set(names) <= set(PATHS):
            raise UserError(
                f"{text!r} is not a pyramid network of {self.nodes} nodes; they read "
                f"{self.to_string(self.smallest())!r}, with {len(self.options)} of the paths {', '.join(PATHS)}."
            )
        return Architecture(self.name, tuple(PATHS.index(name) for name in names))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The encoding that stands for all that differ in the order of nodes or in paths that nothing reaches."""
        return Architecture(self.name, canonical(self.check(architecture).choices, self.nodes))

    def is_dead(self, architecture: Architecture) -> bool:
        """Whether no path leads on from the input: what goes out is zero."""
        return is_dead(self.check(architecture).choices, self.nodes)

    def smallest(self) -> Architecture:
        """The neck that passes its input on."""
        return Architecture(self.name, (SKIP, *(NONE,) * (len(self.options) - 1)))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical architecture, every choice uniform among those that are not dead."""
        while self.is_dead(drawn := super().sample(rng)):
            pass
        return drawn

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """About this share of the paths kept; the others become identities or, from inner nodes, perhaps none.

        Which ones depends on the architecture alone, and a path that is kept is kept at every larger factor: networks
        grow with the factor, and those of one size have paths of every kind.
        """
        rng = np.random.default_rng(self.check(architecture).choices)
        kept, cut = rng.random((2, len(self.options)))
        choices = tuple(
            choice if k < factor or choice == NONE else NONE if source > 0 and c < 0.5 else SKIP
            for choice, (_, source), k, c in zip(architecture.choices, pairs(self.nodes), kept, cut, strict=True)
        )
        return self.canonical(Architecture(self.name, choices))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures with one path more, one less or another one, sorted; see `one_path_away`."""
        near = one_path_away(self.canonical(architecture).choices, self.nodes, len(PATHS))
        return [Architecture(self.name, choices) for choices in sorted(near)]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour, each with the same probability."""
        near = self.neighbors(architecture)
        return near[int(rng.integers(len(near)))]

    @property
    def sums(self) -> tuple[tuple[int, ...], ...]:
        """The paths into each node."""
        ends = pairs(self.nodes)
        return tuple(tuple(i for i, (t, _) in enumerate(ends) if t == node) for node in range(1, self.nodes + 1))

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Each choice from one of two parents, by a fair coin, until the child is not dead."""
        while self.is_dead(child := super().crossover(a, b, rng)):
            pass
        return child
