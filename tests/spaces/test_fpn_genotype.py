"""Genotypes of pyramid networks: which are one network, and which are one path apart."""

from itertools import product

import pytest

from nassay.spaces.fpn_genotype import canonical, is_dead, one_path_away, pairs

OPTIONS = 6
THREE = list(product((0, 1, 3), repeat=6))  # encodings of three nodes with three of the options
TWO = list(product(range(OPTIONS), repeat=3))


def test_choices_are_numbered_target_by_target() -> None:
    assert pairs(3) == [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]
    assert all(pairs(5).index((i, j)) == i * (i - 1) // 2 + j for i in range(1, 6) for j in range(i))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ((0, 3, 0), (3, 0, 0)),  # node 2 alone is node 1
        ((0, 3, 4), (3, 0, 0)),  # a path from a node that nothing reaches
        ((4, 3, 0), (3, 4, 0)),  # two nodes beside one another, in either order
        ((3, 0, 4), (3, 0, 4)),
        ((0, 0, 5), (0, 0, 0)),
    ],
)
def test_canonical_forms_of_two_nodes_by_hand(choices: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert canonical(choices, 2) == expected
    assert is_dead(choices, 2) == (expected == (0, 0, 0))


def test_two_nodes_have_so_many_networks() -> None:
    """None; one node, 5; two nodes from the input, 5 * 6 / 2 unordered; a path between them, 5 * 5 * 6."""
    assert len({canonical(c, 2) for c in TWO}) == 1 + 5 + 15 + 150


def sums(choices: tuple[int, ...], nodes: int) -> str:
    """What goes out, as a text that names every path once by the term that it is: an independent canonical form."""
    terms: dict[int, str] = {0: "x"}
    for target in range(1, nodes + 1):
        found = [
            f"{choice}({terms[source]})"
            for (to, source), choice in zip(pairs(nodes), choices, strict=True)
            if to == target and choice and source in terms
        ]
        if found:
            terms[target] = f"[{'+'.join(sorted(found))}]"
    return " ".join(sorted(t for i, t in terms.items() if i))


def test_canonical_forms_compute_the_same_and_differ_from_one_another() -> None:
    """Where no two nodes have the same term the text tells networks apart; the rest may only be told apart further."""
    forms = {c: canonical(c, 3) for c in THREE}
    assert all(sums(form, 3) == sums(c, 3) for c, form in forms.items())
    texts = {sums(c, 3) for c in forms.values()}
    ambiguous = {f for f in forms.values() if len(set(sums(f, 3).split())) < len(sums(f, 3).split())}
    assert len(texts) <= len(set(forms.values())) <= len(texts) + len(ambiguous)


def test_neighbors_are_mutual_and_reach_everything() -> None:
    everything = {canonical(c, 2) for c in TWO} - {(0, 0, 0)}
    near = {c: one_path_away(c, 2, OPTIONS) for c in everything}
    assert all(c in near[other] for c in everything for other in near[c])
    reached, new = set(), {(1, 0, 0)}
    while new:
        reached |= new
        new = {other for c in new for other in near[c]} - reached
    assert reached == everything


def test_neighbors_by_hand() -> None:
    """Of a single path: four others in its place, a second node from the input or from the first."""
    near = one_path_away((3, 0, 0), 2, OPTIONS)
    replaced = {(o, 0, 0) for o in (1, 2, 4, 5)}
    beside = {canonical((3, o, 0), 2) for o in range(1, 6)}
    behind = {(3, 0, o) for o in range(1, 6)}
    assert near == replaced | beside | behind


def test_a_node_that_leads_on_is_not_cut_off() -> None:
    near = one_path_away((3, 0, 4), 2, OPTIONS)
    assert (3, 0, 0) in near
    assert canonical((0, 0, 4), 2) not in near
    assert canonical((0, 4, 0), 2) not in near
