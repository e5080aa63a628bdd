"""Names to things: registering, looking up, suggesting, and loading late."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nassay import registry
from nassay.errors import UserError
from nassay.registry import Registry, unknown_name

Fruits = Registry[Any]


@pytest.fixture
def fruits() -> Fruits:
    found: Fruits = Registry("fruit")

    @found.register("apple", colour="red")
    class Apple:
        """Grows on trees.

        Keeps well.
        """

    @found.register("fig")
    def fig() -> None:
        pass

    return found


def test_an_entry_has_name_target_summary_and_facts(fruits: Fruits) -> None:
    entry = fruits["apple"]
    assert (entry.name, entry.summary, entry.info) == ("apple", "Grows on trees.", {"colour": "red"})
    assert entry.target.__name__ == "Apple"
    assert (fruits["fig"].summary, fruits["fig"].info) == ("", {})


def test_order_is_that_of_registration(fruits: Fruits) -> None:
    assert fruits.names() == [entry.name for entry in fruits] == ["apple", "fig"]
    assert "fig" in fruits
    assert "plum" not in fruits


def test_a_name_is_taken_once(fruits: Fruits) -> None:
    with pytest.raises(ValueError, match="fruit 'apple' is registered twice"):
        fruits.register("apple")(object)
    assert fruits["apple"].target is not object


def test_an_unknown_name_suggests_the_nearest_and_lists_all(fruits: Fruits) -> None:
    with pytest.raises(UserError) as caught:
        fruits["aple"]
    assert str(caught.value) == "There is no fruit called 'aple'. Did you mean apple? Known: apple, fig."


def test_at_most_three_names_are_suggested_and_none_that_is_far() -> None:
    near = unknown_name("fruit", "plum", ["plums", "plumb", "plump", "plume", "lemon"])
    assert near.partition(" Known: ")[0].count(" or ") == 2
    assert "Did you mean" not in unknown_name("fruit", "xyz", ["apple", "fig"])


def test_modules_are_imported_on_the_first_look_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared: Fruits = Registry("fruit", ("nassay_test_orchard",))
    source = "import nassay.registry\nnassay.registry.shared_for_test.register('quince')(object)\n"
    (tmp_path / "nassay_test_orchard.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "shared_for_test", shared, raising=False)
    assert "nassay_test_orchard" not in sys.modules
    assert shared.names() == ["quince"]
    assert shared.names() == ["quince"]  # not imported, not registered a second time
    monkeypatch.delitem(sys.modules, "nassay_test_orchard")


def test_third_parties_add_things_by_an_entry_point(fruits: Fruits, monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str) -> list[Any]:
        points = {"nassay.fruit": [SimpleNamespace(load=lambda: fruits.register("kiwi")(object))]}
        return points.get(group, [])

    monkeypatch.setattr(registry, "entry_points", entry_points)
    assert fruits["kiwi"].target is object
    assert fruits.names() == ["apple", "fig", "kiwi"]
