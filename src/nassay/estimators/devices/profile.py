"""A device's profile: what was timed on it, and the models of latency and energy that follow from that.

The file is what `on_device` writes: facts of the device, timed operators, timed networks. Models are fitted when it is
read, the same for the same file. Latency is a sum over operators, by kind, looked up or interpolated
(`operator_table`), times a correction for each kind, and a sum over counts (`latency_model`). Both are learned together
from whole networks, none negative: what fusing and memory layouts save, what every operator costs besides, and more of
the counts where the table is noisy. The error is that on networks which neither saw.

A profile with few networks and no operators has other devices' profiles as sources, see `transfer`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from nassay.errors import UserError
from nassay.estimators.analytic import Analytic, Profile
from nassay.estimators.devices.latency_model import (
    CostModel,
    ModelledLatency,
    PredictionError,
    checked_costs,
    cross_validate,
    features,
    nonnegative_fit,
)
from nassay.estimators.devices.on_device import FORMAT, VERSION
from nassay.estimators.devices.operator_table import Operator, OperatorTable
from nassay.estimators.devices.transfer import Population, Transferred, left_out
from nassay.spaces.base import Space, spaces

EMPTY = Operator("elementwise", (1, 1), (1, 1), 1, 1, 1, 1, 1)  # what it takes is what any run takes


@dataclass(frozen=True)
class TableModel(CostModel):
    """Costs linear in an operator table's sums and in counts; see above.

    Attributes:
        table: of the device's operators.
        weights: of its sums by kind, then of `latency_model.FEATURES`.
        error: see `CostModel`.
    """

    table: OperatorTable
    weights: np.ndarray
    error: PredictionError

    def predict(self, profile: Profile) -> float:
        """The cost in the unit that the model was fitted to, ms or mJ."""
        return float(_sums(self.table, [profile])[0] @ self.weights)


@dataclass(frozen=True)
class TransferredModel(CostModel):
    """Latency from other devices' models and a few measurements; see `transfer`."""

    sources: tuple[CostModel, ...]
    population: Population
    fitted: Transferred
    error: PredictionError

    def predict(self, profile: Profile) -> float:
        """Latency in ms."""
        rows = self.population.rows(*known_costs([profile], self.sources))
        return float(self.fitted.predict(rows)[0])


