"""Eproxy: how well a network learns one tiny regression in ten steps (Li et al., ICCV 2023, arXiv:2210.09459).

On one batch D of 16 images, for the feature maps f_b of up to three stages (deepest first, resized to 8 x 8),

    loss  = sum_b MSE(barrier_b(transform_b(f_b(D))), T_b)
    score = sum_b MSE_b / 2^b in the tenth forward pass, after nine updates; smaller is better

transform = convolution, ReLU, batch norm, trained with the network by SGD (learning rate 1.2, momentum 0.9, weight
decay 4e-5 on weights); barrier = a random convolution that is never trained, so that the transform cannot reach the
target on its own; T_b = synthetic features, see `eproxy_targets`. A recipe (`eproxy_recipe`) may change all that, and
discrete proxy search (`predictors/dps`) finds one. A stage is the last one of its resolution, as in the authors' code;
where there are fewer resolutions than branches, the ends of equal parts of the network are taken.

Differs from the authors' code: the target follows from the images themselves, so that one batch has one target; a loss
that is not finite is a reason; without a barrier the transform has the target's channels.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from nassay.estimators.proxies.az_nas import MacCount
from nassay.estimators.proxies.base import Setting, Signal, Unmeasurable, proxies
from nassay.estimators.proxies.eproxy_recipe import DEFAULT, PLAIN, Branch, Recipe
from nassay.estimators.proxies.eproxy_targets import SIDE, target
from nassay.estimators.proxies.passes import Pass
from nassay.estimators.proxies.streams import derived_seed, generator

IMAGES, ITERATIONS = 16, 10
MOMENTUM, WEIGHT_DECAY = 0.9, 4e-5


def tap_indices(areas: Sequence[int], count: int) -> list[int]:
    """Which stage outputs to regress from, deepest first.

    Args:
        areas: height x width of every stage output, in order.
        count: how many are wanted.

    Returns:
        The last stages of the deepest `count` resolutions; where there are fewer resolutions, the ends of `count` equal
        parts of the network.

    Raises:
        Unmeasurable: there are fewer stages than wanted.
    """
    n = len(areas)
    if n < count:
        raise Unmeasurable(f"stages with (B, C, H, W) features: {count} needed, {n} seen")
    ends = [i for i in range(n) if i == n - 1 or areas[i + 1] != areas[i]]
    if len(ends) < count:
        ends = [n * (part + 1) // count - 1 for part in range(count)]
    return ends[::-1][:count]


class _Taps(Signal):
    """Keeps some stage outputs of a forward pass, with their way back."""

    def __init__(self, wanted: Sequence[int]) -> None:
        super().__init__(0)
        self._wanted, self._seen = wanted, -1
        self._features: dict[int, Tensor] = {}

    def stage(self, feature: Tensor, previous: Tensor | None) -> None:  # noqa: ARG002
        """Copy the output: what follows may change it in place."""
        self._seen += 1
        if self._seen in self._wanted:
            self._features[self._seen] = feature.clone()

    @property
    def features(self) -> list[Tensor]:
        """The outputs, in the order in which they were wanted."""
        return [self._features[i] for i in self._wanted]


class FewShotRegression(Signal):
    """Ten steps of the regression, on a copy of the network.

    Attributes:
        recipe: what is done.
        loss: the weighted loss of the tenth forward pass.
    """

    gradients = frozenset({"weights"})
    recipe: ClassVar[Recipe] = PLAIN

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._shapes: list[tuple[int, int]] = []

    def stage(self, feature: Tensor, previous: Tensor | None) -> None:  # noqa: ARG002
        """Note channels and area."""
        self._shapes.append((feature.shape[1], feature.shape[2] * feature.shape[3]))

    def finish(self, run: Pass, outputs: Tensor) -> None:  # noqa: ARG002
        """Train, and keep the last loss.

        Raises:
            Unmeasurable: too few stages, or the loss is not finite.
        """
        taps = tap_indices([area for _, area in self._shapes], len(self.recipe.branches))
        x = run.x.detach()
        targets = [target(x, b.features, b.target_channels, b.level) for b in self.recipe.branches]
        heads = _heads(self.recipe, [self._shapes[i][0] for i in taps], self.seed).to(x)
        given, run.tensors = run.tensors, self._copies(run)
        try:
            self.loss = self._train(run, x, heads, taps, targets)
        finally:
            run.tensors = given

    def _copies(self, run: Pass) -> dict[str, Tensor]:
        """Tensors of the network to be trained, so that other signals find theirs as they were."""
        copies = {name: t.detach().clone() for name, t in run.tensors.items()}
        if self.recipe.network_init != DEFAULT:
            _initialise(run.anatomy.network, copies, self.recipe.network_init, generator(self.seed, "eproxy network"))
        for name, parameter in run.anatomy.parameters.items():
            copies[name].requires_grad_(parameter.is_floating_point())
        return copies

    def _train(
        self, run: Pass, x: Tensor, heads: nn.ModuleList, taps: Sequence[int], targets: Sequence[Tensor]
    ) -> float:
        """Nine updates; the weighted loss of the forward pass after them."""
        trained = {n: t for n, t in run.tensors.items() if t.requires_grad}
        trained |= {f"head.{n}": p for n, p in heads.named_parameters() if p.requires_grad}
        decayed = {name for name, t in trained.items() if t.ndim > 1 and "weight" in name}
        groups: list[dict[str, Any]] = [
            {"params": [t for n, t in trained.items() if n in decayed], "weight_decay": WEIGHT_DECAY},
            {"params": [t for n, t in trained.items() if n not in decayed]},
        ]
        sgd = torch.optim.SGD(groups, lr=self.recipe.learning_rate, momentum=MOMENTUM, foreach=True)
        for iteration in range(ITERATIONS):
            listener = _Taps(taps)
            run.forward(x, [listener])
            losses = [
                F.mse_loss(head(_resized(f)), t) for f, head, t in zip(listener.features, heads, targets, strict=True)
            ]
            total = torch.stack(losses).sum()
            if not torch.isfinite(total):
                raise Unmeasurable(f"the regression diverged after {iteration} updates")
            if iteration < ITERATIONS - 1:
                sgd.zero_grad()
                total.backward()
                sgd.step()
        return sum(loss.item() / 2**b for b, loss in enumerate(losses))


def _resized(feature: Tensor) -> Tensor:
    return feature if feature.shape[2:] == (SIDE, SIDE) else F.interpolate(feature, (SIDE, SIDE))


def _heads(recipe: Recipe, channels: Sequence[int], seed: int) -> nn.ModuleList:
    """For each branch, the trained transform and the frozen barrier behind it, drawn afresh."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "eproxy heads"))
        pairs = [_head(recipe, branch, c) for branch, c in zip(recipe.branches, channels, strict=True)]
    for index, init in enumerate((recipe.network_init, recipe.barrier_init)):
        draw = generator(seed, "eproxy heads", index)
        for layers in [pair[index] for pair in pairs] if init != DEFAULT else []:
            _initialise(layers, dict(layers.named_parameters()), init, draw)
    return nn.ModuleList(pairs).train()


