import pytest

from nassay.estimators.base import Fidelity
from nassay.spaces.base import spaces
from nassay.strategies.problem import FINAL_EPOCHS, Constraints, Problem
from nassay.studies.finish import final_fidelity, final_seconds, finishing_order, reference_network


def test_the_longest_goes_first_to_the_least_loaded():
    # 7 -> worker 0; 5 -> worker 1; 4 -> worker 1 (5 < 7); 3 -> worker 0 (7 < 9); 1 -> worker 1 (9 < 10)
    assert finishing_order(2, [5, 7, 3, 4, 1]) == [[1, 2], [0, 3, 4]]
    assert finishing_order(3, [2.0]) == [[0], [], []]
    assert finishing_order(2, []) == [[], []]


@pytest.mark.parametrize(
    ("spent", "workers", "available", "total"),
    [
        ([0.0], 1, 60.0, 60.0),
        ([0.0, 0.0, 0.0, 0.0], 2, 60.0, 30.0),  # two after another on each worker
        ([0.0, 0.0, 0.0], 2, 60.0, 30.0),  # one worker has two of them
        ([20.0, 20.0, 0.0, 0.0], 2, 60.0, 40.0),  # 40 and 20 on each worker
        ([10.0, 10.0], 2, 60.0, 70.0),
        ([5.0, 15.0, 40.0], 1, 60.0, 40.0),  # 35 + 25 + 0
        ([30.0], 1, 0.0, 30.0),  # no time left: what it has had
        ([], 2, 60.0, 60.0),
    ],
)
def test_the_largest_equal_total_that_fits(spent, workers, available, total):
    assert final_seconds(spent, workers, available) == pytest.approx(total, abs=1e-6)


def test_nobody_gets_less_than_the_most_trained_has_had():
    # 100 s on one worker cannot lift both fresh networks to the third's 90 s; then they are still trained alike
    assert final_seconds([0.0, 0.0, 90.0], 1, 100.0) == 90.0


def test_without_a_clock_the_bound_is_in_epochs():
    bound = final_fidelity(None, [0.0], 1, lambda: pytest.fail("the clock was asked"))
    assert bound == Fidelity(epochs=FINAL_EPOCHS, final=True)


def test_under_a_clock_the_bound_is_in_seconds_and_at_least_one():
    assert final_fidelity(1.0, [0.0, 0.0], 1, lambda: 20.0) == Fidelity(seconds=10.0, final=True)
    assert final_fidelity(1.0, [0.0] * 8, 1, lambda: 2.0) == Fidelity(seconds=1.0, final=True)


def test_without_limits_the_reference_is_the_widest_layout(nb201):
    mobile, reference, kept = reference_network(Problem(nb201), lambda a: pytest.fail("measured without need"))
    assert reference == mobile.references()[0]
    assert kept
    assert (mobile.input_shape, mobile.num_outputs) == (nb201.input_shape, nb201.num_outputs)


def test_the_reference_is_the_widest_layout_inside_the_limits(nb201):
    mobile = spaces["mobile"].target((1, 8, 8), 3)
    sizes = {a: Problem(mobile).profile(a).params for a in mobile.references()}
    limit = sorted(sizes.values())[1]
    _, reference, kept = reference_network(Problem(nb201, Constraints(max_params=limit)), lambda a: None)
    assert kept
    assert sizes[reference] == max(size for size in sizes.values() if size <= limit)


def test_the_reference_keeps_the_latency_limit_as_measured(nb201):
    mobile = spaces["mobile"].target((1, 8, 8), 3)
    third = mobile.references()[2]
    measured = {a: 2.0 if i < 2 else 0.5 for i, a in enumerate(mobile.references())}
    _, reference, kept = reference_network(Problem(nb201, Constraints(max_latency_ms=1.0)), measured.get)
    assert (reference, kept) == (third, True)


def test_limits_below_every_layout_give_the_narrowest_and_say_so(nb201):
    mobile, reference, kept = reference_network(Problem(nb201, Constraints(max_params=1)), lambda a: None)
    assert (reference, kept) == (mobile.references()[-1], False)


def test_an_unmeasured_latency_does_not_keep_a_limit(nb201):
    _, _, kept = reference_network(Problem(nb201, Constraints(max_latency_ms=1.0)), lambda a: None)
    assert not kept
