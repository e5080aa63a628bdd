"""Training: continued and never restarted, bit for bit; its schedule, its bounds, and what goes wrong."""

import math
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nassay.estimators import training as module
from nassay.estimators.base import Fidelity
from nassay.estimators.training import Recipe, Training, reduced_resolution
from nassay.spaces.base import spaces
from nassay.tasks.base import Criterion, Task, task_from

BOUNDS = [Fidelity(epochs=1), Fidelity(epochs=2), Fidelity(epochs=4, final=True)]


@cache
def digits() -> Task:
    return task_from("digits", seed=0)


def tiny(seed: int = 0) -> nn.Module:
    """Convolution, batch norm, linear layer; for single-channel images of any size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Conv2d(1, 8, 3, 2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(32, 10))


def training(checkpoint: Path | None = None, **options: Any) -> Training:
    return Training(options.pop("network", None) or tiny(), digits(), checkpoint=checkpoint, **options)


def run(bounds: list[Fidelity], *make: Callable[[], Training]) -> Training:
    """Train to each bound in turn; a new training for each bound if there are as many makers as bounds."""
    for i, bound in enumerate(bounds):
        if i < len(make):
            current = make[i]()
        assert current.run(bound).reason is None
    return current


def same_weights(a: Training, b: Training) -> None:
    for left, right in ((a.network, b.network), (a.averaged, b.averaged)):
        for (name, x), y in zip(left.state_dict().items(), right.state_dict().values(), strict=True):
            assert torch.equal(x, y), name


def same_curve(a: Training, b: Training) -> None:
    """All that does not depend on the clock; `train_loss` is the mean since the last start."""
    keys = ("step", "epoch", "validation_accuracy", "items")
    assert [[p[k] for k in keys] for p in a.state.curve] == [[p[k] for k in keys] for p in b.state.curve]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads, the more so on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that moves on by a quarter of a second with each look at it: each step and each evaluation takes as much."""
    ticks = iter(range(10**9))
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.25 * next(ticks)))


# Resuming -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uninterrupted() -> Training:
    return run(BOUNDS, training)


def test_continuing_from_checkpoints_equals_one_uninterrupted_training(tmp_path: Path, uninterrupted: Training) -> None:
    resumed = run(BOUNDS, *[lambda: training(tmp_path / "a.pt")] * 3)
    same_weights(resumed, uninterrupted)
    same_curve(resumed, uninterrupted)


def test_the_way_to_a_bound_does_not_depend_on_the_bounds_before_it() -> None:
    same_weights(run([Fidelity(epochs=3)], training), run([Fidelity(epochs=e) for e in (1, 2, 3)], training))


class Killed(BaseException):
    """What kill -9 looks like from inside."""


@pytest.mark.parametrize("step", [5, 30, 66])
def test_killed_in_mid_rung_it_goes_on_from_the_last_save(tmp_path: Path, uninterrupted: Training, step: int) -> None:
    """Also where it was killed between two saves: what was done since the last one is done again, the same."""

    class Mortal(Training):
        def _step(self, final_progress: float | None) -> float:
            if self.state.step == step:
                raise Killed
            if self.state.step % 10 == 9:
                self._save()
            return super()._step(final_progress)

    path = tmp_path / "a.pt"
    mortal = Mortal(tiny(), digits(), checkpoint=path)
    with pytest.raises(Killed):
        run(BOUNDS, lambda: mortal)
    saved = training(path).state.step
    assert 0 <= step - saved <= 10
    resumed = run(BOUNDS, lambda: training(path))
    same_weights(resumed, uninterrupted)
    assert resumed.state.final_step == uninterrupted.state.final_step


def test_long_trainings_are_saved_on_the_way(tmp_path: Path, clock: None) -> None:
    path = tmp_path / "a.pt"
    kept = []

    class Watched(Training):
        def _step(self, final_progress: float | None) -> float:
            kept.append(path.exists())
            return super()._step(final_progress)

    Watched(tiny(), digits(), checkpoint=path).run(Fidelity(epochs=6))
    assert not kept[0]
    assert kept[-1]


