"""Any sampler of Optuna as a strategy: `optuna:tpe`, `optuna:gp`, `optuna:nsgaii`, ... (Akiba et al. 2019, 1907.10902).

Every choice of the space is a categorical parameter: options need not have an order. The first trials are the draws of
random search. What a sampler then proposes is made canonical, and scaled down where it breaks a limit; the sampler is
told the value under its own parameters. A proposal whose network was trained already costs nothing: the sampler is told
the known value. After `REPEATS` of these in a row a random new network takes the proposal's place. A failed training
is told as failed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

from nassay.errors import UserError
from nassay.extras import extra
from nassay.registry import unknown_name
from nassay.spaces.base import Architecture
from nassay.strategies.base import FINALISTS, Plan, Record, Request, Strategy, ranked, strategies

STARTS = 10  # draws of random search; samplers' own number of random trials
BATCH = 4  # trials that are asked for before any of them is told
REPEATS = 20
_NOT_BY_NAME = ("base", "basega", "grid", "partialfixed")  # not samplers, or in need of more than a seed


def with_sampler(name: str) -> type["OptunaSampler"]:
    """The strategy with another sampler.

    Args:
        name: Optuna's name of a sampler in small letters, without `Sampler`: tpe, gp, nsgaii, random, qmc, ...

    Raises:
        UserError: Optuna has no such sampler, or is not installed.
    """
    known = _samplers()
    if name not in known:
        raise UserError(unknown_name("Optuna sampler", name, known))
    return type(f"Optuna_{name}", (OptunaSampler,), {"sampler": name, "__doc__": OptunaSampler.__doc__})


@strategies.register("optuna", paper="Akiba et al. 2019, arXiv:1907.10902", configure=with_sampler)
class OptunaSampler(Strategy):
    """A sampler of Optuna, TPE unless one is named (`optuna:gp`, `optuna:nsgaii`, ...); needs the extra `optuna`."""

    sampler: ClassVar[str] = "tpe"

    def plan(self) -> Plan:
        """Random draws, then what the sampler proposes."""
        count, fidelity = self.problem.single_fidelity()
        self._stream = self.problem.stream("random")
        self._known: dict[Architecture, Record] = {}
        with _quiet():
            self._prepare()
        drawn = list(islice(self._stream, max(4, min(STARTS, count // 3))))
        batch = {a: self._trial(a) for a in drawn}
        while batch:
            records = yield [Request(a, "training", fidelity) for a in batch]
            for record, trial in zip(records, batch.values(), strict=True):
                self._known[record.request.architecture] = record
                self._tell(trial, record)
            if self.random_baseline is None:
                best = [r.request.architecture for r in ranked(records) if r.value is not None]
                self.random_baseline = next(iter((yield from self.best_measured(best, 1))), None)
            batch = self._proposals(min(self.problem.at_once(BATCH), count - len(self._known)))
        best = [r.request.architecture for r in ranked(list(self._known.values())) if r.value is not None]
        return (yield from self.best_measured(best, FINALISTS))

    def _prepare(self) -> None:
        """An empty Optuna study with a categorical parameter for every choice."""
        known = _samplers()
        import optuna

        seed = int(self.problem.rng("optuna").integers(2**31))
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction="maximize", sampler=known[self.sampler](seed=seed))
        self._choices: dict[str, Any] = {
            f"choice{i:03d}": optuna.distributions.CategoricalDistribution(range(n))
            for i, n in enumerate(self.problem.space.options)
        }

    def _proposals(self, count: int) -> dict[Architecture, Any]:
        """New networks and the trials that proposed them, at most `count`; fewer where the space is exhausted."""
        found: dict[Architecture, Any] = {}
        while len(found) < count:
            new = self._proposal(found) or self._drawn(found)
            if new is None:
                break
            found[new[0]] = new[1]
        return found

    def _proposal(self, others: dict[Architecture, Any]) -> tuple[Architecture, Any] | None:
        """The sampler's next proposal that is new; None where it repeats itself."""
        for _ in range(REPEATS):
            with _quiet():
                trial = self._study.ask(self._choices)
            architecture = self._architecture(trial)
            if architecture in self._known:
                self._tell(trial, self._known[architecture])
            elif architecture is None or architecture in others:
                self._tell(trial, None)
            else:
                return architecture, trial
        return None

    def _drawn(self, others: dict[Architecture, Any]) -> tuple[Architecture, Any] | None:
        """The next random network that is new; None where the space is exhausted."""
        new = next((a for a in self._stream if a not in self._known and a not in others), None)
        return None if new is None else (new, self._trial(new))

    def _trial(self, architecture: Architecture) -> Any:
        """A trial of a given network."""
        self._study.enqueue_trial(dict(zip(self._choices, architecture.choices, strict=True)))
        with _quiet():
            return self._study.ask(self._choices)

    def _architecture(self, trial: Any) -> Architecture | None:
        """The network of a trial, inside the limits; None where no scale brings it there."""
        space = self.problem.space
        choices = tuple(int(trial.params[name]) for name in self._choices)
        architecture = space.canonical(Architecture(space.name, choices))
        return architecture if self.problem.admits(architecture) else self.problem.shrunk(architecture)

    def _tell(self, trial: Any, record: Record | None) -> None:
        if record is None or record.value is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, record.value)


def _samplers() -> dict[str, Any]:
    """Optuna's samplers by short name.

    Raises:
        UserError: Optuna is not installed.
    """
    with extra("optuna"):
        import optuna
    names = {n.removesuffix("Sampler").lower(): n for n in dir(optuna.samplers) if n.endswith("Sampler")}
    return {short: getattr(optuna.samplers, n) for short, n in sorted(names.items()) if short not in _NOT_BY_NAME}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's announcements and its warnings of experimental samplers."""
    import warnings

    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
