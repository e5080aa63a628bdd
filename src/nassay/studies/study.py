"""The study: the loop that carries a strategy's requests to evaluators and back, then finishes the finalists.

Everything that was decided by the clock is kept in the ledger, so that giving the same command again replays the study
up to where it stood and goes on from there.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nassay.errors import NassayError
from nassay.estimators.analytic import Analytic
from nassay.estimators.base import Estimate, Fidelity
from nassay.estimators.devices.profile import DeviceProfile
from nassay.reports.findings import adaptation_sentence, prediction_sentence
from nassay.spaces.base import Architecture, Space
from nassay.strategies.base import Record, Request, Strategy, ranked, strategies
from nassay.strategies.problem import Problem
from nassay.studies.clock import Clock
from nassay.studies.evaluate import Evaluator
from nassay.studies.executors import Executor
from nassay.studies.finish import final_fidelity, reference_network
from nassay.studies.ledger import Ledger, of_search
from nassay.studies.listener import Listener
from nassay.studies.plan import DEVICE, Plan
from nassay.studies.summary import measured_gaps
from nassay.tasks.base import Task

FRONT = 16  # trained networks whose latency is measured at the end


@dataclass
class Finish:
    """The architectures of the final table and the bound they were trained to."""

    finalists: list[Architecture]
    reference: Architecture
    reference_kept: bool  # whether it keeps the limits
    random: Architecture | None
    fidelity: Fidelity
    records: list[Record]

    def record(self, architecture: Architecture) -> Record:
        """The final training of one of them."""
        return next(r for r in self.records if r.request.architecture == architecture)


class Study:
    """A plan at work in its run folder; the caller holds the folder's lock.

    Args:
        folder: run folder that `plan.claim` has prepared.
        plan: settings.
        task: the data, as the folder keeps it.
        listener: hears of progress.
        started: `time.perf_counter()` when the command began.

    Use as a context manager: leaving it ends the workers and writes the time spent.
    """

    def __init__(
        self, folder: Path, plan: Plan, task: Task, listener: Listener, *, started: float | None = None
    ) -> None:
        self.folder, self.plan, self.task, self.listener = folder, plan, task, listener
        self.space: Space = task.space(plan.space)
        self.device = DeviceProfile.load(folder / DEVICE) if plan.device_profile else None
        model = self.device.latency if self.device else None
        self.problem = Problem(self.space, plan.constraints, plan.budget, seed=plan.seed, latency_model=model)
        self.strategy: Strategy = strategies[plan.strategy].target(self.problem)
        self.strategy.adapt = plan.adapt
        self.best: float | None = None
        self.finalists: list[Architecture] | None = None  # once the search has chosen them
        with ExitStack() as stack:
            self.ledger = Ledger.in_folder(folder)
            stack.callback(self.ledger.close)
            self.ledger.put("task", _task_facts(task))
            self.clock = Clock(self.ledger, started)
            self.executor = Executor(folder, plan.workers, plan.threads, plan.device)
            self.executor.while_waiting = partial(self.clock.touch, every=2.0)
            stack.callback(self.clock.touch)
            stack.callback(self.executor.close)
            known = {"mobile": task.space("mobile"), plan.space: self.space}
            self.evaluator = Evaluator(known, self.ledger, self.executor, self.device)
            if self.device is not None:
                error = {"device": self.device.name, **asdict(self.device.latency.error)}
                self.ledger.put("latency model", error)
            self._stack = stack.pop_all()

    def __enter__(self) -> "Study":
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    # The search ----------------------------------------------------------------------------------------------------

    def search(self) -> Finish:
        """Run the strategy, then the finish.

        Raises:
            InfeasibleError: sampling finds no architecture that meets the limits.
            NassayError: no candidate could be trained.
        """
        self._enter("feasible")
        if self.device is not None:
            self.listener.message("  " + prediction_sentence(self.ledger.get("latency model")))
        asked = 0
        while requests := self.strategy.ask():
            if self._stops_at(asked, requests):
                self.listener.message("The search's share of the time is over; finishing with the best so far.")
                break
            asked += 1
            phase = self.strategy.phase
            self._enter(phase)
            self.strategy.tell(self._evaluate(requests, phase))
            if self.strategy.phase != phase:
                self._tell(phase)
        finalists = self._best_so_far(requests) if self.strategy.finalists is None else self.strategy.finalists
        return self._finish(finalists or self._smallest())

    def _tell(self, phase: str) -> None:
        """What a finished phase has measured: the latency model's error, how estimators ordered what was trained."""
        model = self.problem.latency_model
        if phase == "feasible" and model is not None:
            self.ledger.put("latency model", asdict(model.error))
            self.listener.message("  " + prediction_sentence(asdict(model.error)))
        if self.strategy.adapted is not None and phase == "adapt":
            self.ledger.put("adapted", self.strategy.adapted)
            self.listener.message("  " + adaptation_sentence(self.strategy.adapted))
        for g in measured_gaps(self.ledger.records(), self.plan.seed):
            if g["kendall_tau"] is not None and g["ci_low"] is not None:
                interval = f"95 % interval {g['ci_low']:+.2f} to {g['ci_high']:+.2f}, n {g['n']}"
                self.listener.message(
                    f"  gap: {g['estimator']} against {g['truth']}: tau {g['kendall_tau']:+.2f}, {interval}"
                )

    def latency_ms(self, architecture: Architecture) -> float | None:
        """Measured latency, from the ledger where it is known."""
        return self._evaluate([Request(architecture, "latency_ms")], "feasible")[0].value

    def _evaluate(self, requests: Sequence[Request], phase: str) -> list[Record]:
        def progress(done: int, total: int) -> None:
            self.listener.progress(done, total, self.best, self.remaining())
            self.clock.touch(every=2.0)

        records = self.evaluator.evaluate(requests, phase, progress)
        trained = [r for r in records if r.request.estimator == "training"]
        self._note_costs([r.request.architecture for r in trained], phase)
        may_win = [r for r in trained if self.finalists is None or r.request.architecture in self.finalists]
        known = [r.value for r in may_win if r.value is not None] + ([] if self.best is None else [self.best])
        self.best = max(known, default=None)
        self.clock.touch()
        return records

    def _note_costs(self, trained: Sequence[Architecture], phase: str) -> None:
        """Analytic costs of trained architectures go to the ledger: #params and #MACs are estimators like others."""
        rows = []
        for architecture in trained:
            if architecture.space != self.space.name:
                continue
            profile = self.problem.profile(architecture)
            costs = {name: Estimate.of(getattr(profile, name)) for name in ("params", "macs", "peak_memory_bytes")}
            if self.problem.latency_model is not None:
                costs["predicted_latency_ms"] = self.problem.latency_model.estimate(profile)
            for name, estimate in costs.items():
                key = (self.evaluator.text(architecture), name, "")
                if self.ledger.find(key) is None:
                    rows.append((key, estimate))
        self.ledger.add(rows, phase)

    def remaining(self) -> float | None:
        """Seconds left in the budget; None without a wall-clock budget."""
        return None if self.plan.minutes is None else 60 * self.plan.minutes - self.clock.elapsed()

    def _enter(self, phase: str) -> None:
        self.clock.enter(phase)
        self.listener.phase(phase, self.remaining())

    def _stops_at(self, asked: int, requests: Sequence[Request]) -> bool:
        """Whether the search ends before this batch, as it has used half as much again as its share of the time.

        That is decided once, at a batch that is not paid for yet: a study that is resumed later asks for the same
        batches and ends before the same one.

        Args:
            asked: batches before this one.
            requests: of the batch.
        """
        if self.plan.minutes is None:
            return False
        last = self.ledger.get("stopped before batch")
        if last is not None:
            return asked >= int(last)
        late = self.clock.elapsed() > 1.5 * self.plan.budget.search_seconds + 10
        if not late or self.evaluator.paid(requests):
            return False
        self.ledger.put("stopped before batch", asked)
        return True

    def _best_so_far(self, unpaid: Sequence[Request]) -> list[Architecture]:
        """The best of the search in the ledger, for a search that was cut short.

        The best trained; where none was trained, the best with the weights of a super-network, then the first that was
        about to be trained, then the one that trains fastest, as there is little time, then a random draw.

        Args:
            unpaid: the batch before which the search was cut short.
        """
        records = self.ledger.records()
        ok = [r for r in records if r["value"] is not None]
        inherited = [r for r in ok if r["estimator"].startswith("inherited:")]
        known = sorted(of_search(records) or inherited, key=lambda r: -r["value"])
        paced = sorted((r for r in ok if r["estimator"] == "epoch_seconds"), key=lambda r: r["value"])
        candidates = (
            [self.space.from_string(r["architecture"]) for r in known]
            or [r.architecture for r in unpaid if r.estimator == "training"]
            or [self.space.from_string(r["architecture"]) for r in paced]
            or [next(self.problem.stream("random"))]
        )
        limit = self.plan.constraints.max_latency_ms
        for architecture in candidates:
            if limit is None or (self.latency_ms(architecture) or limit) < limit:
                return [architecture]
        return []

    def _smallest(self) -> list[Architecture]:
        """Where nothing that was trained keeps the limit on latency as measured: the smallest network, if that does.

        Raises:
            NassayError: it does not, or nothing could be trained.
        """
        limit = self.plan.constraints.max_latency_ms
        if limit is None or not of_search(self.ledger.records()):
            raise NassayError(
                "No candidate could be trained within the limits; see the reasons in the report, or loosen the limits."
            )
        smallest = self.space.smallest()
        measured = self.latency_ms(smallest)
        if measured is None or measured > limit:
            raise NassayError(
                f"No network that was trained keeps max_latency_ms = {limit:g} as measured, nor does the smallest of "
                "the space now. Search again while the machine has nothing else to do, or raise the limit."
            )
        self.listener.message("No network that was trained keeps the limit on latency; the smallest one is finished.")
        return [smallest]

    # The finish ----------------------------------------------------------------------------------------------------

    def _finish(self, finalists: list[Architecture]) -> Finish:
        """Train finalists, reference and random draw to the same bound."""
        self._enter("finish")
        self.finalists = finalists
        self.ledger.put("finalists", [self.evaluator.text(a) for a in finalists])
        _, reference, kept = reference_network(self.problem, self.latency_ms)
        if not kept:
            self.listener.message("The reference network breaks the limits: its narrowest form is still too large.")
        random = self.strategy.random_baseline
        jobs = list(dict.fromkeys([reference, *([random] if random else []), *finalists]))
        spent = [self._spent_seconds(a) for a in jobs]
        settings = self.ledger.decide(
            "final fidelity",
            lambda: (
                final_fidelity(
                    self.plan.minutes, spent, self.plan.workers, lambda: self._time_for_finish(jobs)
                ).__dict__
            ),
        )
        fidelity = Fidelity(**settings)
        by_need = [a for _, a in sorted(zip(spent, jobs, strict=True), key=lambda pair: pair[0])]
        records = self._evaluate([Request(a, "training", fidelity) for a in by_need], "finish")
        self._measure_front()
        order = {a: r for r in ranked(records) for a in [r.request.architecture]}
        return Finish(
            finalists=[a for a in order if a in set(finalists)],
            reference=reference,
            reference_kept=kept,
            random=random,
            fidelity=fidelity,
            records=records,
        )

    def _measure_front(self) -> None:
        """Measured latencies of the best of the search, for the Pareto front of the report."""
        trained = {r["architecture"]: r["value"] for r in of_search(self.ledger.records())}
        for text in sorted(trained, key=lambda text: -trained[text])[:FRONT]:
            remaining = self.remaining()
            if remaining is not None and remaining < self.plan.budget.reserve_seconds / 2:
                return
            self._evaluate([Request(self.space.from_string(text), "latency_ms")], "latency")

    def _time_for_finish(self, jobs: Sequence[Architecture]) -> float:
        """Wall-clock left for the final trainings: what remains less the end's own needs, and a margin."""
        remaining = self.remaining()
        assert remaining is not None
        end = self.plan.budget.reserve_seconds + self._seconds_to_test(jobs)
        return max(2.0, 0.97 * (remaining - end))

    def _seconds_to_test(self, jobs: Sequence[Architecture]) -> float:
        """About what the test of the finished networks will take, by the pace of the largest trained network."""
        records = self.ledger.records()
        macs = {r["architecture"]: r["value"] for r in records if r["estimator"] == "macs"}
        trained = [r for r in records if r["estimator"] == "training" and r["details"].get("epochs")]
        largest = max(trained, key=lambda r: macs.get(r["architecture"], 0.0), default=None)
        if largest is None or not macs.get(largest["architecture"]):
            return 0.0
        details = largest["details"]
        steps = details["epochs"] * len(self.task.train) * macs[largest["architecture"]]
        work = sum(Analytic.of(self.evaluator.spaces[a.space]).profile(a).macs for a in jobs) * self.task.test_size
        # a forward pass is a third of a training step
        return float(details["train_seconds"] / steps * work / 3 / self.plan.workers)

    def _spent_seconds(self, architecture: Architecture) -> float:
        """Training seconds that an architecture has had, by the ledger."""
        text = self.evaluator.text(architecture)
        records = [r for r in of_search(self.ledger.records()) if r["architecture"] == text]
        return max((float(r["details"].get("train_seconds", 0.0)) for r in records), default=0.0)


def _task_facts(task: Task) -> dict[str, Any]:
    """What the summary says of the data."""
    return {
        "name": task.name,
        "metric": task.metric,
        "share_of_items": task.share_of_items,
        "input_shape": list(task.input_shape),
        "classes": list(task.classes),
        "train": len(task.train),
        "validation": len(task.validation),
        "test": task.test_size,
        "notes": list(task.notes),
    }
