"""A choice goes through what is selected: one option, an option for each item, or a weighted sum."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.supernets.choice import Choice, Held


class Times(nn.Module):
    """Multiplies a map, or every map of a list, and counts how often and for how many items it was asked."""

    def __init__(self, factor: float, connects: bool = True) -> None:
        super().__init__()
        self.factor, self.connects = factor, connects
        self.items: list[int] = []

    def forward(self, x: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        levels = x if isinstance(x, list) else [x]
        self.items.append(len(levels[0]))
        found = [self.factor * level for level in levels]
        return found if isinstance(x, list) else found[0]


def options(channels: int) -> Sequence[nn.Module]:
    """Times 1, 10, 100 the number of channels; the last is no connection."""
    return [Times(channels * 10.0**i, connects=i < 2) for i in range(3)]


@pytest.fixture
def choice() -> Choice:
    """The second choice of a super-network, behind 2 channels: times 2, 20 or 200."""
    return Choice(Held(), 1, options, 2)


def asked(choice: Choice) -> list[list[int]]:
    return [option.items for option in choice.options]


X = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1)


def test_an_index_goes_through_one_option_alone(choice: Choice) -> None:
    choice.held.selection = (0, 1)
    torch.testing.assert_close(choice(X), 20 * X)
    assert asked(choice) == [[], [3], []]


def test_weights_sum_the_options_and_those_of_weight_zero_are_not_computed(choice: Choice) -> None:
    choice.held.selection = (0, torch.tensor([0.5, 0.0, 0.25]))
    torch.testing.assert_close(choice(X), (0.5 * 2 + 0.25 * 200) * X)
    assert asked(choice) == [[3], [], [3]]


def test_the_gradient_of_a_weight_is_its_option_s_output(choice: Choice) -> None:
    weights = torch.tensor([0.5, 0.25, 0.25], requires_grad=True)
    choice.held.selection = (0, weights)
    choice(X).sum().backward()
    torch.testing.assert_close(weights.grad, 6.0 * torch.tensor([2.0, 20.0, 200.0]))


def test_indices_send_every_item_through_its_own_option(choice: Choice) -> None:
    choice.held.selection = (0, torch.tensor([2, 0, 2]))
    torch.testing.assert_close(choice(X).flatten(), torch.tensor([200.0, 4.0, 600.0]))
    assert asked(choice) == [[1], [], [2]]


@pytest.mark.parametrize(
    ("selected", "factors"),
    [
        (2, [200.0, 200.0, 200.0]),
        (torch.tensor([0.5, 0.5, 0.0]), [11.0, 11.0, 11.0]),
        (torch.tensor([1, 2, 0]), [20.0, 200.0, 2.0]),
    ],
)
def test_a_list_of_maps_goes_level_by_level(choice: Choice, selected: int | Tensor, factors: list[float]) -> None:
    choice.held.selection = (0, selected)
    levels = [X, X.expand(3, 1, 2, 2)]
    for level, found in zip(levels, choice(levels), strict=True):
        torch.testing.assert_close(found, torch.tensor(factors).view(3, 1, 1, 1) * level)


def test_only_a_selected_option_that_is_none_does_not_connect(choice: Choice) -> None:
    assert choice.connects  # nothing is selected
    for selected, connects in ((0, True), (2, False), (torch.tensor([0.0, 0.0, 1.0]), True)):
        choice.held.selection = (0, selected)
        assert choice.connects is connects


def test_it_does_not_run_outside_its_super_network(choice: Choice) -> None:
    with pytest.raises(AssertionError, match="inside its super-network"):
        choice(X)