def test_a_training_that_has_reached_its_bound_does_no_step(tmp_path: Path) -> None:
    done = training(tmp_path / "a.pt")
    first = done.run(Fidelity(epochs=2))
    again = training(tmp_path / "a.pt")
    assert again.run(Fidelity(epochs=2)).value == again.run(Fidelity(epochs=1)).value == first.value
    assert again.state.step == done.state.step
    same_weights(again, done)


def test_seed_and_network_decide_whatever_the_global_generator_says() -> None:
    def trained(seed: int, global_seed: int) -> Tensor:
        torch.manual_seed(global_seed)
        network = run(BOUNDS[:1], lambda: training(seed=seed)).network
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    with torch.random.fork_rng(devices=[]):
        assert torch.equal(trained(0, 1), trained(0, 2))
        assert not torch.equal(trained(0, 1), trained(1, 1))


def test_global_randomness_and_threads_are_left_alone() -> None:
    def state() -> tuple[Any, ...]:
        numpy_state = np.random.get_state()  # noqa: NPY002
        return torch.get_rng_state().tolist(), numpy_state[1].tolist(), random.getstate(), torch.get_num_threads()

    before = state()
    run(BOUNDS[:1], training)
    assert state() == before


# Checkpoints ----------------------------------------------------------------------------------------------------


def test_a_checkpoint_loads_without_pickled_code(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.pt"
    trained = run(BOUNDS[:1], lambda: training(path))
    payload = torch.load(path, weights_only=True)
    assert payload["state"]["step"] == trained.state.step
    assert {"network", "average", "optimizer"} < set(payload)
    assert [p.name for p in path.parent.iterdir()] == ["a.pt"]


def test_a_failed_save_leaves_the_old_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, content: Any) -> None:
        path.write_text("half a check")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.pt"
    current = run(BOUNDS[:1], lambda: training(path))
    before = path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space left"):
        current.run(BOUNDS[1])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


# The schedule ---------------------------------------------------------------------------------------------------


class Rates(Training):
    """Keeps the learning rate of every step."""

    def _step(self, final_progress: float | None) -> float:
        loss = super()._step(final_progress)
        (rate,) = {group["lr"] for group in self.optimizer.param_groups}
        self.__dict__.setdefault("rates", []).append(rate)
        return loss


def test_warm_up_then_constant_then_a_straight_descent_to_zero() -> None:
    recipe = Recipe(learning_rate=0.08, warmup_steps=4, descent=0.5)
    current = Rates(tiny(), digits(), recipe=recipe)
    base, epoch = 0.08 * current.batch_size / recipe.batch_size, current.steps_per_epoch
    current.run(Fidelity(epochs=2))
    assert current.rates[:5] == pytest.approx([base / 4, base / 2, 3 * base / 4, base, base])
    assert set(current.rates[3:]) == {base}
    current.run(Fidelity(epochs=4, final=True))
    final = current.rates[2 * epoch :]
    assert len(final) == 2 * epoch
    assert final[: epoch + 1] == pytest.approx([base] * (epoch + 1))  # the first half stays
    assert final[epoch:] == pytest.approx([base * (epoch - i) / epoch for i in range(epoch)])  # 0 one step later


def test_a_descent_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    """The descent is placed by where the final stage began, not by where the last session did."""
    whole, half = Rates(tiny(), digits()), Rates(tiny(), digits(), checkpoint=tmp_path / "a.pt")
    bound = Fidelity(epochs=2, final=True)
    whole.run(bound)
    half.state.final_step, half.state.final_seconds = 0, 0.0
    stop = half.steps_per_epoch
    while half.state.step < stop:
        half._step(half._progress(bound))
    half._save()
    rest = Rates(tiny(), digits(), checkpoint=tmp_path / "a.pt")
    rest.run(bound)
    assert half.rates + rest.rates == whole.rates
    same_weights(rest, whole)


