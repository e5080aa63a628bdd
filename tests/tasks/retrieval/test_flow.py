import math

import pytest
import torch

from nassay.tasks.retrieval.flow import ConditionalFlow, soft_affine


@pytest.fixture(params=[6, 5, 2])
def flow(request: pytest.FixtureRequest) -> ConditionalFlow:
    """Weights enlarged, so that the flow is far from the identity."""
    torch.manual_seed(0)
    made = ConditionalFlow(request.param, blocks=3, width=16, depth=3)
    for parameter in made.parameters():
        parameter.data *= 2
    return made


def batch(flow: ConditionalFlow, n: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    dimension = len(flow.transform.transforms[0].mask)
    return torch.randn(n, dimension), torch.nn.functional.normalize(torch.randn(n, dimension), dim=1)


def test_it_is_inverted(flow: ConditionalFlow) -> None:
    x, condition = batch(flow)
    z, _ = flow(x, condition)
    assert (z - x).abs().max() > 0.1
    assert (flow.inverse(z, condition) - x).abs().max() < 1e-4


def test_the_determinant_is_the_jacobian_s(flow: ConditionalFlow) -> None:
    x, condition = batch(flow, 3)
    _, log_determinant = flow(x, condition)
    for row, c, found in zip(x, condition, log_determinant, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v, c=c: flow(v[None], c[None])[0][0], row)
        assert found.item() == pytest.approx(torch.linalg.slogdet(jacobian).logabsdet.item(), abs=1e-4)
    assert log_determinant.abs().max() > 0.05


def test_the_condition_counts_in_every_block(flow: ConditionalFlow) -> None:
    x, condition = batch(flow)
    for coupling in flow.transform.transforms:
        z = coupling(condition)(x)
        assert not torch.allclose(z, coupling(condition.roll(1, 0))(x))


def test_every_dimension_is_transformed_once_a_block(flow: ConditionalFlow) -> None:
    masks = [coupling.mask for coupling in flow.transform.transforms]
    for first, second in zip(masks[::2], masks[1::2], strict=True):
        assert torch.equal(first, ~second)
    assert len(masks) == 6


def test_the_splits_are_the_same_in_every_flow() -> None:
    masks = [[c.mask.tolist() for c in ConditionalFlow(16, width=4, depth=2).transform.transforms] for _ in range(2)]
    assert masks[0] == masks[1]
    assert masks[0][0] != masks[0][2]


def test_depth_counts_linear_layers() -> None:
    (first, *_) = ConditionalFlow(6, blocks=1, width=4, depth=8).transform.transforms
    assert sum(hasattr(layer, "weight") for layer in first.hyper) == 8


def test_the_scale_is_clamped_softly() -> None:
    affine = soft_affine(torch.tensor(1.0), torch.tensor([0.0, 1.0, 1e9]))
    expected = [math.exp(2 * 0.636 * a) for a in (0.0, math.pi / 4, math.pi / 2)]
    assert (affine(torch.tensor(2.0)) - 1).tolist() == pytest.approx([2 * e for e in expected], rel=1e-5)
    assert expected[-1] < math.exp(2.0)
