import pytest

from nassay.errors import UserError
from nassay.estimators.proxies.base import Unmeasurable
from nassay.estimators.topology.operations import Operation, operation


@pytest.mark.parametrize("label", ["input", "output", "skip_connect", "identity", "id", "add", "concat"])
def test_identities(label: str) -> None:
    found = operation(label)
    assert found is not None
    assert found.is_identity


@pytest.mark.parametrize(
    ("label", "convolutions", "rectifiers"),
    [
        ("nor_conv_1x1", (1,), 1),
        ("nor_conv_3x3", (9,), 1),
        ("conv3x3-bn-relu", (9,), 1),
        ("conv_7x1_1x7", (7, 7), 1),
        ("sep_conv_5x5", (25, 1, 25, 1), 2),
        ("dil_sep_conv_3x3", (9, 1, 9, 1), 2),
        ("dil_conv_3x3", (9, 1), 1),
        ("stem", (9,), 1),
        ("tail", (1,), 1),
        ("k5e6se", (1, 25, 1), 2),
        ("mb3_k3", (1, 9, 1), 2),
        ("k3e1", (9, 1), 1),
    ],
)
def test_convolutions(label: str, convolutions: tuple[int, ...], rectifiers: int) -> None:
    assert operation(label) == Operation(convolutions, rectifiers)


@pytest.mark.parametrize(("label", "positions"), [("avg_pool_3x3", 9), ("maxpool3x3", 9), ("max_pool_5x5", 25)])
def test_poolings(label: str, positions: int) -> None:
    assert operation(label) == Operation(poolings=(positions,))


def test_none_passes_nothing() -> None:
    assert operation("none") is None


@pytest.mark.parametrize("label", ["basic", "bottleneck", "module4", "res_bottleneck_block"])
def test_blocks_of_unknown_width(label: str) -> None:
    with pytest.raises(Unmeasurable, match=label):
        operation(label)


@pytest.mark.parametrize("label", ["lstm", "pool", "conv"])
def test_unknown_label(label: str) -> None:
    with pytest.raises(UserError, match=repr(label)):
        operation(label)
