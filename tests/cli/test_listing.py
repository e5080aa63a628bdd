import json

import pytest

from nassay.cli.listing import _registries, entries_of
from nassay.errors import UserError

NOUNS = {
    "spaces": {"convnets", "mobile", "nb201", "resnet"},
    "proxies": {"synflow", "naswot", "az_expressivity"},
    "topologies": {"sed", "paths"},
    "strategies": {"cascade", "random", "evolution"},
    "tasks": {"classification"},
    "datasets": {"digits"},
    "tables": {"embedded", "nasbench201"},
}


@pytest.mark.parametrize("noun", NOUNS)
def test_every_thing_has_a_name_and_one_sentence(noun):
    entries = entries_of(noun)
    assert {e["name"] for e in entries} >= NOUNS[noun]
    assert all(e["summary"].endswith(".") and "\n" not in e["summary"] for e in entries)


@pytest.mark.parametrize("noun", NOUNS)
def test_entries_are_json(nassay, noun):
    code, out, err = nassay("list", noun, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == entries_of(noun)


def test_help_names_every_noun(nassay):
    _, out, _ = nassay("list", "--help")
    assert set(NOUNS) == set(_registries())
    assert all(noun in out for noun in NOUNS)


def test_entries_are_a_table_with_every_name(nassay):
    code, out, err = nassay("list", "strategies")
    assert (code, err) == (0, "")
    assert all(name in out for name in NOUNS["strategies"])


def test_an_unknown_noun_is_told_the_nearest(nassay):
    code, out, err = nassay("list", "spcaes")
    assert (code, out) == (2, "")
    assert "'spcaes'" in err
    assert "Did you mean spaces" in err


def test_facts_that_are_no_plain_values_are_text():
    with pytest.raises(UserError):
        entries_of("")
    assert all(
        isinstance(value, str | int | float | bool | list | None) for e in entries_of("proxies") for value in e.values()
    )
