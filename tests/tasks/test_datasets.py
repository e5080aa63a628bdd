import numpy as np
import pytest
from sklearn.datasets import load_digits

from nassay.errors import UserError
from nassay.tasks.datasets import datasets


def test_digits_are_scikit_learns_scaled_to_bytes() -> None:
    data = datasets["digits"].target()
    source = load_digits()
    assert data.x.shape == (1797, 1, 8, 8)
    assert data.x.dtype == np.uint8
    assert np.abs(data.x[:, 0] / 255 - source.images / 16).max() <= 0.5 / 255
    assert np.array_equal(data.y, source.target)
    assert data.classes == tuple("0123456789")


@pytest.mark.parametrize("entry", list(datasets), ids=lambda entry: entry.name)
def test_the_registered_facts_are_true(entry) -> None:
    data = entry.target()
    assert data.name == entry.name
    assert data.x.shape == (entry.info["images"], *entry.info["shape"])
    assert len(data.classes) == entry.info["classes"]
    assert entry.summary


def test_an_unknown_name_is_a_user_error() -> None:
    with pytest.raises(UserError, match="Did you mean digits"):
        datasets["digit"]
