"""The rules of one pass, on networks small enough to compute by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.base import Batch, Setting, Signal, Unmeasurable
from nassay.estimators.proxies.passes import EVENTS, Conditions, Overwritten, Pass, rows

PLAIN = Conditions(Setting(), 0, torch.device("cpu"), torch.float32, torch.contiguous_format)
WEIGHTS = frozenset({"weights"})


def batch_of(x: Tensor, y: list[int] | None = None) -> Batch:
    return Batch(
        x, torch.tensor(y or [0] * len(x)), lambda outputs, targets: (outputs - targets[:, None]).square().mean()
    )


def pass_of(network: nn.Module, x: Tensor, *signals: Signal, y: list[int] | None = None, **setting: object) -> Pass:
    return Pass(Anatomy(network), batch_of(x, y), signals, replace(PLAIN, setting=Setting(**setting)))  # type: ignore[arg-type]


def listener(*events: str, gradients: frozenset[str] = frozenset(), finish: object = None) -> Signal:
    """A signal that writes down in `heard` what it hears at some events."""
    heard: list[tuple[object, ...]] = []

    def hear(_self: Signal, *arguments: object) -> None:
        heard.append(tuple(a.clone() if isinstance(a, Tensor) else a for a in arguments))

    own = dict.fromkeys(events, hear) | {"gradients": gradients, "heard": heard}
    return type("Listener", (Signal,), own | ({"finish": finish} if finish else {}))(0)


def linear(*weights: list[list[float]]) -> nn.Sequential:
    """Linear layers without biases."""
    layers = [nn.Linear(len(w[0]), len(w), bias=False) for w in weights]
    for layer, w in zip(layers, weights, strict=True):
        layer.weight.data = torch.tensor(w)
    return nn.Sequential(nn.Flatten(), *layers)


def pixels(*values: float) -> Tensor:
    """One image of one pixel for each value."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


class Scale(nn.Conv2d):
    """Multiplies maps of one channel by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__(1, 1, 1, bias=False)
        nn.init.constant_(self.weight, factor)


class Staged(nn.Module):
    """Two declared stages, 2 x and 3 x, the second being the trunk, then the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([Scale(2.0), Scale(3.0)])
        self.trunk = self.stages[1]

    def forward(self, x: Tensor) -> Tensor:
        return self.stages[1](self.stages[0](x)).mean((2, 3))


def test_tensors_are_copies_sorted_by_kind_and_only_the_asked_ones_need_gradients() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    found = pass_of(network, pixels(1, 2), listener(gradients=frozenset({"scales", "input"})))
    assert set(found.tensors) == {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}
    assert (list(found.weights), list(found.scales)) == (["0.weight"], ["1.weight"])
    assert {name for name, t in found.tensors.items() if t.requires_grad} == {"1.weight"}
    assert found.x.requires_grad
    given = dict(network.named_parameters())
    assert all(torch.equal(found.tensors[n], p) for n, p in given.items())
    assert not {t.data_ptr() for t in found.tensors.values()} & {p.data_ptr() for p in given.values()}


def test_tensors_and_inputs_are_cast_and_whole_numbers_stay_whole() -> None:
    conditions = replace(PLAIN, dtype=torch.float64, memory_format=torch.channels_last)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, momentum=None))
    found = Pass(Anatomy(network), batch_of(torch.zeros(2, 2, 3, 3)), [], conditions)
    assert found.tensors.pop("1.num_batches_tracked").dtype == torch.int64
    assert {t.dtype for t in (found.x, *found.tensors.values())} == {torch.float64}
    for t in (found.x, found.tensors["0.weight"]):
        assert t.is_contiguous(memory_format=torch.channels_last)
        assert not t.is_contiguous()


def test_the_batch_is_cut_to_its_first_samples_and_copied_and_ones_are_one_input() -> None:
    x = pixels(5, 6, 7)
    found = pass_of(nn.Identity(), x, y=[2, 0, 1], samples=2)
    x.zero_()
    assert found.x.flatten().tolist() == [5, 6]
    assert found.y.tolist() == [2, 0]
    ones = pass_of(nn.Identity(), torch.zeros(4, 2, 3, 5), input="ones").x
    assert torch.equal(ones, torch.ones(1, 2, 3, 5))


def test_noise_has_the_asked_size_and_follows_the_seed_alone() -> None:
    batch, state = batch_of(torch.zeros(4, 2, 3, 5)), torch.get_rng_state()

    def noise(seed: int, **setting: object) -> Tensor:
        conditions = replace(PLAIN, seed=seed, setting=Setting(input="noise", **setting))  # type: ignore[arg-type]
        return Pass(Anatomy(nn.Identity()), batch, [], conditions).x

    assert noise(0).shape == (4, 2, 3, 5)
    assert noise(0, samples=6, size=7).shape == (6, 2, 7, 7)
    assert torch.equal(noise(1), noise(1))
    assert not torch.equal(noise(0), noise(1))
    assert torch.equal(torch.get_rng_state(), state)