class DeviceProfile:
    """What is known of a device.

    Args:
        form: the content of the file.

    Raises:
        UserError: it is not a device's profile, or one of another version.
    """

    def __init__(self, form: Mapping[str, Any]) -> None:
        if not isinstance(form, Mapping) or form.get("format") != FORMAT:
            raise UserError(f"This is no device profile: it has no format = {FORMAT!r}. See `nassay device --help`.")
        if form.get("version") != VERSION:
            raise UserError(
                f"This device profile is of version {form.get('version')}, not {VERSION}. Measure the device again."
            )
        self.form = dict(form)

    @classmethod
    def load(cls, path: Path) -> "DeviceProfile":
        """Read a profile and check that models can be fitted to it.

        Raises:
            UserError: there is no such file, or it holds no profile that a model can be fitted to.
        """
        try:
            found = cls(json.loads(path.read_text("utf-8")))
            _ = found.latency
        except (OSError, ValueError, KeyError, TypeError) as error:
            told = str(error) if isinstance(error, UserError) else f"it cannot be read: {error!r}"
            raise UserError(f"{path}: {told}") from error
        return found

    def text(self) -> str:
        """The file's content, with the models' errors for people to read."""
        errors = {"latency_error": asdict(self.latency.error)}
        if self.energy is not None:
            errors["energy_error"] = asdict(self.energy.error)
        return json.dumps({**self.form, **errors}, indent=1) + "\n"

    @property
    def name(self) -> str:
        """What the device is called."""
        return str(self.form["device"]["name"])

    @property
    def identity(self) -> str:
        """Name and digest of what was measured: equal for equal profiles only."""
        measured = {key: self.form.get(key) for key in ("device", "operators", "networks", "sources")}
        return f"{self.name} {sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()[:12]}"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the networks that were timed."""
        c, h, w = self.form["input_shape"]
        return c, h, w

    @cached_property
    def space(self) -> Space:
        """The space of the networks that were timed."""
        return spaces[self.form["space"]].target(self.input_shape, self.form["classes"])

    def estimator(self, space: Space) -> ModelledLatency:
        """Latency on this device of a space's architectures; details name the device."""
        return ModelledLatency(self.latency, space, {"device": self.name})

    def check_fits(self, space: Space) -> None:
        """Check that the model's error is known for a space: its own, at its own input.

        Raises:
            UserError: it is not.
        """
        wanted, known = (f"{n} at {'x'.join(map(str, s))}" for n, s in _pairs(space, self))
        if wanted != known:
            raise UserError(
                f"The profile of {self.name} was measured on networks of {known}, the search is of {wanted}, and for "
                f"those its error is not known. Measure the device with --space and --input of the search."
            )

    @cached_property
    def latency(self) -> CostModel:
        """The model of latency in ms.

        Raises:
            UserError: too few networks were measured, or a latency is not a positive number.
        """
        rows = self.form["networks"]
        if self.form.get("sources"):
            return self._transferred(rows)
        return self._fitted(rows, "latency", "latencies", "median_ms")

    @cached_property
    def energy(self) -> CostModel | None:
        """The model of energy in mJ; None where the device has no meter."""
        if self.form["energy"]["source"] is None or self.form.get("sources"):
            return None
        return self._fitted(self.form["networks"], "energy", "energies", "energy_mj")

    @property
    def noise(self) -> float | None:
        """Mean relative difference between two measurements of a network, which errors are to be held against."""
        pairs = [(r["median_ms"], r["again_ms"]) for r in self.form["networks"] if "again_ms" in r]
        return float(np.mean([abs(a - b) / min(a, b) for a, b in pairs])) if pairs else None

    def _fitted(self, rows: Sequence[Mapping[str, Any]], cost: str, costs: str, key: str) -> TableModel:
        """A model of a cost; its error is that of the held-out networks, or of cross-validation without them."""
        x = _sums(self._table, profiles := self._profiles(rows))
        held_out = np.array([bool(r.get("held_out")) for r in rows])
        y = checked_costs(cost, costs, profiles, [r[key] for r in rows])
        checked_costs(cost, costs, [p for p, h in zip(profiles, held_out, strict=True) if not h], y[~held_out])
        weights = nonnegative_fit(x[~held_out], y[~held_out])
        error = PredictionError.of(x[held_out] @ weights, y[held_out]) if held_out.any() else cross_validate(x, y)
        return TableModel(self._table, weights, error)

    @cached_property
    def _table(self) -> OperatorTable:
        timed = {Operator.from_json(row): row["median_ms"] for row in self.form["operators"]}
        overhead_ms = timed.pop(EMPTY, 0.0)
        return OperatorTable({operator: ms - overhead_ms for operator, ms in timed.items()})

    def _transferred(self, rows: Sequence[Mapping[str, Any]]) -> TransferredModel:
        sources = tuple(DeviceProfile(form) for form in self.form["sources"])
        models = tuple(source.latency for source in sources)
        # the population is what the first source was measured on
        population = Population.of(*known_costs(sources[0]._profiles(sources[0].form["networks"]), models))
        measured = population.rows(*known_costs(self._profiles(rows), models))
        y = [float(r["median_ms"]) for r in rows]
        fitted = Transferred.fit(measured, y)
        error = PredictionError.of(left_out(measured, y), np.array(y))
        return TransferredModel(models, population, fitted, error)

    def _profiles(self, rows: Sequence[Mapping[str, Any]]) -> list[Profile]:
        analytic = Analytic.of(self.space)
        return [analytic.profile(self.space.from_string(row["architecture"])) for row in rows]


def _pairs(space: Space, device: DeviceProfile) -> tuple[tuple[str, tuple[int, ...]], tuple[str, tuple[int, ...]]]:
    return (space.name, space.input_shape), (device.form["space"], device.input_shape)


def _sums(table: OperatorTable, profiles: Sequence[Profile]) -> np.ndarray:
    """(n, d) what `TableModel` is linear in."""
    return np.array([[*table.sums(profile), *features(profile)] for profile in profiles])


def known_costs(profiles: Sequence[Profile], sources: Sequence[CostModel]) -> tuple[np.ndarray, np.ndarray]:
    """What `transfer` predicts from: latencies on the source devices (n, m) and counts of operations (n, d)."""
    latencies = np.array([[source.predict(profile) for source in sources] for profile in profiles])
    return latencies, np.array([features(profile)[:-1] for profile in profiles])
