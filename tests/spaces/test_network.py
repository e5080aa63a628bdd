"""The one convention of built networks: what heads read."""

import torch
from torch import Tensor, nn

from nassay.spaces.base import Layout, Neck, Piece, Pyramid, Shape, Space, pyramid_shapes
from nassay.spaces.network import Network, PyramidHead, read_maps


def conv(c_in: int, c_out: int, stride: int) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 3, stride, padding=1)


class Keep(PyramidHead):
    """Shows what it reads."""

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return maps


class Doubled(nn.Module):
    """A neck that doubles every map."""

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [2 * m for m in maps]


def body() -> tuple[nn.Module, list[nn.Module], nn.Module]:
    return conv(3, 4, 1), [conv(4, 5, 1), conv(5, 6, 2), conv(6, 7, 2), conv(7, 8, 1)], nn.ReLU()


def test_the_pyramid_has_the_last_map_of_each_size() -> None:
    stem, blocks, tail = body()
    x = torch.randn(2, 3, 9, 8)
    maps = Network(stem, blocks, tail, Keep())(x)
    first = blocks[0](stem(x))
    second = blocks[1](first)
    expected = [first, second, tail(blocks[3](blocks[2](second)))]
    assert [m.shape for m in maps] == [(2, 5, 9, 8), (2, 6, 5, 4), (2, 8, 3, 2)]
    assert all(map(torch.equal, maps, expected))


def test_a_plain_head_reads_the_last_map_also_behind_a_neck() -> None:
    stem, blocks, tail = body()
    x = torch.randn(1, 3, 8, 8)
    plain, necked = Network(stem, blocks, tail, nn.Identity()), Network(stem, blocks, tail, nn.Identity(), Doubled())
    assert torch.equal(necked(x), 2 * plain(x))
    maps = plain.pyramid(x)
    assert torch.equal(read_maps(maps, None, nn.Identity()), maps[-1])
    assert [torch.equal(a, 2 * b) for a, b in zip(read_maps(maps, Doubled(), Keep()), maps, strict=True)] == [True] * 3


def same(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return shapes


class One(Space):
    """One network, with a neck."""

    name = "one network"
    options = (1,)

    def layout(self, architecture, *, width=1.0):  # noqa: ARG002
        pieces = [Piece((i,), lambda i=i: conv(3 + i, 4 + i, 1 + i % 2)) for i in range(4)]
        neck = Neck(("doubled",), lambda _: Doubled(), same)
        return Layout(pieces[0], tuple(pieces[1:]), Piece(("tail",), nn.Identity), 7, neck)

    def graph(self, architecture): ...

    def to_string(self, architecture): ...

    def from_string(self, text): ...


def test_a_space_tells_its_head_what_there_is_to_read() -> None:
    seen: list[Pyramid] = []

    def head(pyramid: Pyramid) -> nn.Module:
        seen.append(pyramid)
        return Keep()

    space = One((3, 8, 8), 2)
    layout = space.layout(space.smallest())
    shapes = pyramid_shapes(layout, (3, 8, 8))
    assert shapes == ((4, 8, 8), (6, 4, 4), (7, 2, 2))
    assert space.build(space.smallest())(torch.zeros(1, 3, 8, 8)).shape == (1, 2)
    space.head = head
    maps = space.build(space.smallest())(torch.zeros(1, 3, 8, 8))
    assert seen == [Pyramid(shapes, fused=True)]
    assert [tuple(m.shape[1:]) for m in maps] == list(shapes)


def test_shapes_cost_no_random_numbers() -> None:
    space = One((3, 8, 8), 2)
    state = torch.get_rng_state()
    pyramid_shapes(space.layout(space.smallest()), (3, 8, 8))
    assert torch.equal(torch.get_rng_state(), state)