def test_points_of_a_segment_are_at_equal_distances_between_noise_inputs() -> None:
    x = pass_of(nn.Identity(), torch.zeros(2, 1, 32, 32), input="segment", samples=5).x
    steps = x.diff(dim=0)
    assert x.shape == (5, 1, 32, 32)
    assert steps.allclose(steps[:1], rtol=0, atol=1e-5)
    assert [end.std().item() for end in (x[0], x[-1])] == pytest.approx([1, 1], abs=0.1)


def test_outputs_that_mean_nothing_are_refused() -> None:
    with pytest.raises(Unmeasurable, match="dead"):
        pass_of(linear([[0.0]]), pixels(1, 2)).run()
    assert pass_of(linear([[0.0]]), pixels(1)).run() == {}  # a single input cannot show it
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ArithmeticError, match="not finite"):
            pass_of(linear([[bad]]), pixels(1, 2)).run()


def test_outputs_that_are_no_tensor_are_refused_also_in_further_passes() -> None:
    found = pass_of(nn.AdaptiveMaxPool2d(1, return_indices=True), pixels(1, 2))
    for call in (found.run, lambda: found.again(found.x)):
        with pytest.raises(Unmeasurable, match="is a tuple, not a tensor"):
            call()


def test_a_signal_that_cannot_finish_does_not_stop_the_others() -> None:
    error = IndexError("no such row")

    def fail(*_: object) -> None:
        raise error

    seen: list[Tensor] = []
    bad, good = listener(finish=fail), listener(finish=lambda _self, _run, outputs: seen.append(outputs))
    found = pass_of(linear([[2.0]]), pixels(1, 3), bad, good)
    assert found.run() == {bad: error}
    assert seen[0].flatten().tolist() == [2, 6]
    assert set(found.seconds) == {bad, good}
    with pytest.raises(TypeError, match="positional"):  # a mistake in a signal is no reason
        pass_of(linear([[2.0]]), pixels(1, 3), listener(finish=lambda _self: None)).run()


def test_without_gradients_there_is_no_graph_and_the_mode_comes_back() -> None:
    network = linear([[2.0]])
    with torch.enable_grad():
        assert not pass_of(network, pixels(1, 2)).forward(pixels(1, 2)).requires_grad
        assert torch.is_grad_enabled()
    with torch.no_grad():
        assert pass_of(network, pixels(1, 2), listener(gradients=WEIGHTS)).forward(pixels(1, 2)).requires_grad
        assert not torch.is_grad_enabled()


