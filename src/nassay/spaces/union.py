"""Several spaces searched as one: a network is one of any of them.

The first choice says which space; then come the choices of each. Those of the spaces that a network is not of are zeros
in its canonical form.
"""

from dataclasses import replace
from itertools import accumulate
from typing import ClassVar

import numpy as np
import torch

from nassay.errors import UserError
from nassay.spaces.base import Architecture, Graph, Layout, Piece, Space, spaces
from nassay.spaces.mobile import Mobile
from nassay.spaces.resnet import ResNet


class Union(Space):
    """A space of the networks of other spaces; sub-classes name these.

    Attributes:
        members: the spaces.
        parts: the same for this input and these outputs.
    """

    members: ClassVar[tuple[type[Space], ...]]

    def __init__(self, input_shape: tuple[int, int, int] = (3, 32, 32), num_outputs: int = 10) -> None:
        super().__init__(input_shape, num_outputs)
        self.parts = [member(input_shape, num_outputs) for member in self.members]
        self.options = (len(self.parts), *(n for part in self.parts for n in part.options))
        self._starts = list(accumulate((len(part.options) for part in self.parts), initial=1))

    def part(self, architecture: Architecture) -> tuple[Space, Architecture]:
        """The space that an architecture is of, and what it is there.

        Raises:
            UserError: not a point of this space.
        """
        which = self.check(architecture).choices[0]
        part, own = self.parts[which], architecture.choices[self._starts[which] : self._starts[which + 1]]
        return part, Architecture(part.name, own)

    def whole(self, architecture: Architecture) -> Architecture:
        """Inverse of `part`, for a canonical architecture."""
        which = [part.name for part in self.parts].index(architecture.space)
        choices = [which] + [0] * (len(self.options) - 1)
        choices[self._starts[which] : self._starts[which + 1]] = architecture.choices
        return Architecture(self.name, tuple(choices))

    def layout(self, architecture: Architecture, *, width: float = 1.0) -> Layout:
        """The layout in the space that it is of."""
        part, own = self.part(architecture)
        made = part.layout(own, width=width)

        def named(piece: Piece) -> Piece:
            return Piece((part.name, *piece.key), piece.make)

        return replace(made, stem=named(made.stem), blocks=tuple(map(named, made.blocks)), tail=named(made.tail))

    def graph(self, architecture: Architecture) -> Graph:
        """The graph in the space that it is of."""
        part, own = self.part(architecture)
        return part.graph(own)

    def to_string(self, architecture: Architecture) -> str:
        """The string in the space that it is of."""
        part, own = self.part(architecture)
        return part.to_string(own)

    def from_string(self, text: str) -> Architecture:
        """Inverse of `to_string`.

        Raises:
            UserError: none of the spaces can read the text.
        """
        reasons = []
        for part in self.parts:
            try:
                return self.whole(part.from_string(text))
            except UserError as error:
                reasons.append(str(error))
        raise UserError(" ".join(reasons))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The representative in the space that it is of."""
        part, own = self.part(architecture)
        return self.whole(part.canonical(own))

    def smallest(self) -> Architecture:
        """That of the spaces' smallest networks that has the fewest parameters."""

        def params(part: Space) -> int:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                return sum(p.numel() for p in part.build(part.smallest()).parameters())

        return self.whole(min(self.parts, key=params).smallest())

    def sample(self, rng: np.random.Generator) -> Architecture:
        """A sample of any of the spaces, each as likely as the others."""
        return self.whole(self.parts[rng.integers(len(self.parts))].sample(rng))

    def scaled(self, architecture: Architecture, factor: float) -> Architecture:
        """Scaled in the space that it is of."""
        part, own = self.part(architecture)
        return self.whole(part.scaled(own, factor))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """The neighbours in the space that it is of."""
        part, own = self.part(architecture)
        return sorted(map(self.whole, part.neighbors(own)))

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A random neighbour in the space that it is of."""
        part, own = self.part(architecture)
        return self.whole(part.mutate(own, rng))

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """That of their space; of two spaces a mutant of one of them, by a fair coin."""
        (part, own), (other, others) = self.part(a), self.part(b)
        if part is other:
            return self.whole(part.crossover(own, others, rng))
        return self.mutate((a, b)[rng.integers(2)], rng)


@spaces.register("convnets", paper="Sandler et al. 2018, arXiv:1801.04381; He et al. 2015, arXiv:1512.03385")
class ConvNets(Union):
    """The networks of `mobile` and of `resnet`, as one space."""

    name = "convnets"
    members = (Mobile, ResNet)
