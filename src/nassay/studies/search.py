"""The main job as one function: data in, a trained and exported network out."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from nassay.errors import NassayError, StudyStoppedError, UserError
from nassay.estimators.devices.onnx_latency import LatencyEstimator
from nassay.estimators.devices.profile import DeviceProfile
from nassay.spaces.base import Architecture
from nassay.strategies.base import strategies
from nassay.strategies.problem import Constraints, Problem, with_limits
from nassay.studies.executors import threads_each, usable_cores
from nassay.studies.ledger import Ledger
from nassay.studies.listener import Listener
from nassay.studies.outcome import Outcome, Result, write_summary_and_report
from nassay.studies.plan import PLAN, Plan, claim, locked, read_plan, refuse_foreign
from nassay.studies.study import Study
from nassay.studies.summary import summarize, write_results
from nassay.tasks.base import Task, task_from, tasks

DEFAULT_MINUTES = 10.0


def search(
    data: Any,
    *,
    task: str = "classification",
    space: str | None = None,
    strategy: str = "cascade",
    constraints: Constraints | dict[str, float] | None = None,
    minutes: float | None = None,
    evaluations: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    device: str = "auto",
    image_shape: tuple[int, int, int] | None = None,
    adapt: str = "influence",
    device_profile: str | Path | None = None,
    listener: Listener | None = None,
    started: float | None = None,
) -> Result:
    """Find, train and export the best network of a space for these images, inside limits and budget.

    Giving the same arguments again continues a study that was interrupted, and returns one that is finished.

    Args:
        data: a data set's name (`digits`), a path (folder of class folders, `.npz`, `.csv`), a pair of arrays (images,
            labels), a torch Dataset of (image, label), or a Task; other tasks have sources of their own.
        task: name of the task; a Task as data has its own.
        space: name of the search space; by default the strategy's own, `convnets` for most.
        strategy: name of the search strategy.
        constraints: limits, such as `{"max_latency_ms": 4, "max_params": 500_000}`.
        minutes: wall-clock budget for everything, export and report included; 10 if `evaluations` is not given either.
        evaluations: at most this many candidates are trained; alone, and without a measured limit on latency (a
            device's profile is fine), it makes the study reproducible to the bit.
        out: run folder; by default one under `runs/` that belongs to these arguments.
        seed: of every random draw.
        workers: parallel trainings; the number of cores by default, one on CUDA.
        device: `auto`, `cpu` or `cuda`.
        image_shape: (C, H, W) to convert images to; None lets the data decide.
        adapt: how the cascade learns which cheap sources to believe: `none` believes all alike, `influence` weighs each
            by how it orders what was trained, `dps` also searches a few-shot proxy for this very task.
        device_profile: file of `nassay device`; latencies are then that device's, by a model, not this machine's.
        listener: hears of progress.
        started: `time.perf_counter()` at which the budget began; now by default.

    Raises:
        UserError: bad input, an unknown name, or limits that no network of the space meets (`InfeasibleError`).
        StudyBusyError: another process works on the run folder.
        StudyStoppedError: the system stopped the study; it can be continued.
    """
    started = time.perf_counter() if started is None else started
    if minutes is None and evaluations is None:
        minutes = DEFAULT_MINUTES
    device = _device(device)
    workers = workers if workers is not None else (1 if device != "cpu" else usable_cores())
    profile = DeviceProfile.load(Path(device_profile)) if device_profile is not None else None
    plan = Plan(
        source=data if isinstance(data, str) else str(data) if isinstance(data, Path) else "arrays",
        task=data.name if isinstance(data, Task) else task,
        space=space or strategies[strategy].target.default_space,
        strategy=strategy,
        constraints=with_limits(constraints),
        minutes=minutes,
        evaluations=evaluations,
        seed=seed,
        workers=workers,
        threads=threads_each(workers, usable_cores()) if workers > 0 else 1,
        device=device,
        image_shape=image_shape,
        adapt=adapt,
        device_profile=profile.identity if profile else None,
    )
    loaded = task_from(data, task=task, seed=seed, image_shape=image_shape)
    folder = Path(out) if out is not None else plan.default_folder()
    if not (folder / PLAN).exists():
        refuse_foreign(folder)
        check_reachable(plan, loaded, profile)
    with locked(folder):
        claim(folder, plan, loaded, profile)
        return _run(folder, plan, loaded, listener or Listener(), started)


def resume(folder: str | Path, *, listener: Listener | None = None, started: float | None = None) -> Result:
    """Continue the study of a run folder with the settings and the data that the folder keeps.

    Raises:
        UserError: the folder holds no study.
        StudyBusyError: another process works on it.
        StudyStoppedError: the system stopped the study; it can be continued.
    """
    started = time.perf_counter() if started is None else started
    folder = Path(folder)
    plan = read_plan(folder)
    with locked(folder):
        task = tasks[plan.task].target.load(folder / "task")
        return _run(folder, plan, task, listener or Listener(), started)


def check_reachable(plan: Plan, task: Task, device: DeviceProfile | None = None) -> None:
    """Ask the strategy whether it can search the space, and compare the limits with its smallest network.

    Called before anything is written.

    Args:
        plan: of the study.
        task: for its shape and number of outputs.
        device: whose profile answers for the latency; None to measure it on this machine.

    Raises:
        InfeasibleError: it breaks them; the message has the smallest reachable values.
        UserError: the strategy cannot search the space, or the device's profile is of another space or input.
    """
    space = task.space(plan.space)
    strategies[plan.strategy].target.check_space(space)
    if device is not None:
        device.check_fits(space)
    if not plan.constraints.any:
        return
    latency = LatencyEstimator(space) if device is None else device.estimator(space)

    def latency_ms(architecture: Architecture) -> float:
        estimate = latency.estimate([architecture])[0]
        if estimate.value is None:
            raise UserError(f"The limit on latency can't be checked here: {estimate.reason}. Search without it.")
        return estimate.value

    Problem(space, plan.constraints).check_reachable(latency_ms)


def _run(folder: Path, plan: Plan, task: Task, listener: Listener, started: float) -> Result:
    with closing(Ledger.in_folder(folder)) as ledger:
        if ledger.get("state") == "finished":
            listener.message(f"{folder} holds this study, finished. Give another --out to run it again.")
            summary = summarize(ledger, plan)
            write_results(folder, summary, ledger)
            return Result(folder, summary)
        ledger.put("state", "running")
    for note in task.notes:
        listener.message(note)
    with Study(folder, plan, task, listener, started=started) as study:
        try:
            return Outcome(study, study.search()).write()
        except UserError:
            raise
        except (NassayError, KeyboardInterrupt):
            _write_what_there_is(study)
            raise
        except OSError as error:
            raise StudyStoppedError(
                f"The system stopped the study in {folder}: {error}. Check free space and write permission, then give "
                "the same command again; finished evaluations are kept."
            ) from error


def _write_what_there_is(study: Study) -> None:
    """Summary and report of a study that stops; a disk that is full must not hide why it stops."""
    try:
        write_summary_and_report(study, finished=False)
    except (StudyStoppedError, OSError) as error:
        study.listener.message(f"There is no report of what was done: {error}")


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise UserError(f"device must be auto, cpu or cuda, found {name!r}.")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device is cuda, but torch sees no CUDA device here. Use --device cpu.")
    return name
