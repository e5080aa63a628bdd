"""The noun `space`: what may be built.

An architecture is a tuple of choices; a space gives the choices their meaning. Everything is keyed by the
canonical form, so that equal networks are never paid for twice.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from operator import lt
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from nassay.errors import UserError
from nassay.registry import Registry
from nassay.spaces.discretisation import Alternatives, each_alone, likeliest
from nassay.spaces.network import Network, PooledLinear

Shape = tuple[int, int, int]
Options = Callable[[int], list[nn.Module]]
Choose = Callable[[int, Options, int], nn.Module]


@dataclass(frozen=True, slots=True, order=True)
class Architecture:
    """An immutable point of a space: the space's name and one option index per choice."""

    space: str
    choices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """A labelled directed acyclic graph, for drawings, topology-only estimators and graph networks.

    Attributes:
        labels: one operation name per node; node 0 is the input, the last node the output.
        edges: pairs (i, j), i < j.
    """

    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """One module of a network.

    Attributes:
        key: equal keys of one space make modules that compute, count and cost the same.
        make: makes the module, freshly initialised from torch's global generator.
    """

    key: tuple[Hashable, ...]
    make: Callable[[], nn.Module]


@dataclass(frozen=True, slots=True)
class Pyramid:
    """What a head may read.

    Attributes:
        shapes: (C, H, W) of the maps, the finest first, the trunk's last.
        fused: whether a neck has mixed the maps already.
    """

    shapes: tuple[Shape, ...]
    fused: bool = False


Head = Callable[[Pyramid], nn.Module]
Deployed = Callable[[nn.Module], nn.Module]


@dataclass(frozen=True, slots=True)
class Neck:
    """What stands between the maps of all sizes and the head.

    Attributes:
        key: equal keys of one space make modules that compute, count and cost the same for maps of the same shapes.
        make: makes the module, list of maps -> list of maps, for maps of the given shapes.
        shapes: shapes of the maps that come in -> of those that go out.
    """

    key: tuple[Hashable, ...]
    make: Callable[[tuple[Shape, ...]], nn.Module]
    shapes: Callable[[tuple[Shape, ...]], tuple[Shape, ...]]


@dataclass(frozen=True, slots=True)
class Layout:
    """A network before it is built: stem, blocks, tail, the channels that the tail hands on, perhaps a neck."""

    stem: Piece
    blocks: tuple[Piece, ...]
    tail: Piece
    channels: int
    neck: Neck | None = None

    @property
    def body(self) -> tuple[Piece, ...]:
        """Everything before neck and head, in the order in which it runs."""
        return (self.stem, *self.blocks, self.tail)


