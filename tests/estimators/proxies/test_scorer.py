import pytest
import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.proxies import Batch, ProxyScorer
from nassay.estimators.proxies.scorer import shallower
from nassay.spaces.base import Piece
from nassay.spaces.nb201 import NB201

SPACE = NB201((3, 8, 8), 4, channels=4, cells=1)
BATCH = Batch.noise((3, 8, 8), 4, 6)
NAMES = ("synflow", "az_expressivity", "naswot")
STRINGS = [
    "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|",
    "|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
]


def values(scorer: ProxyScorer, strings: list[str]) -> list[list[float | None]]:
    rows = scorer.score_all([SPACE.from_string(text) for text in strings])
    return [[row[name].value for name in NAMES] for row in rows]


def test_values_depend_neither_on_order_nor_on_company_nor_on_global_state() -> None:
    scorer = ProxyScorer(SPACE, BATCH, NAMES, seed=3)
    together = values(scorer, STRINGS)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert values(ProxyScorer(SPACE, BATCH, NAMES, seed=3), STRINGS[::-1]) == together[::-1]
    assert values(scorer, STRINGS[1:2]) == together[1:2]
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_gives_other_weights() -> None:
    first, second = (values(ProxyScorer(SPACE, BATCH, NAMES, seed=s), STRINGS[:1]) for s in (1, 2))
    assert first != second


def test_equal_networks_have_equal_scores() -> None:
    dead_edge = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    same = "|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|"
    scorer = ProxyScorer(SPACE, BATCH, NAMES)
    assert values(scorer, [dead_edge]) == values(scorer, [same])


def test_a_dead_architecture_has_a_reason_for_each_proxy() -> None:
    row = ProxyScorer(SPACE, BATCH, NAMES).score_all([SPACE.from_string(STRINGS[2])])[0]
    assert list(row) == list(NAMES)
    assert all(estimate.reason for estimate in row.values())


def test_facts_and_unknown_names() -> None:
    assert ProxyScorer(SPACE, BATCH, NAMES).directions == dict.fromkeys(NAMES, 1)
    with pytest.raises(UserError):
        ProxyScorer(SPACE, BATCH, ["nope"])


def test_less_depth_leaves_out_repeated_blocks() -> None:
    pieces = [Piece((key,), nn.Identity) for key in "aaaaabccdd"]
    assert "".join(str(piece.key[0]) for piece in shallower(pieces, 60)) == "aaabccdd"
    assert "".join(str(piece.key[0]) for piece in shallower(pieces, 50)) == "aaabcd"


def test_scores_of_less_depth_are_those_of_a_shallower_network() -> None:
    deep, shallow = NB201((3, 8, 8), 5, channels=4, cells=5), NB201((3, 8, 8), 5, channels=4, cells=3)
    found = values(ProxyScorer(deep, BATCH, NAMES, depth_percent=60), STRINGS[:1])
    assert found == values(ProxyScorer(shallow, BATCH, NAMES), STRINGS[:1])