def _head(recipe: Recipe, branch: Branch, c_in: int) -> nn.Sequential:
    """Transform and barrier of one branch: (B, c_in, 8, 8) to the target's shape."""
    c_out = branch.transform_channels if recipe.barrier else branch.target_channels
    kernel, barrier_kernel = branch.transform_kernel, branch.barrier_kernel
    transform = nn.Sequential(nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), nn.ReLU(), nn.BatchNorm2d(c_out))
    if not recipe.barrier:
        return nn.Sequential(transform, nn.Identity())
    barrier = nn.Conv2d(c_out, branch.target_channels, barrier_kernel, padding=barrier_kernel // 2)
    return nn.Sequential(transform, barrier.requires_grad_(False))


@torch.no_grad()
def _initialise(module: nn.Module, tensors: dict[str, Tensor], init: str, draw: torch.Generator) -> None:
    """Draw convolutions and linear layers anew, reset norms to 1 and 0; biases are 0.01 with Xavier, else 0.

    Weights are drawn on the CPU, with a gain of 1 (Xavier) or for ReLU and the fan out (Kaiming).
    """
    for prefix, layer in module.named_modules():
        own = {k: tensors[n] for k in ("weight", "bias") if (n := f"{prefix}.{k}" if prefix else k) in tensors}
        if isinstance(layer, (_NormBase, nn.GroupNorm, nn.LayerNorm)):
            for name, t in own.items():
                t.fill_(1.0 if name == "weight" else 0.0)
        elif isinstance(layer, (_ConvNd, nn.Linear)):
            if "weight" in own:
                own["weight"].copy_(_weight(own["weight"].shape, init, draw))
            if "bias" in own:
                own["bias"].fill_(0.01 if init.startswith("xavier") else 0.0)


def _weight(shape: torch.Size, init: str, draw: torch.Generator) -> Tensor:
    weight = torch.empty(shape)
    if init == "xavier_uniform":
        return nn.init.xavier_uniform_(weight, generator=draw)
    if init == "xavier_normal":
        return nn.init.xavier_normal_(weight, generator=draw)
    kaiming = nn.init.kaiming_uniform_ if init == "kaiming_uniform" else nn.init.kaiming_normal_
    return kaiming(weight, mode="fan_out", nonlinearity="relu", generator=draw)


def configured(text: str) -> tuple[type[Signal], ...]:
    """The signals of Eproxy with the recipe that is written in `text`.

    Raises:
        UserError: the text is not a recipe.
    """
    return (type(FewShotRegression.__name__, (FewShotRegression,), {"recipe": Recipe.parse(text)}), MacCount)


@proxies.register(
    "eproxy",
    direction=-1,
    setting=Setting(samples=IMAGES),
    signals=(FewShotRegression, MacCount),
    configure=configured,
    needs=frozenset({"data", "gradients"}),
    paper="Li et al., ICCV 2023, arXiv:2210.09459",
)
def eproxy(regression: FewShotRegression, count: MacCount) -> float:
    """Loss of a regression on synthetic features after nine updates, through a frozen barrier."""
    recipe = regression.recipe
    if not recipe.covers(count.macs):
        raise Unmeasurable(
            f"the recipe's MACs' term ends at {recipe.max_macs} / {recipe.alpha:g} MACs, the network has "
            f"{count.macs:.0f}: the recipe was searched on smaller networks or inputs"
        )
    return recipe.value(regression.loss, count.macs)