def test_a_tensor_that_the_network_overwrites_is_noticed_or_copied() -> None:
    class Doubling(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mul_(2)

    def finish(_self: Signal, run: Pass, outputs: Tensor) -> None:
        run.loss_gradients(outputs)

    def run(lean: bool) -> Signal:
        signal = listener("response", gradients=WEIGHTS, finish=finish)
        network, conditions = linear([[3.0]]).append(Doubling()), replace(PLAIN, lean=lean)
        Pass(Anatomy(network), batch_of(pixels(1, 2)), [signal], conditions).run()
        return signal

    with pytest.raises(Overwritten):
        run(lean=True)
    ((output, gradient, weight),) = run(lean=False).heard
    assert output.flatten().tolist() == [3, 6]  # not doubled
    assert gradient.flatten().tolist() == [12, 24]  # of mean (2 z)^2 over two: 8 z / 2
    assert weight.tolist() == [[3]]


def test_gradients_are_none_where_there_is_no_path() -> None:
    network = linear([[2.0]])
    network.idle = nn.Parameter(torch.ones(1, 1))
    found = pass_of(network, pixels(3), listener(gradients=WEIGHTS))
    found.run()
    outputs = found.forward(found.x)
    none, one = found.gradients(outputs.sum(), [found.weights["idle"], found.weights["1.weight"]], keep_graph=True)
    assert none is None
    assert one.tolist() == [[3]]
    assert found.gradients(torch.ones(()), found.trained()) == (None, None)


def test_the_graph_is_kept_for_later_signals_and_then_let_go() -> None:
    outcomes: list[float] = []

    def derive(_self: Signal, run: Pass, outputs: Tensor) -> None:
        outcomes.append(run.gradients(outputs.prod(), run.trained())[0].item())

    both = [listener(gradients=WEIGHTS, finish=derive), listener(gradients=WEIGHTS, finish=derive)]
    assert pass_of(linear([[2.0]]), pixels(3, 5), *both).run() == {}
    assert outcomes == [60, 60]  # 15 w^2
    twice = listener(gradients=WEIGHTS, finish=lambda *a: [derive(*a) for _ in range(2)])
    (error,) = pass_of(linear([[2.0]]), pixels(3, 5), twice).run().values()
    assert "second time" in str(error)


def test_the_loss_is_derived_once_by_hand_and_only_then_responses_are_heard() -> None:
    """L = mean (w x - y)^2 over two: dL/dw = sum x (w x - y), dL/dz = w x - y."""
    found: list[list[tuple[Tensor, Tensor]]] = []

    def derive(_self: Signal, run: Pass, outputs: Tensor) -> None:
        run.gradients(outputs.sum(), run.trained(), keep_graph=True)
        assert not _self.heard
        found.extend(run.loss_gradients(outputs) for _ in range(2))

    signal = listener("response", gradients=WEIGHTS, finish=derive)
    assert pass_of(linear([[2.0]]), pixels(1, 3), signal, y=[1, 4]).run() == {}
    ((weight, gradient),) = found[0]
    assert found[1] is found[0]
    assert (weight.item(), weight.requires_grad, gradient.item()) == (2, False, 1 * 1 + 3 * 2)
    ((output, response, _),) = signal.heard
    assert (output.flatten().tolist(), response.flatten().tolist()) == ([2, 6], [1, 2])


def test_a_network_without_weights_cannot_be_trained() -> None:
    found = pass_of(nn.Sequential(nn.BatchNorm2d(1), nn.Flatten()), pixels(1, 2), listener(gradients=WEIGHTS))
    with pytest.raises(Unmeasurable, match="no weights"):
        found.trained()


def test_further_passes_are_unheard() -> None:
    layers, products = listener("layer"), listener("product")
    found = pass_of(linear([[2.0], [1.0]], [[1.0, 1.0]]), pixels(1, 2, 3), layers, products)
    found.run()
    found.again(found.x)
    found.forward(found.x)
    assert [tuple(output.shape) for (output,) in layers.heard] == [(3, 1), (3, 2), (3, 1), (3, 1)]  # the whole is last
    assert products.heard == [(3 * 2,), (3 * 2,)]
    assert {*EVENTS, "finish"} == {name for name in vars(Signal) if callable(getattr(Signal, name)) and name[0] != "_"}


def test_activations_and_kinks() -> None:
    smooth, kinks = listener("activation"), listener("kink")
    pass_of(linear([[2.0]]).append(nn.GELU()).append(nn.ReLU()), pixels(1, -3), smooth, kinks).run()
    assert smooth.heard[0][0].flatten().tolist() == [2, -6]
    assert (len(smooth.heard), len(kinks.heard)) == (2, 1)


def test_stages_come_with_the_stage_before_and_the_trunk() -> None:
    stages, trunk = listener("stage"), listener("trunk")
    pass_of(Staged(), pixels(1, 2), stages, trunk).run()
    (first, none), (second, previous) = stages.heard
    assert none is None
    assert first.flatten().tolist() == previous.flatten().tolist() == [2, 4]
    assert second.flatten().tolist() == trunk.heard[0][0].flatten().tolist() == [6, 12]


@pytest.mark.parametrize(("cut", "by_first_weight"), [(True, None), (False, 9.0)])
def test_a_cut_leaves_gradients_inside_one_block(cut: bool, by_first_weight: float | None) -> None:
    """Outputs are 2 * 3 x for x of 1 and 2: their sum's derivative by the first factor is 3 (1 + 2)."""
    derived: list[Tensor | None] = []

    def finish(self: Signal, run: Pass, outputs: Tensor) -> None:
        feature, previous = self.last
        derived.extend(run.gradients(feature.sum(), [previous], keep_graph=True))
        derived.extend(run.gradients(feature.sum(), run.trained()))

    signal = listener(gradients=frozenset({"weights", "stages"}), finish=finish)
    type(signal).stage = lambda self, *pair: setattr(self, "last", pair)
    assert pass_of(Staged(), pixels(1, 2), signal, cut=cut).run() == {}
    by_previous, first, second = derived
    assert by_previous.flatten().tolist() == [3, 3]
    assert (first if first is None else first.item()) == by_first_weight
    assert second.item() == 6


def test_where_there_is_no_trunk_it_is_the_last_activation_of_more_than_one_pixel() -> None:
    """So a gate over pooled maps does not stand in for it; maps of one pixel do where there are no others."""
    pooled = nn.Sequential(nn.ReLU(), nn.AvgPool2d(2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Flatten())
    trunk, stages = listener("trunk"), listener("stage")
    x = torch.arange(32.0).view(2, 1, 4, 4)
    pass_of(pooled, x, trunk, stages).run()
    assert [tuple(t.shape[2:]) for (t,) in trunk.heard] == [(4, 4), (2, 2)]
    assert [tuple(t.shape[2:]) for t, _ in stages.heard] == [(4, 4), (2, 2), (1, 1)]
    small = listener("trunk")
    pass_of(nn.Sequential(nn.ReLU(), nn.Flatten(), nn.ReLU()), pixels(1, 2), small).run()
    assert len(small.heard) == 1


def test_further_passes_begin_with_the_first_buffers_and_own_weights() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.seen += 1
            return x.flatten(1) * self.seen

    network = Counting()
    found = pass_of(network, pixels(1, 2))
    found.run()
    assert [found.again(pixels(5, 7)).flatten().tolist() for _ in range(2)] == [[5, 7], [5, 7]]
    assert found.forward(found.x).flatten().tolist() == [2, 4]  # goes on where `run` has left off
    assert network.seen == 0


def test_rows_are_pixels_by_channels() -> None:
    feature = torch.arange(12.0).view(1, 2, 2, 3)
    assert rows(feature).tolist() == [[[i, i + 6] for i in range(6)]]
    last = feature.contiguous(memory_format=torch.channels_last)
    assert rows(last).data_ptr() == last.data_ptr()
