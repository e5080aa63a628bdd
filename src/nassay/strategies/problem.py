"""What a strategy is asked to solve: a space, limits, a budget, and sampling inside the limits."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np

from nassay.errors import InfeasibleError, UserError
from nassay.estimators.analytic import Analytic, Profile
from nassay.estimators.base import Fidelity
from nassay.estimators.devices.latency_model import CostModel
from nassay.estimators.training import reduced_resolution
from nassay.spaces.base import Architecture, Space

BISECTIONS = 5  # steps towards the largest scale that keeps the limits
EXHAUSTED = 200  # draws without a new architecture
SMALLEST_DRAW = 0.1  # smallest scale that draws of all sizes begin with

SEARCH_SHARE = 0.45  # of the time, the finish has the rest
FINAL_TRAININGS = 4  # two finalists, the reference, the best random draw
FINAL_EPOCHS = 30  # of the finish without a wall-clock budget

LABELS = {
    "max_latency_ms": ("latency_ms", "ms"),
    "max_params": ("params", "parameters"),
    "max_macs": ("macs", "MACs"),
    "max_peak_memory_bytes": ("peak_memory_bytes", "bytes"),
}


@dataclass(frozen=True)
class Constraints:
    """Upper limits on the found network; None for no limit.

    Attributes:
        max_latency_ms: median latency of one image in milliseconds, ONNX Runtime, one thread, this machine.
        max_params: number of parameters.
        max_macs: multiply-accumulate operations for one image.
        max_peak_memory_bytes: weights and the largest live activations for one image, float32.
    """

    max_latency_ms: float | None = None
    max_params: int | None = None
    max_macs: int | None = None
    max_peak_memory_bytes: int | None = None

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit is not None and not limit > 0:
                raise UserError(f"{name} must be positive, found {limit}.")

    def violated(self, costs: dict[str, float | None]) -> str | None:
        """The first limit that is broken, as a sentence; None if all known costs keep their limits."""
        for name, limit in asdict(self).items():
            metric, unit = LABELS[name]
            cost = costs.get(metric)
            if limit is not None and cost is not None and cost > limit:
                return f"{metric} is {_shown(cost)} {unit}, over {name} = {_shown(limit)}"
        return None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return any(limit is not None for limit in asdict(self).values())


@dataclass(frozen=True)
class Budget:
    """What a search may spend: wall-clock, a number of trained candidates, or both.

    Attributes:
        minutes: wall-clock of the whole command, export and report included.
        evaluations: how many candidates may be trained.
        workers: parallel trainings.
    """

    minutes: float | None = None
    evaluations: int | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        for name, value in (("minutes", self.minutes), ("evaluations", self.evaluations)):
            if value is not None and not value > 0:
                raise UserError(f"{name} must be positive, found {value}.")
        if self.evaluations is not None and self.evaluations < 4:
            raise UserError(f"evaluations must be at least 4 for a search, found {self.evaluations}.")
        if self.workers < 1:
            raise UserError(f"workers must be at least 1, found {self.workers}.")
        if self.minutes is not None and self.search_seconds <= 0:
            raise UserError(
                f"minutes must leave time to search: {self.reserve_seconds:.0f} s are kept for test, export, report, "
                f"found minutes = {self.minutes:g}. Give half a minute or more."
            )

    @property
    def reserve_seconds(self) -> float:
        """Kept back for the end: test, latency measurements, export, report."""
        return 14.0 + 0.015 * 60 * (self.minutes or 0)

    @property
    def search_seconds(self) -> float:
        """Wall-clock for everything before the finish."""
        return SEARCH_SHARE * (60 * (self.minutes or 0) - self.reserve_seconds)

    @property
    def final_seconds(self) -> float:
        """Training seconds, about, that each network of the finish will have had in all."""
        return (1 - SEARCH_SHARE) / SEARCH_SHARE * self.search_seconds * self.workers / FINAL_TRAININGS

    def trainings(self, default: int) -> int:
        """How many candidates to train: the default, capped by `evaluations`; at least 4."""
        return max(4, min(default, self.evaluations or default))


class Problem:
    """A space under limits.

    Args:
        space: what may be built.
        constraints: upper limits.
        budget: what may be spent.
        seed: of every random draw; each purpose draws from its own stream.
        replay: whether trainings are looked up in a table, at once: candidates are then trained to the end, one after
            the other.
        latency_model: predicts latencies, such as a device's profile does; None where one is yet to be fitted.
    """

    def __init__(
        self,
        space: Space,
        constraints: Constraints | None = None,
        budget: Budget | None = None,
        *,
        seed: int = 0,
        replay: bool = False,
        latency_model: CostModel | None = None,
    ) -> None:
        self.space, self.seed, self.replay = space, seed, replay
        self.constraints = constraints or Constraints()
        self._limited = self.constraints.any
        self.budget = budget or Budget(evaluations=16)
        self.analytic = Analytic.of(space)
        self.latency_model = latency_model

    def rng(self, purpose: str) -> np.random.Generator:
        """The random stream of one purpose."""
        return np.random.default_rng([self.seed, *purpose.encode()])

    def profile(self, architecture: Architecture) -> Profile:
        """Analytic costs, computed once for each canonical architecture."""
        return self.analytic.profile(architecture)

    def costs(self, architecture: Architecture) -> dict[str, float | None]:
        """Every cost that a limit can be on; `latency_ms` is predicted, None while there is no latency model."""
        profile = self.profile(architecture)
        latency = self.latency_model.predict(profile) if self.latency_model else None
        return {
            "params": profile.params,
            "macs": profile.macs,
            "peak_memory_bytes": profile.peak_memory_bytes,
            "latency_ms": latency,
        }

    def admits(self, architecture: Architecture) -> bool:
        """Whether every known or predicted cost keeps its limit."""
        return not self._limited or self.constraints.violated(self.costs(architecture)) is None

    def sample(self, rng: np.random.Generator, *, largest: float = 1.0) -> Architecture:
        """A random architecture inside the limits.

        The space's own draw; where it breaks a limit, all its choices are scaled down together, just until it fits.

        Args:
            rng: random stream.
            largest: factor on all choices of the draw to begin with, for smaller networks than the space draws.

        Raises:
            InfeasibleError: not even the smallest network keeps the limits.
        """
        for _ in range(10):
            draw = self.space.sample(rng)
            whole = self.space.scaled(draw, largest) if largest < 1.0 else draw
            if self.admits(whole):
                return whole
            fitting = self.shrunk(draw, largest)
            if fitting is not None:
                return fitting
        smallest = self.space.smallest()
        if self.constraints.violated({**self.costs(smallest), "latency_ms": None}) is None:
            return smallest  # its latency was measured when the limits were checked, a prediction does not count
        raise InfeasibleError(self.infeasible_message())

    def shrunk(self, draw: Architecture, largest: float = 1.0) -> Architecture | None:
        """An architecture with all its choices scaled down together, just until it keeps the limits; None if never.

        Args:
            draw: a point of the space.
            largest: a scale that breaks a limit.
        """
        low, high, fitting = 0.0, largest, None
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            scaled = self.space.scaled(draw, middle)
            if self.admits(scaled):
                low, fitting = middle, scaled
            else:
                high = middle
        return fitting

    def stream(self, purpose: str, *, all_sizes: bool = False) -> Iterator[Architecture]:
        """Distinct random architectures inside the limits, until the space seems exhausted.

        Args:
            purpose: names the random stream.
            all_sizes: scale every other draw down by a random factor, so that small networks are as frequent as large.
        """
        rng, seen = self.rng(purpose), set()
        misses = 0
        while misses < EXHAUSTED:
            reduced = all_sizes and rng.random() < 0.5
            architecture = self.sample(rng, largest=rng.uniform(SMALLEST_DRAW, 1.0) if reduced else 1.0)
            if architecture in seen:
                misses += 1
                continue
            seen.add(architecture)
            misses = 0
            yield architecture

    def check_reachable(self, latency_ms: Callable[[Architecture], float]) -> None:
        """Check the smallest network of the space against every limit.

        Args:
            latency_ms: measures an architecture; called only under a latency limit.

        Raises:
            InfeasibleError: it breaks a limit; the message has the smallest reachable value.
        """
        smallest = self.space.smallest()
        costs = self.costs(smallest)
        if self.constraints.max_latency_ms is not None:
            costs["latency_ms"] = latency_ms(smallest)
        broken = self.constraints.violated(costs)
        if broken:
            raise InfeasibleError(self.infeasible_message(costs))

    def infeasible_message(self, costs: dict[str, float | None] | None = None) -> str:
        """Which limits the smallest network of the space breaks, and what is reachable."""
        costs = costs or self.costs(self.space.smallest())
        lines = []
        for name, limit in asdict(self.constraints).items():
            metric, unit = LABELS[name]
            cost = costs.get(metric)
            if limit is not None and cost is not None and cost > limit:
                lines.append(f"{name} = {_shown(limit)} {unit}, but the smallest network has {_shown(cost)} {unit}")
        shape = "x".join(map(str, self.space.input_shape))
        return (
            f"No network of the space {self.space.name!r} for {shape} inputs meets the limits: {'; '.join(lines)}. "
            "Raise the limit, make the images smaller, or choose another space."
        )

    def fidelity(self, *, epochs: float, seconds: float, final: bool = False) -> Fidelity:
        """A training bound: seconds under a wall-clock budget, else epochs; short trainings see reduced images."""
        resolution = 1.0 if final or self.replay else reduced_resolution(self.space.input_shape)
        if self.budget.minutes is not None:
            return Fidelity(seconds=round(max(seconds, 0.5), 2), resolution=resolution, final=final)
        return Fidelity(epochs=epochs, resolution=resolution, final=final)

    def final_fidelity(self) -> Fidelity:
        """The bound that the finish will have, as far as it can be foreseen."""
        return self.fidelity(epochs=FINAL_EPOCHS, seconds=self.budget.final_seconds, final=True)

    def candidates(self) -> int:
        """How many candidates to train equally: grows with the root of the time, so that each gets more of it, too."""
        if self.budget.minutes is None:
            return self.budget.trainings(self.budget.evaluations or 16)
        core_seconds = self.budget.search_seconds * self.budget.workers
        return self.budget.trainings(round(min(96.0, max(12.0, core_seconds**0.5))))

    def single_fidelity(self) -> tuple[int, Fidelity]:
        """For strategies that train all candidates equally: how many, and to what bound."""
        count = self.candidates()
        seconds = self.budget.search_seconds * self.budget.workers / count
        return count, self.fidelity(epochs=FINAL_EPOCHS if self.replay else 4, seconds=seconds)

    def at_once(self, usual: int) -> int:
        """How many candidates to ask for from one state of knowledge: `usual`, so that workers can train side by side.

        One where a table answers at once: methods that learn from every single answer are then as published.
        """
        return 1 if self.replay else usual


def _shown(number: float) -> str:
    """Counts in full, measurements to six digits."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.6g}"


def with_limits(constraints: "Constraints | dict[str, float] | None") -> Constraints:
    """Constraints from a dictionary of limits, as the Python API accepts them.

    Raises:
        UserError: an unknown limit.
    """
    if constraints is None or isinstance(constraints, Constraints):
        return constraints or Constraints()
    unknown = set(constraints) - set(LABELS)
    if unknown:
        raise UserError(f"Unknown limits {sorted(unknown)}; known are {', '.join(LABELS)}.")
    return replace(Constraints(), **constraints)  # type: ignore[arg-type]
