import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nassay.estimators.proxies.watch import Watch, unwatched


class Notes:
    """Writes down what it hears of."""

    def __init__(self) -> None:
        self.kinked: list[bool] = []
        self.macs: list[int] = []

    def on_activation(self, x: Tensor, *, kinked: bool) -> None:  # noqa: ARG002
        self.kinked.append(kinked)

    def on_activated(self, output: Tensor) -> Tensor:
        return output + 1

    def on_product(self, output: Tensor, weight: Tensor, macs: int) -> None:  # noqa: ARG002
        self.macs.append(macs)


def test_activations_are_heard_of_whatever_they_are_called_by() -> None:
    notes, x = Notes(), torch.tensor([-2.0, 3.0])
    with Watch(notes):
        outputs = [nn.ReLU()(x), F.relu(x), x.relu(), torch.relu(x), torch.clamp(x, min=0), F.hardtanh(x, 0.0, 6.0)]
    assert notes.kinked == [True] * 6
    assert all(output.tolist() == [1, 4] for output in outputs)  # the listener's tensor is what goes on


def test_smooth_activations_have_no_kink_and_gates_are_none() -> None:
    notes, x = Notes(), torch.tensor([-2.0, 3.0])
    with Watch(notes):
        for function in (F.gelu, F.silu, torch.tanh, F.hardtanh):
            function(x)
        torch.sigmoid(x), x.softmax(0), torch.clamp(x, min=-1)  # noqa: B018
    assert notes.kinked == [False] * 4


def test_multiply_accumulates_of_a_batch() -> None:
    notes = Notes()
    with Watch(notes):
        nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)(torch.zeros(2, 4, 8, 8))
        nn.Linear(5, 7)(torch.zeros(3, 5))
        nn.ConvTranspose2d(3, 2, 2, stride=2)(torch.zeros(1, 3, 4, 4))
    assert notes.macs == [2 * 6 * 16 * (2 * 9), 3 * 7 * 5, 3 * 16 * (2 * 4)]


def test_batch_norm_is_the_identity_on_request() -> None:
    norm, x = nn.BatchNorm2d(2), 5 + torch.randn(4, 2, 3, 3)
    with Watch(Notes(), batch_norm=False):
        assert torch.equal(norm(x), x)
    with Watch(Notes()):
        assert abs(norm(x).mean().item()) < 1e-5


def test_what_is_unwatched_is_not_heard_of() -> None:
    notes, x = Notes(), torch.tensor([-2.0, 3.0])
    with Watch(notes):
        assert unwatched(torch.relu, x).tolist() == [0, 3]
    assert not notes.kinked
    assert unwatched(torch.relu, x).tolist() == [0, 3]
