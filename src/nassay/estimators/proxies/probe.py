"""One probe, many proxies: the passes that a set of proxies needs, each run once.

Proxies of one `Setting` share one pass: its forward feeds every signal, and each signal asks for its own
gradients. The network itself is called with copies of its tensors, so that weights, buffers and `.grad` are
never touched.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import nn

from nassay.estimators.base import Estimate
from nassay.estimators.layout import memory_format
from nassay.estimators.proxies.anatomy import Anatomy
from nassay.estimators.proxies.base import Batch, Setting, Signal, Unmeasurable
from nassay.estimators.proxies.base import proxies as registry
from nassay.estimators.proxies.passes import Conditions, Overwritten, Pass
from nassay.estimators.proxies.sandbox import batch_statistics, seeded
from nassay.registry import Entry

Proxy = Entry[Callable[..., float]]
Outcome = float | Exception
Heard = tuple[Pass, dict[type[Signal], Signal], dict[Signal, Exception]]

PRECISIONS = (torch.float32, torch.float64)  # the second where the first overflows


@torch.inference_mode(False)
def score(
    network: nn.Module,
    batch: Batch,
    proxies: Sequence[str],
    *,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> dict[str, Estimate]:
    """Score a network by zero-cost proxies, without training it.

    Args:
        network: any module from (B, C, H, W) to a tensor of outputs; it is left exactly as found.
        batch: inputs and labels; proxies that work on noise use only its shape.
        proxies: names from the registry.
        seed: of drawn weights, noise and random directions.
        device: where to run; the network's own device by default.

    Returns:
        An estimate for each name, in the order asked for. Its value depends neither on what else was asked
        for nor on the order of the batch. Its `seconds` are an equal share of the pass that it needed and of
        what its own signals took after it.

    Raises:
        UserError: a name is unknown. Whatever goes wrong in the network is an estimate with a reason instead.
    """
    groups: dict[Setting, list[Proxy]] = {}
    for entry in [registry[name] for name in dict.fromkeys(proxies)]:
        groups.setdefault(entry.info["setting"], []).append(entry)
    first = next(iter(network.parameters()), batch.x)
    where = torch.device(device) if device is not None else first.device
    anatomy = Anatomy(network)
    broken, batch = _broken_tensor(anatomy), batch.in_own_order()
    estimates: dict[str, Estimate] = {}
    for setting, members in groups.items():
        if broken:
            estimates |= {entry.name: Estimate.failed(broken) for entry in members}
        else:
            estimates |= _measure(anatomy, batch, setting, members, seed, where)
    return {name: estimates[name] for name in proxies}


def _broken_tensor(anatomy: Anatomy) -> str | None:
    floating = {name: p.detach() for name, p in anatomy.parameters.items() if p.is_floating_point()}
    if math.isfinite(torch.nn.utils.get_total_norm(floating.values())):
        return None
    broken = (name for name, p in floating.items() if not bool(p.isfinite().all()))  # else they are merely large
    return next((f"the parameter {name} is not finite" for name in broken), None)


def _measure(
    anatomy: Anatomy, batch: Batch, setting: Setting, members: list[Proxy], seed: int, device: torch.device
) -> dict[str, Estimate]:
    """All proxies of one setting."""
    began = time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    finishing: dict[type[Signal], float] = defaultdict(float)
    for dtype in PRECISIONS:
        left = [entry for entry in members if _overflown(outcomes.get(entry.name, math.inf))]
        if left:
            conditions = Conditions(setting, seed, device, dtype, memory_format(anatomy.network))
            outcomes |= _attempt(anatomy, batch, left, conditions, finishing)
    shared = time.perf_counter() - began - sum(finishing.values())
    users = Counter(kind for entry in members for kind in entry.info["signals"])
    return {
        entry.name: _estimate(
            outcomes[entry.name],
            shared / len(members) + sum(finishing[kind] / users[kind] for kind in entry.info["signals"]),
        )
        for entry in members
    }


def _attempt(
    anatomy: Anatomy,
    batch: Batch,
    members: list[Proxy],
    conditions: Conditions,
    finishing: dict[type[Signal], float],
) -> dict[str, Outcome]:
    """Each proxy's value, or the exception that stands in its way; adds the seconds of signals to `finishing`."""
    kinds = list(dict.fromkeys(kind for entry in members for kind in entry.info["signals"]))
    try:
        run, signals, failures = _listen(anatomy, batch, kinds, conditions)
    except Exception as error:  # the user's forward may raise anything; the text becomes the reason
        return {entry.name: error for entry in members}
    for kind, signal in signals.items():
        finishing[kind] += run.seconds[signal]
    outcomes: dict[str, Outcome] = {}
    for entry in members:
        own = [signals[kind] for kind in entry.info["signals"]]
        failed = next((failures[signal] for signal in own if signal in failures), None)
        outcomes[entry.name] = failed or _value(entry, own)
    return outcomes


def _listen(anatomy: Anatomy, batch: Batch, kinds: list[type[Signal]], conditions: Conditions) -> Heard:
    """One pass that the network accepts: its finished signals, and why some could not finish."""
    *others, last = _variants(conditions)
    for variant in others:
        try:
            return _try_lean(anatomy, batch, kinds, variant)
        except (RuntimeError, ValueError, IndexError, AssertionError):
            continue
    return _try_lean(anatomy, batch, kinds, last)


def _variants(conditions: Conditions) -> Iterator[Conditions]:
    """The ways to run a pass, each for networks that refuse the one before; some insist on contiguous maps."""
    sizes = [conditions.setting] + [replace(conditions.setting, size=None)] * (conditions.setting.size is not None)
    for setting in sizes:
        for layout in dict.fromkeys((conditions.memory_format, torch.contiguous_format)):
            yield replace(conditions, setting=setting, memory_format=layout)


def _try_lean(anatomy: Anatomy, batch: Batch, kinds: list[type[Signal]], conditions: Conditions) -> Heard:
    try:
        return _try(anatomy, batch, kinds, conditions)
    except Overwritten:
        return _try(anatomy, batch, kinds, replace(conditions, lean=False))


def _try(anatomy: Anatomy, batch: Batch, kinds: list[type[Signal]], conditions: Conditions) -> Heard:
    signals = {kind: kind(conditions.seed) for kind in kinds}
    with seeded(conditions.seed, conditions.device), batch_statistics(anatomy.layers):
        run = Pass(anatomy, batch, list(signals.values()), conditions)
        failures = run.run()
    return run, signals, failures


def _value(entry: Proxy, signals: list[Signal]) -> Outcome:
    try:
        return float(entry.target(*signals))
    except Exception as error:  # a logarithm of 0, a decomposition that does not converge: reasons, not crashes
        return error


def _overflown(outcome: Outcome) -> bool:
    if isinstance(outcome, float):
        return not math.isfinite(outcome)
    return isinstance(outcome, ArithmeticError)


def _estimate(outcome: Outcome, seconds: float) -> Estimate:
    if isinstance(outcome, float):
        return Estimate.of(outcome, seconds=seconds)
    text = str(outcome).strip().split("\n")[0]
    plain = isinstance(outcome, Unmeasurable)
    return Estimate.failed(text if plain else f"{type(outcome).__name__}: {text}", seconds=seconds)