def test_a_cosine_that_is_resumed_twice_is_that_of_an_uninterrupted_training(tmp_path: Path) -> None:
    """The stages of EcoNAS, E, 2E and 3E epochs: the rate of step i is (1 + cos(pi i / n)) / 2, n the steps of 3E."""
    stages = [Fidelity(epochs=e, horizon=3) for e in (1, 2, 3)]
    recipe = Recipe(learning_rate=0.08, warmup_steps=1)
    whole = Rates(tiny(), digits(), recipe=recipe)
    whole.run(stages[-1])
    resumed: list[float] = []
    for stage in stages:
        part = Rates(tiny(), digits(), recipe=recipe, checkpoint=tmp_path / "a.pt")
        part.run(stage)
        resumed += part.rates
    assert resumed == whole.rates
    same_weights(part, whole)
    n = 3 * whole.steps_per_epoch
    expected = [whole.base_rate * (1 + math.cos(math.pi * i / n)) / 2 for i in range(n)]
    assert whole.rates == pytest.approx(expected)
    assert expected[n // 3] == pytest.approx(0.75 * whole.base_rate)


def test_a_cosine_bound_by_seconds_follows_the_clock_to_zero(clock: None) -> None:
    current = Rates(tiny(), digits(), recipe=Recipe(warmup_steps=1))
    current.run(Fidelity(seconds=5, horizon=15))
    assert 0.7 < current.rates[-1] / current.base_rate < 0.8  # cos^2(pi / 6) = 0.75
    current.run(Fidelity(seconds=15, horizon=15))
    assert current.rates == sorted(current.rates, reverse=True)
    assert current.rates[-1] < 0.02 * current.base_rate


def test_after_a_cosine_the_final_training_begins_at_the_full_rate() -> None:
    current = Rates(tiny(), digits(), recipe=Recipe(warmup_steps=1))
    current.run(Fidelity(epochs=1, horizon=1))
    steps = len(current.rates)
    current.run(Fidelity(epochs=2, final=True))
    assert current.rates[steps - 1] < 0.02 * current.base_rate
    assert current.rates[steps] == current.base_rate


def test_a_final_training_bound_by_seconds_descends_with_the_clock(clock: None) -> None:
    current = Rates(tiny(), digits(), recipe=Recipe(warmup_steps=1, descent=1.0))
    current.run(Fidelity(seconds=5))
    begun = len(current.rates)
    current.run(Fidelity(seconds=15, final=True))
    final = current.rates[begun:]
    assert set(current.rates[:begun]) == {current.base_rate}
    assert final == sorted(final, reverse=True)
    assert final[-1] < 0.1 * final[0]


def test_norms_and_biases_are_not_decayed() -> None:
    current = training(recipe=Recipe(weight_decay=0.5))
    groups = {id(p): g["weight_decay"] for g in current.optimizer.param_groups for p in g["params"]}
    assert {name: groups[id(p)] for name, p in current.network.named_parameters()} == {
        "0.weight": 0.5,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
        "6.weight": 0.5,
        "6.bias": 0.0,
    }


class Learnt(Criterion):
    """Cross-entropy at a temperature that it learns, its logarithm drawn at random."""

    def __init__(self) -> None:
        super().__init__(nn.functional.cross_entropy)
        self.log_temperature = nn.Parameter(torch.rand(()))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().forward(outputs * self.log_temperature.exp(), targets)

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": [self.log_temperature], "weight_decay": 0.0, "rate": 0.5}]


def test_what_a_loss_learns_is_trained_at_its_own_rate_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(digits()), "criterion", lambda _: Learnt())
    once = run(BOUNDS, training)
    resumed = run(BOUNDS, *[lambda: training(tmp_path / "a.pt")] * 3)
    start = training()
    same_weights(resumed, once)
    assert torch.equal(resumed.criterion.log_temperature, once.criterion.log_temperature)
    assert not torch.equal(start.criterion.log_temperature, once.criterion.log_temperature)
    assert torch.equal(start.criterion.log_temperature, training().criterion.log_temperature)
    start._set_rate(None)
    *others, own = [group["lr"] for group in start.optimizer.param_groups]
    assert own == 0.5 * others[0] == 0.5 * others[1]


def test_frozen_parameters_stay() -> None:
    network = tiny()
    network[0].weight.requires_grad_(False)
    before = network[0].weight.clone()
    run(BOUNDS[:1], lambda: training(network=network))
    assert torch.equal(network[0].weight, before)


