import math

import pytest
import torch

from nassay.estimators.proxies import spectra
from nassay.estimators.proxies.spectra import covariance_spectrum, largest_singular_value


@pytest.mark.parametrize("shape", [(50, 6), (6, 50), (8, 8)])
def test_spectrum_is_that_of_the_whole_covariance(shape: tuple[int, int]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 3
    whole = torch.linalg.eigvalsh(torch.cov(x.T.double(), correction=0) * shape[0]).clamp(min=0)
    found = covariance_spectrum(x)
    assert len(found) == min(shape)
    torch.testing.assert_close(found, whole[-len(found) :], rtol=1e-4, atol=1e-4)
    assert float(whole[: -len(found)].sum()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("rows", "left", "right"), [(300, 150, 140), (300, 140, 150), (40, 150, 200), (7, 3, 5)])
def test_largest_singular_value_is_that_of_the_whole_decomposition(rows: int, left: int, right: int) -> None:
    draw = torch.Generator().manual_seed(1)
    g, v = torch.randn(rows, left, generator=draw), torch.randn(rows, right, generator=draw)
    expected = float(torch.linalg.svdvals((g.T @ v).double())[0])
    assert largest_singular_value(g, v) == pytest.approx(expected, rel=1e-6)


def test_an_iteration_that_does_not_end_gives_way_to_the_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    def eigsh(*_args: object, **_options: object) -> None:
        raise spectra.ArpackError(-1)

    monkeypatch.setattr(spectra, "eigsh", eigsh)
    assert largest_singular_value(torch.eye(200), 3 * torch.eye(200)) == pytest.approx(3)


def test_a_matrix_of_zeros_has_none() -> None:
    for rows in (300, 40):
        assert largest_singular_value(torch.zeros(rows, 150), torch.ones(rows, 150)) == 0


def test_values_that_are_not_finite_are_refused() -> None:
    g = torch.ones(300, 150)
    g[0, 0] = math.nan
    with pytest.raises(RuntimeError, match="non-finite"):
        largest_singular_value(g, torch.ones(300, 150))
