import pytest
import torch
import torch.nn.functional as F

from nassay.estimators.proxies import pooling
from nassay.estimators.proxies.pooling import avg_pool2d


@pytest.fixture
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "LARGE", 0)


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize(
    "arguments", [(3, 1, 1, False, False), (3, 1, 1), (2, (1, 1)), ((3, 5), 1, (1, 2), True, False)]
)
def test_values_and_gradients_are_those_of_torch(arguments: tuple[object, ...]) -> None:
    x = torch.randn(2, 4, 7, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    found, expected = avg_pool2d(x, *arguments), F.avg_pool2d(x, *arguments)
    torch.testing.assert_close(found, expected)
    assert "Pool" not in type(found.grad_fn).__name__  # it is not torch's own that was called
    v = torch.randn_like(expected)
    torch.testing.assert_close(*(torch.autograd.grad(y, x, v)[0] for y in (found, expected)))


@pytest.mark.usefixtures("any_size")
def test_constants_made_in_inference_mode_serve_training_too() -> None:
    x = torch.randn(1, 3, 5, 5).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        avg_pool2d(x, 3, 1, 1, False, False)
    x.requires_grad_()
    avg_pool2d(x, 3, 1, 1, False, False).square().sum().backward()
    assert x.grad is not None


@pytest.mark.usefixtures("any_size")
@pytest.mark.parametrize("case", ["strided", "divisor", "contiguous", "double", "3-D"])
def test_the_rest_is_torchs_own(case: str) -> None:
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    x = {"contiguous": x.contiguous(), "double": x.double(), "3-D": x[0]}.get(case, x)
    arguments = {"strided": (2, 2), "divisor": (2, 1, 0, False, True, 3)}.get(case, (2, 1))
    assert torch.equal(avg_pool2d(x, *arguments), F.avg_pool2d(x, *arguments))


def test_small_maps_are_left_to_torch() -> None:
    x = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    assert "Pool" in type(avg_pool2d(x, 3, 1, 1).grad_fn).__name__