def test_the_evaluated_weights_are_a_moving_average() -> None:
    """A_1 = w_1, then A_n+1 = d A_n + (1 - d) w_n+1 with d = min(0.98, (1 + n) / (10 + n))."""
    current = training()
    expected, n = None, 0
    for step in range(6):
        current._step(None)
        weight = current.network[6].weight.detach().clone()
        decay = min(0.98, (1 + n) / (10 + n))
        expected = weight if expected is None else decay * expected + (1 - decay) * weight
        n = step + 1
    torch.testing.assert_close(current.averaged[6].weight, expected)
    assert current.averaged[1].num_batches_tracked == 6


def test_outputs_are_those_of_the_averaged_network_in_evaluation_mode() -> None:
    current = run(BOUNDS[:1], training)
    split = digits().validation
    outputs, targets = current.outputs(split)
    x = digits().prepare(torch.from_numpy(np.array(split.x)))
    torch.testing.assert_close(outputs, current.averaged.eval()(x))
    assert targets.tolist() == split.y.tolist()
    assert current.state.curve[-1]["validation_accuracy"] == digits().metric_of(outputs, targets)


# Bounds and curves ----------------------------------------------------------------------------------------------


def test_epochs_bound_the_steps_and_the_network_learns() -> None:
    current = training()
    estimate = current.run(Fidelity(epochs=5))
    assert current.state.step == 5 * current.steps_per_epoch
    assert estimate.details["epochs"] == 5
    assert estimate.value > 0.5  # ten classes


def test_seconds_bound_the_training(clock: None) -> None:
    """A quarter of a second each step: 10 s are at most 40 steps; the one evaluation at the end may come on top."""
    current = training()
    estimate = current.run(Fidelity(seconds=10))
    assert 10 <= estimate.details["train_seconds"] <= 10.5
    assert current.state.step + len(current.state.curve) == estimate.details["train_seconds"] / 0.25
    steps = current.state.step
    longer = current.run(Fidelity(seconds=20))
    assert 20 <= longer.details["train_seconds"] <= 20.5
    assert current.state.step > steps


def test_the_shortest_bound_is_one_step(clock: None) -> None:
    current = training()
    assert current.run(Fidelity(seconds=1e-9)).value is not None
    assert current.state.step == 1


def test_an_estimate_keeps_its_curve_when_the_training_goes_on() -> None:
    current = training()
    early = current.run(BOUNDS[0])
    points = len(early.details["curve"])
    current.run(BOUNDS[1])
    assert len(early.details["curve"]) == points < len(current.state.curve)


