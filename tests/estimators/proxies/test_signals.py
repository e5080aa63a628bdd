import torch
from torch import Tensor, nn

from nassay.estimators.proxies import Batch, proxies, score

BATCH = Batch.noise((1, 6, 6), 3, 8)
LOSS = ["plain", "grad_norm", "snip", "fisher"]


class Counted(nn.Module):
    """Counts how often it runs forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
        self.forwards = self.backwards = 0

    def forward(self, x: Tensor) -> Tensor:
        self.forwards += 1
        x = self.layers[0](x)
        if x.requires_grad:
            x.register_hook(self._count)
        return self.layers[1:](x)

    def _count(self, _gradient: Tensor) -> None:
        self.backwards += 1


def counted(names: list[str]) -> tuple[int, int]:
    network = Counted()
    estimates = score(network, BATCH, names)
    assert all(estimate.value is not None for estimate in estimates.values())
    return network.forwards, network.backwards


def test_whatever_follows_from_the_losss_gradient_shares_one_pass() -> None:
    assert counted(["snip"]) == counted(LOSS) == (1, 1)


def test_other_gradients_share_the_forward_pass() -> None:
    assert counted([*LOSS, "naswot", "jacob_cov", "epe_nas"]) == (1, 2)


def test_all_proxies_of_one_setting_share_its_forward_pass() -> None:
    settings = {entry.info["setting"] for entry in proxies if entry.name in ("synflow", "log_synflow")}
    assert len(settings) == 1
    assert counted(["params", "macs", "l2_norm"]) == (1, 0)  # to see whether it is dead; counting runs no layer


def test_extra_passes_are_those_that_a_proxy_states() -> None:
    forwards, backwards = counted([*LOSS, "zico"])
    assert (forwards, backwards) == (1 + 2, 1 + 2)
    assert counted([*LOSS, "grad_sign"]) == (1 + len(BATCH.x), 1 + len(BATCH.x))


def test_buffers_of_an_extra_pass_are_those_of_the_start() -> None:
    class Drifting(nn.Module):
        """Every forward pass doubles what the next one multiplies by."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(36, 3)
            self.register_buffer("factor", torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(x.flatten(1)) * self.factor.clone()
            self.factor.mul_(2)
            return y

    torch.manual_seed(0)
    network = Drifting()
    alone = {name: score(network, BATCH, [name])[name].value for name in ("zico", "grad_sign")}
    together = score(network, BATCH, ["grad_sign", "zico"])
    assert {name: together[name].value for name in alone} == alone
