import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, score

BATCH = Batch(torch.zeros(3, 2, 6, 6), torch.zeros(3, dtype=torch.int64))


def test_convolutions_linear_layers_and_matrix_products_of_one_input() -> None:
    class Attention(nn.Module):
        def forward(self, x: Tensor) -> Tensor:  # (B, 4, 9) times (B, 9, 4)
            return (x.flatten(2) @ x.flatten(2).mT).flatten(1)

    network = nn.Sequential(nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU(), Attention(), nn.Linear(16, 5))
    expected = 9 * (4 * 2 * 9) + 4 * 9 * 4 + 16 * 5
    assert score(network, BATCH, ["macs"])["macs"].value == expected


def test_an_operation_without_a_rule_is_a_reason() -> None:
    class Distances(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.centres = nn.Parameter(torch.ones(3, 72))

        def forward(self, x: Tensor) -> Tensor:
            return torch.cdist(x.flatten(1), self.centres)

    estimate = score(Distances(), BATCH, ["macs"])["macs"]
    assert "no rule counts" in (estimate.reason or "")
    assert "UserError" not in (estimate.reason or "")