class Space(ABC):
    """A search space over networks for inputs of `input_shape` with `num_outputs` outputs.

    Args:
        input_shape: (C, H, W) of one input.
        num_outputs: number of outputs (classes) of the head.

    Sub-classes set `name` and `options` (the number of options of each choice). Where options have a size,
    they are ordered from small to large, so that lowering an index never makes the network larger.

    Attributes:
        aspects: what each choice makes larger, such as `depth`, `width` or `kernel`; empty where options have no size.
        elastic: whether sub-networks are cut out of the super-network's blocks, the first channels, the centres of
            kernels, instead of having options of their own there.
        searches_resolution: whether architectures differ in where they halve the resolution: smaller images then change
            their order.
        head: makes the head for what the network offers; None for global pooling and a linear layer. Set it before
            anything is built or counted.
        deployed: makes of a network what will run on the device, and what latency is measured of; None for the network
            itself.
    """

    name: ClassVar[str]
    options: tuple[int, ...]
    aspects: ClassVar[tuple[str, ...]] = ()
    elastic: ClassVar[bool] = False
    searches_resolution: ClassVar[bool] = False
    head: Head | None = None
    deployed: Deployed | None = None

    def __init__(self, input_shape: tuple[int, int, int] = (3, 32, 32), num_outputs: int = 10) -> None:
        if len(input_shape) != 3 or min(input_shape) < 1:
            raise UserError(f"input_shape must be three positive numbers (C, H, W), found {input_shape}.")
        if num_outputs < 1:
            raise UserError(f"num_outputs must be at least 1, found {num_outputs}.")
        self.input_shape = input_shape
        self.num_outputs = num_outputs

    @property
    def size(self) -> int:
        """Number of encodings, isomorphic ones counted apart."""
        return prod(self.options)

    # What a space must say

    @abstractmethod
    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """The network as a chain of pieces: what `build` makes, and what analytic counts are kept for piece by piece.

        Args:
            architecture: a point of this space.
            width: factor on every internal channel count (a fidelity, not a choice).
        """

    @abstractmethod
    def graph(self, architecture: Architecture) -> Graph:
        """The architecture as a labelled DAG (of the cell in cell spaces, else of the blocks)."""

    @abstractmethod
    def to_string(self, architecture: Architecture) -> str:
        """The field's own string for the architecture, or a readable one where there is none."""

    @abstractmethod
    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: the text is not an architecture of this space.
        """

    def build(self, architecture: Architecture, *, width: float = 1.0) -> Network:
        """The network, freshly initialised from torch's global generator.

        Args:
            architecture: a point of this space.
            width: factor on every internal channel count (a fidelity, not a choice).
        """
        return self.assembled(self.layout(architecture, width=width))

    def assembled(self, layout: Layout, shapes: tuple[Shape, ...] | None = None) -> Network:
        """The network of a layout, freshly initialised; see `build`.

        Args:
            layout: of an architecture, or of several in one.
            shapes: of the maps for neck and head, for a layout that cannot run by itself; see `pyramid_shapes`.
        """
        stem, blocks, tail = layout.stem.make(), [b.make() for b in layout.blocks], layout.tail.make()
        if not self.reads_all_sizes(layout):
            return Network(stem, blocks, tail, self.pooled_linear(layout.channels))
        shapes = shapes or pyramid_shapes(layout, self.input_shape)
        neck = None if layout.neck is None else layout.neck.make(shapes)
        return Network(stem, blocks, tail, self.make_head(layout, shapes), neck)

    def reads_all_sizes(self, layout: Layout) -> bool:
        """Whether neck or head may read maps of all sizes; else there is the default head on the last one."""
        return self.head is not None or layout.neck is not None

    def make_head(self, layout: Layout, shapes: tuple[Shape, ...]) -> nn.Module:
        """The head of a network whose body has maps of these shapes."""
        pyramid = Pyramid(layout.neck.shapes(shapes) if layout.neck else shapes, fused=layout.neck is not None)
        return self.pooled_linear(pyramid.shapes[-1][0]) if self.head is None else self.head(pyramid)

    def pooled_linear(self, channels: int) -> nn.Module:
        """The default head: global average pooling and a linear layer."""
        return PooledLinear(channels, self.num_outputs)

    def super_layout(self, choose: Choose, *, width: float = 1.0) -> Layout:
        """The network with all options of all choices in it, as `layout` is with one of each.

        A super-network's weights are those of its sub-networks by name: where `layout` has one option's module under
        a name, here is under the same name what `choose` makes of all options' modules.
        An elastic space has the largest of all blocks here instead, and no use for `choose`; see `shared_blocks`.

        Args:
            choose: makes a module out of a choice's position, its options, a function from a number of channels to
                one module an option, and the number of channels.
            width: factor on every internal channel count.

        Raises:
            UserError: this space has no super-network.
        """
        del choose, width
        raise UserError(f"The space {self.name!r} has no super-network; take one of the cells' spaces, such as nb201.")

    def shared_blocks(self, architecture: Architecture) -> tuple[int, ...]:
        """For each block of an elastic space's `layout` the block of `super_layout` that it is cut out of.

        The names of its weights are names there, too.
        """
        return tuple(range(len(self.layout(architecture).blocks)))

    # What follows from the choices

    def canonical(self, architecture: Architecture) -> Architecture:
        """One representative for all encodings of one network; the identity unless a space knows better."""
        return self.check(architecture)

    def smallest(self) -> Architecture:
        """The architecture with the least parameters, MACs and memory that still connects input to output."""
        return self.canonical(Architecture(self.name, (0,) * len(self.options)))

    def check(self, architecture: Architecture) -> Architecture:
        """Returns the architecture if it is a point of this space.

        Raises:
            UserError: another space's, a wrong length, or an option out of range.
        """
        if architecture.space != self.name:
            raise UserError(f"This is the space {self.name!r}, the architecture is of {architecture.space!r}.")
        found = architecture.choices
        if len(found) != len(self.options) or min(found, default=0) < 0 or not all(map(lt, found, self.options)):
            raise UserError(f"{found} is not a point of {self.name!r}: its choices have {self.options} options.")
        return architecture

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A canonical architecture, every choice uniform."""
        first, *others = self.options
        if others.count(first) == len(others):  # one call draws the same numbers, quicker
            choices = tuple(rng.integers(first, size=len(self.options)).tolist())
        else:
            choices = tuple(int(rng.integers(n)) for n in self.options)
        return self.canonical(Architecture(self.name, choices))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Every choice moved towards its smallest option: choice c becomes floor((c + 1/2) factor), factor in 0..1."""
        choices = tuple(int((c + 0.5) * factor) for c in architecture.choices)
        return self.canonical(Architecture(self.name, choices))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """All canonical architectures that differ in one choice, without the architecture itself, sorted."""
        here = self.canonical(architecture)
        near = {self._replace(here, i, option) for i, n in enumerate(self.options) for option in range(n)}
        return sorted(near - {here})

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour: one choice changed, the network changed with it."""
        here = self.canonical(architecture)
        while True:
            i = int(rng.integers(len(self.options)))
            near = self._replace(here, i, int(rng.integers(self.options[i])))
            if near != here:
                return near

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Each choice from one of two parents, by a fair coin."""
        coins = rng.integers(2, size=len(self.options))
        mixed = tuple(int(x if c else y) for x, y, c in zip(a.choices, b.choices, coins, strict=True))
        return self.canonical(Architecture(self.name, mixed))

    def encode(self, architecture: Architecture) -> np.ndarray:
        """One-hot encoding of the canonical choices, float32 array of length sum(options)."""
        here = self.canonical(architecture)
        return np.concatenate([np.eye(n, dtype=np.float32)[c] for c, n in zip(here.choices, self.options, strict=True)])

    # From chances of options to networks, for searches over mixtures

    @property
    def sums(self) -> tuple[tuple[int, ...], ...]:
        """The choices in groups: what those of a group make is added up. By default each is a group of its own."""
        return tuple((i,) for i in range(len(self.options)))

    def alternatives(self, chances: Sequence[np.ndarray]) -> list[Alternatives]:
        """What is decided for itself; see `discretisation`. By default each choice.

        Args:
            chances: how likely each option of each choice is, one (options,) array a choice.
        """
        return each_alone(chances)

    def discretised(self, chances: Sequence[np.ndarray], most: int = 1) -> list[Architecture]:
        """The likeliest encodings, canonical or not, best first; see `alternatives`.

        Args:
            chances: see `alternatives`.
            most: how many; fewer where there are fewer.
        """
        return [Architecture(self.name, path) for path in likeliest(self.alternatives(chances), most)]

    # How it grows, for progressive search and for surrogates that read sentences

    @property
    def unfixed(self) -> tuple[int, ...]:
        """The choices that stand for those that a growing architecture has not fixed yet; the smallest by default."""
        return (0,) * len(self.options)

    def growth_steps(self, most: int) -> int:
        """In how many steps `grown` makes whole architectures, at most `most` where the space leaves that open."""
        return min(most, len(self.options))

    def grown(
        self, architecture: Architecture | None, step: int, steps: int, rng: np.random.Generator, most: int
    ) -> list[Architecture]:
        """Encodings, canonical or not, one step larger than an encoding of the step before, which is None for step 0.

        By default the choices are fixed one group after another, in their order, the rest is as `unfixed` says.

        Args:
            architecture: the encoding to begin with.
            step: 0, 1, ... steps - 1.
            steps: as `growth_steps` gives them.
            rng: draws `most` of them, about as `sample` does, where there are more.
            most: how many to give.
        """
        base = list(self.unfixed if architecture is None else architecture.choices)
        group = [int(i) for i in np.array_split(np.arange(len(self.options)), steps)[step]]
        if prod(self.options[i] for i in group) <= most:
            values: Iterable[Iterable[int]] = product(*(range(self.options[i]) for i in group))
        else:
            draws = (self.sample(rng).choices for _ in range(most))
            values = ([draw[i] for i in group] for draw in draws)
        found = []
        for chosen in values:
            for i, option in zip(group, chosen, strict=True):
                base[i] = option
            found.append(Architecture(self.name, tuple(base)))
        return list(dict.fromkeys(found))

    @property
    def vocabulary(self) -> int:
        """Number of tokens in `words`."""
        return sum(self.options)

    def words(self, architecture: Architecture) -> list[tuple[int, ...]]:
        """The canonical architecture as a sentence, a word for each building block, a word being a tuple of tokens.

        By default a word for each choice, of one token that says which option of which choice it is.
        """
        choices = self.canonical(architecture).choices
        return [(sum(self.options[:i]) + c,) for i, c in enumerate(choices)]

    def _replace(self, architecture: Architecture, position: int, option: int) -> Architecture:
        choices = list(architecture.choices)
        choices[position] = option
        return self.canonical(Architecture(self.name, tuple(choices)))


def pyramid_shapes(layout: Layout, input_shape: Shape) -> tuple[Shape, ...]:
    """(C, H, W) of the last map of each size in a layout's body, the finest first; nothing is computed."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        body = Network(layout.stem.make(), [b.make() for b in layout.blocks], layout.tail.make(), nn.Identity())
        maps = body.eval().pyramid(torch.empty(1, *input_shape))
    return tuple((m.shape[1], m.shape[2], m.shape[3]) for m in maps)


spaces: Registry[type[Space]] = Registry(
    "space",
    (
        "nassay.spaces.nb201",
        "nassay.spaces.tiny201",
        "nassay.spaces.cell64",
        "nassay.spaces.bypass",
        "nassay.spaces.mobile",
        "nassay.spaces.resnet",
        "nassay.spaces.union",
        "nassay.spaces.nb101",
        "nassay.spaces.transnas_micro",
        "nassay.spaces.transnas_macro",
        "nassay.spaces.nb_macro",
        "nassay.spaces.darts",
        "nassay.spaces.nds_cells",
        "nassay.spaces.nds_residual",
        "nassay.spaces.pnas",
        "nassay.spaces.skip_nets",
        "nassay.spaces.fpn",
    ),
)
