"""Orders of nodes by what they compute."""

from nassay.spaces.isomorphism import orderings


def test_short_expressions_come_first_and_equal_ones_in_any_order() -> None:
    assert list(orderings(["f(g(x))", "g(x)", "h(x)"])) == [[1, 2, 0]]
    assert sorted(orderings(["g(x)", "g(x)", "f"])) == [[2, 0, 1], [2, 1, 0]]
    assert list(orderings([])) == [[]]


def test_groups_of_equal_expressions_multiply() -> None:
    assert len(list(orderings(["a", "a", "a", "bb", "bb"]))) == 6 * 2