def test_part_of_an_epoch_is_more_than_none(clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of a data set with a million images: predictors take logarithms of epochs."""
    monkeypatch.setattr(Training, "steps_per_epoch", 1_000_000 // 64)
    estimate = training().run(Fidelity(seconds=1e-9))
    assert estimate.details["epochs"] == pytest.approx(64e-6, rel=0.05)
    assert estimate.details["curve"][0]["epoch"] == estimate.details["epochs"]


@pytest.mark.parametrize("bound", [Fidelity(epochs=4), Fidelity(seconds=20), Fidelity(epochs=4, final=True)], ids=str)
def test_the_curve_grows_and_ends_at_the_bound_on_all_images(
    clock: None, monkeypatch: pytest.MonkeyPatch, bound: Fidelity
) -> None:
    monkeypatch.setattr(module, "LOOK_ITEMS", 50)
    current = training()
    estimate = current.run(bound)
    curve = estimate.details["curve"]
    for key in ("step", "epoch", "seconds"):
        assert all(a[key] < b[key] for a, b in zip(curve, curve[1:], strict=False))
    assert 3 <= len(curve) <= 30
    assert [p["items"] for p in curve] == [50] * (len(curve) - 1) + [len(digits().validation)]
    assert curve[-1]["step"] == current.state.step
    assert curve[-1]["validation_accuracy"] == estimate.value
    assert curve[-1]["epoch"] == pytest.approx(current.epochs, abs=1e-3)
    assert curve[0]["train_loss"] > curve[-1]["train_loss"] > 0


def test_a_look_is_at_the_task_s_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_ITEMS", 50)
    current = training()
    sample = digits().validation_sample(50)
    right = current.outputs(sample)[0].argmax(1).numpy() == sample.y
    current._evaluate([], current.task.validation_sample(module.LOOK_ITEMS))
    assert current.state.curve[-1]["validation_accuracy"] == pytest.approx(right.mean())
    assert current.state.curve[-1]["items"] == 50


class Steep(Criterion):
    """Two parameters of its own with gradients of 300 and 1; the network's is 0."""

    def __init__(self) -> None:
        super().__init__(lambda outputs, _: 0.0 * outputs.sum())
        self.steep, self.flat = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return super().forward(outputs, targets) + 300 * self.steep.sum() + self.flat.sum()

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": [p], "weight_decay": 0.0, "rate": 1.0} for p in (self.steep, self.flat)]


def test_gradients_are_clipped_group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steep one is scaled down to 3, the flat one keeps its 1."""
    monkeypatch.setattr(type(digits()), "criterion", lambda _: Steep())
    current = training()
    current._step(None)
    assert current.criterion.steep.grad.item() == pytest.approx(3.0)
    assert current.criterion.flat.grad.item() == pytest.approx(1.0)


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """160 images of one value each: after two epochs of ten steps of sixteen, each was seen twice."""
    x = np.arange(400, dtype=np.float32)[:, None, None, None].repeat(4, axis=2).repeat(4, axis=3)
    task = task_from((x, np.arange(400) % 2), seed=0)
    seen: list[Tensor] = []
    monkeypatch.setattr(task, "augment", lambda x, y: seen.append(x[:, 0, 0, 0]) or (x, y))
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    current = Training(network, task)
    current.run(Fidelity(epochs=2))
    steps = current.steps_per_epoch
    epochs = [torch.cat(seen[:steps]), torch.cat(seen[steps:])]
    for values in epochs:
        assert len(values.unique()) == len(values) == steps * current.batch_size
    assert len(task.train) - len(epochs[0]) < current.batch_size
    assert not torch.equal(*epochs)


# Fidelities -----------------------------------------------------------------------------------------------------


def test_fewer_samples_are_a_fixed_subset_in_smaller_batches() -> None:
    whole = training()
    part, again = (training(seed=seed, fidelity=Fidelity(epochs=1, samples=0.25)) for seed in range(2))
    assert len(part.rows) == round(0.25 * len(whole.rows))
    assert set(part.rows) < set(whole.rows)
    assert np.array_equal(part.rows, again.rows)
    assert part.batch_size < whole.batch_size
    assert part.steps_per_epoch >= 16
    assert part.base_rate / whole.base_rate == pytest.approx(part.batch_size / whole.batch_size)


class Shapes(nn.Module):
    """Keeps the shapes that it is given, with the mode it is in."""

    seen: set[tuple[bool, tuple[int, ...]]] = set()  # noqa: RUF012, shared with the averaged copy

    def forward(self, x: Tensor) -> Tensor:
        self.seen.add((self.training, tuple(x.shape[1:])))
        return x


def shapes_seen(task: Task, *bounds: Fidelity) -> list[set[tuple[bool, tuple[int, ...]]]]:
    """For each bound in turn: (in training mode, shape of an image) of all that the network was given."""
    current = Training(nn.Sequential(Shapes(), *tiny()), task)
    found = []
    for bound in bounds:
        Shapes.seen.clear()
        assert current.run(bound).reason is None
        found.append(set(Shapes.seen))
    return found


def test_a_lower_resolution_is_what_the_network_trains_and_is_judged_at() -> None:
    low, high = shapes_seen(digits(), Fidelity(epochs=1, resolution=0.5), Fidelity(epochs=2))
    assert low == {(True, (1, 4, 4)), (False, (1, 4, 4))}
    assert high == {(True, (1, 8, 8)), (False, (1, 8, 8))}


def test_a_final_training_begins_on_reduced_images_where_they_are_large() -> None:
    x, y = np.random.default_rng(0).integers(0, 256, (60, 1, 32, 40), dtype=np.uint8), np.arange(60) % 10
    (shapes,) = shapes_seen(task_from((x, y), seed=0), Fidelity(epochs=4, final=True))
    assert {shape for training_mode, shape in shapes if training_mode} == {(1, 16, 20), (1, 32, 40)}
    assert (False, (1, 32, 40)) in shapes
    (small,) = shapes_seen(digits(), Fidelity(epochs=1, final=True))
    assert {shape for _, shape in small} == {(1, 8, 8)}


@pytest.mark.parametrize(("size", "factor"), [((64, 48), 0.5), ((32, 32), 0.5), ((200, 31), 1.0), ((8, 8), 1.0)])
def test_images_are_halved_where_sixteen_pixels_are_left(size: tuple[int, int], factor: float) -> None:
    assert reduced_resolution((3, *size)) == factor


def test_fewer_channels_are_a_narrower_network() -> None:
    space = spaces["resnet"].target((1, 8, 8), 10)
    narrow, wide = (space.build(space.smallest(), width=width) for width in (0.5, 1.0))
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in wide.parameters())
    few = Fidelity(epochs=1, channels=0.5, samples=0.1)
    assert training(network=narrow, fidelity=few).run(few).value is not None


# What goes wrong ------------------------------------------------------------------------------------------------


def finite(curve: list[dict[str, float]]) -> bool:
    return all(math.isfinite(v) for point in curve for v in point.values())


@pytest.mark.parametrize("clip", [3.0, math.inf])
def test_a_diverging_training_is_an_estimate_with_a_reason(tmp_path: Path, clip: float) -> None:
    recipe = Recipe(learning_rate=1e5, clip=clip, warmup_steps=1)
    current = training(tmp_path / "a.pt", recipe=recipe)
    estimate = current.run(Fidelity(epochs=6))
    assert estimate.value is None
    assert any(word in estimate.reason for word in ("diverged", "became", "not finite"))
    assert "at step" in estimate.reason
    assert finite(estimate.details["curve"])
    assert set(estimate.details) == {"epochs", "train_seconds", "curve"}
    assert list(tmp_path.iterdir()) == []  # nothing of it is kept


class Breaks(nn.Module):
    """Returns what is not finite, always or in evaluation mode."""

    def __init__(self, value: float, only_in_evaluation: bool) -> None:
        super().__init__()
        self.value, self.only_in_evaluation = value, only_in_evaluation

    def forward(self, x: Tensor) -> Tensor:
        return x if self.training and self.only_in_evaluation else x * self.value


@pytest.mark.parametrize(
    ("value", "only_in_evaluation", "reason"),
    [(math.nan, False, "the training loss became nan at step 1"), (math.nan, True, "the outputs are not finite")],
)
def test_outputs_that_are_not_finite_are_a_reason(value: float, only_in_evaluation: bool, reason: str) -> None:
    network = nn.Sequential(*tiny(), Breaks(value, only_in_evaluation))
    estimate = training(network=network).run(Fidelity(epochs=1))
    assert estimate.value is None
    assert estimate.reason.startswith(reason)
    assert estimate.details["curve"] == []


def test_an_error_of_the_network_is_raised_and_randomness_restored() -> None:
    current = training(network=nn.Sequential(nn.Flatten(), nn.Linear(3, 10)))
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError):
        current.run(Fidelity(epochs=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_dear_evaluation_of_a_short_training_sees_a_sample(clock: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes a quarter of a second here; a third of that is the price of the forward pass of its items."""
    monkeypatch.setattr(module, "LOOK_ITEMS", 8)
    current = training()
    current.run(Fidelity(seconds=5))
    per_item = current.state.seconds / (current.state.step * current.batch_size) / 3
    items = round(0.2 * 1 / per_item)
    assert 8 < items < len(current.task.validation)
    assert current._items_at(Fidelity(seconds=1)) == items
    assert current._items_at(Fidelity(seconds=1e-3)) == 8
    assert current._items_at(Fidelity(seconds=1e4)) is None
    assert current._items_at(Fidelity(seconds=1, final=True)) is None
    assert current._items_at(Fidelity(epochs=3)) is None
