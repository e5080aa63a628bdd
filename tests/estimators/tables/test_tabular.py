"""The estimator that looks it up."""

from pathlib import Path

import pytest

from nassay.errors import UserError
from nassay.estimators.tables import Tabular, open_table

SAME_CHAIN = "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|"
DEEP = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|skip_connect~2|"
DEAD = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


def test_any_encoding_of_a_network_gets_its_value_and_its_price(folder: Path) -> None:
    tabular = Tabular(open_table("nasbench201", folder))
    chain, deep = tabular.estimate([tabular.space.from_string(text) for text in (SAME_CHAIN, DEEP)])
    assert (chain.value, deep.value) == (91.0, 94.0)
    assert chain.details["train_seconds"] == 3100.0
    assert "train_seconds" not in deep.details
    assert tabular.direction == +1


def test_details_and_name_say_what_was_asked(folder: Path) -> None:
    tabular = Tabular(open_table("nasbench201", folder), "CIFAR100", seed=888)
    (deep,) = tabular.estimate([tabular.space.from_string(DEEP)])
    assert deep.value == 74.0
    assert dict(deep.details) == {
        "table": "nasbench201",
        "dataset": "cifar100",
        "metric": "accuracy",
        "unit": "percent",
        "split": "test",
        "epochs": 200,
        "seed": 888,
    }
    assert tabular.name == "nasbench201/cifar100 test accuracy (percent)"


def test_a_network_without_a_value_is_a_reason(folder: Path) -> None:
    tabular = Tabular(open_table("nasbench201", folder))
    (dead,) = tabular.estimate([tabular.space.from_string(DEAD)])
    assert dead.value is None
    assert "no value of this architecture" in str(dead.reason)


def test_a_wish_that_cannot_be_met_is_refused_at_once(folder: Path) -> None:
    with pytest.raises(UserError, match="after 90 epochs"):
        Tabular(open_table("nasbench201", folder), epochs=90)
