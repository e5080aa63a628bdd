import numpy as np
import pytest

from nassay.estimators.supernets.sampling import largest, sandwich, strictly_fair, uniform, update_counts

RNG = np.random.default_rng


@pytest.mark.parametrize(("options", "passes"), [((5,) * 6, 5), ((2, 3, 2), 6), ((4,), 4), ((1, 3), 3)])
def test_strict_fairness_counts_every_option_equally(options: tuple[int, ...], passes: int) -> None:
    rng, paths = RNG(0), []
    for step in range(1, 8):
        paths += strictly_fair(rng, options)
        assert len(paths) == step * passes
        assert update_counts(paths, options) == [[step * passes // n] * n for n in options]


def test_orders_of_choices_are_independent() -> None:
    paths = {tuple(strictly_fair(RNG(seed), (2, 2))) for seed in range(40)}
    assert paths == {((0, 0), (1, 1)), ((1, 1), (0, 0)), ((0, 1), (1, 0)), ((1, 0), (0, 1))}


def test_uniform_paths_are_uniform_and_not_fair() -> None:
    """4,000 draws of a fair coin: within 4.5 standard deviations of the half, but not equal."""
    rng = RNG(1)
    paths = [path for _ in range(4000) for path in uniform(rng, (2, 4))]
    counts = update_counts(paths, (2, 4))
    assert abs(counts[0][0] - 2000) < 4.5 * (4000 / 4) ** 0.5
    assert all(abs(n - 1000) < 4.5 * (4000 * 3 / 16) ** 0.5 for n in counts[1])
    assert len(set(counts[1])) > 1


def test_a_sandwich_has_the_largest_and_the_smallest_path() -> None:
    options = (3, 1, 4)
    draws = [sandwich(RNG(seed), options) for seed in range(30)]
    assert all(paths[:2] == [(2, 0, 3), (0, 0, 0)] and len(paths) == 4 for paths in draws)
    assert len({path for paths in draws for path in paths[2:]}) == 12  # all there are
    assert largest(options) == (2, 0, 3)
