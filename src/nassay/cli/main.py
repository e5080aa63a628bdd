"""The command line: `nassay search | profile | score | status | report | list | bench | data | device | dps | gap`.

Every command takes `--json`: one JSON document on standard output, everything else on standard error. Torch is imported
by the commands that need it, so that `--help` is quick.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from nassay.cli.bench import bench
from nassay.cli.data import data
from nassay.cli.device import device as device_command
from nassay.cli.dps import dps
from nassay.cli.gap import gap
from nassay.cli.options import (
    EXIT_CODES,
    Device,
    ImageShape,
    InputShape,
    Json,
    Seed,
    Trainings,
    parse_shape,
    print_json,
)
from nassay.errors import NassayError, UserError

STARTED = time.perf_counter()
INTERRUPTED = 130
CONTINUED = {"search": "search", "bench": "benchmark", "dps": "search", "gap": "measurement"}
"""What a command goes on with when it is given again after an interrupt; the others begin anew."""

app = typer.Typer(
    name="nassay",
    help="Efficient neural architecture search: from a folder of images and a device limit to a trained, exported "
    "network." + "\n\n" + EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(bench, name="bench")
app.command(epilog=EXIT_CODES)(dps)
app.add_typer(data, name="data")
app.add_typer(device_command, name="device")
app.add_typer(gap, name="gap")

MaxLatency = Annotated[
    float | None,
    typer.Option(help="Limit on the median latency of one image, ONNX Runtime, one thread, in milliseconds."),
]
DeviceProfileFile = Annotated[
    Path | None,
    typer.Option(help="Profile of the device that latencies are for, from `nassay device`; this machine by default."),
]
MaxParams = Annotated[int | None, typer.Option(help="Limit on the number of parameters.")]
MaxMacs = Annotated[int | None, typer.Option(help="Limit on multiply-accumulates for one image.")]
MaxMemory = Annotated[
    int | None, typer.Option(help="Limit on weights and largest live activations for one image, in bytes.")
]


@app.command(epilog=EXIT_CODES)
def search(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A data set's name (digits), a folder with one sub-folder a class, an .npz or a .csv file; other "
            "tasks have sources of their own."
        ),
    ] = None,
    task: Annotated[str, typer.Option(help="What the network must do; see `nassay list tasks`.")] = "classification",
    space: Annotated[
        str | None,
        typer.Option(help="Search space; see `nassay list spaces`. By default the strategy's own, convnets for most."),
    ] = None,
    strategy: Annotated[str, typer.Option(help="Search strategy; see `nassay list strategies`.")] = "cascade",
    max_latency_ms: MaxLatency = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_peak_memory_bytes: MaxMemory = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Wall-clock budget for everything, export and report included. 10 if --evaluations is not given."
        ),
    ] = None,
    evaluations: Annotated[
        int | None,
        typer.Option(
            help="Train at most this many candidates; alone, and without a limit on measured latency, reproducible to "
            "the bit."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder. By default one under runs/ that belongs to this very command."),
    ] = None,
    seed: Seed = 0,
    workers: Trainings = None,
    device: Device = "auto",
    image_shape: ImageShape = None,
    adapt: Annotated[
        str,
        typer.Option(
            help="How the cascade learns which cheap scores to believe: none, influence, or dps, which also searches a "
            "few-shot proxy for this task."
        ),
    ] = "influence",
    device_profile: DeviceProfileFile = None,
    resume: Annotated[
        Path | None, typer.Option(help="Continue the study of this run folder with its own settings.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find, train and export the best small network for your images.

    Giving the same command again continues an interrupted search. The run folder then holds best/ (ONNX, PyTorch,
    weights, README), report.html, summary.json and study.sqlite.
    """
    from nassay.cli.display import Display
    from nassay.strategies.problem import Constraints
    from nassay.studies import search as job

    if (data is None) == (resume is None):
        raise UserError("Give the images, or --resume RUN_FOLDER: exactly one of them.")
    if resume is not None:
        refuse_other_options(context, "resume", "as_json")
    with Display() as display:
        if resume is not None:
            result = job.resume(resume, listener=display, started=STARTED)
        else:
            result = job.search(
                data,
                task=task,
                space=space,
                strategy=strategy,
                constraints=Constraints(max_latency_ms, max_params, max_macs, max_peak_memory_bytes),
                minutes=minutes,
                evaluations=evaluations,
                out=out,
                seed=seed,
                workers=workers,
                device=device,
                image_shape=parse_shape(image_shape) if image_shape else None,
                adapt=adapt,
                device_profile=device_profile,
                listener=display,
                started=STARTED,
            )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    from nassay.cli.tables import print_result

    print_result(result.folder, result.summary)


@app.command(epilog=EXIT_CODES)
def profile(
    space: Annotated[str, typer.Argument(help="Search space; see `nassay list spaces`.")],
    input_shape: InputShape = "3x32x32",
    classes: Annotated[int, typer.Option(help="Number of classes.")] = 10,
    max_latency_ms: MaxLatency = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_peak_memory_bytes: MaxMemory = None,
    device_profile: DeviceProfileFile = None,
    samples: Annotated[int, typer.Option(min=1, help="Random architectures to profile.")] = 200,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """What a space offers on this machine or a device: costs of its networks, and whether limits can be met."""
    from nassay.cli.profile import profile_space
    from nassay.estimators.devices.profile import DeviceProfile
    from nassay.strategies.problem import Constraints

    limits = Constraints(max_latency_ms, max_params, max_macs, max_peak_memory_bytes)
    known = DeviceProfile.load(device_profile) if device_profile else None
    found = profile_space(space, parse_shape(input_shape), classes, limits, samples=samples, seed=seed, device=known)
    if as_json:
        return print_json(found)
    from nassay.cli.tables import print_profile

    print_profile(found)


@app.command(epilog=EXIT_CODES)
def score(
    models: Annotated[
        list[str],
        typer.Argument(
            help="FILE.py:FUNCTION, a function without arguments that returns a torch module; several are ranked, too."
        ),
    ],
    input_shape: InputShape = "3x32x32",
    classes: Annotated[
        int, typer.Option(min=0, help="Number of classes for random labels; the model's outputs by default.")
    ] = 0,
    proxies: Annotated[
        str,
        typer.Option(
            help="Comma-separated names, or all; see `nassay list proxies`. With several models also nassay and az_nas."
        ),
    ] = "all",
    batch: Annotated[int, typer.Option(min=1, help="Images in the batch of noise that the proxies see.")] = 16,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Zero-cost scores and costs of your own PyTorch modules; several are ranked by scores that aggregate others."""
    from nassay.cli.score import score_models

    found = score_models(models, parse_shape(input_shape), classes, proxies, batch=batch, seed=seed)
    if as_json:
        return print_json(found)
    from nassay.cli.tables import print_scores

    print_scores(found)


@app.command(epilog=EXIT_CODES)
def status(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    as_json: Json = False,
) -> None:
    """How far a search is, running or not."""
    from nassay.cli.runs import read_status

    found = read_status(folder)
    if as_json:
        return print_json(found)
    from nassay.cli.tables import print_status

    print_status(found)


@app.command(epilog=EXIT_CODES)
def report(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    as_json: Json = False,
) -> None:
    """Write report.html again from the ledger, also of an unfinished search, and print the tables."""
    from nassay.cli.runs import rewrite_report

    path, summary = rewrite_report(folder)
    if as_json:
        return print_json({"report": str(path), **summary})
    from nassay.cli.tables import print_result

    print_result(folder, summary)


@app.command("list", epilog=EXIT_CODES)
def list_(
    noun: Annotated[str, typer.Argument(help="spaces, proxies, topologies, strategies, tasks, datasets or tables.")],
    as_json: Json = False,
) -> None:
    """What there is: spaces, proxies, topologies (scores of a graph alone), strategies, tasks, datasets or tables."""
    from nassay.cli.listing import entries_of

    found = entries_of(noun)
    if as_json:
        return print_json(found)
    from nassay.cli.tables import print_entries

    print_entries(noun, found)


def refuse_other_options(context: typer.Context, *allowed: str) -> None:
    """Check that no parameter but these was given on the command line.

    Raises:
        UserError: another one was; it would be ignored.
    """
    given = [p.opts[0] for p in context.command.params if p.name not in allowed and _was_given(context, p.name)]
    if given:
        raise UserError(
            f"--resume goes on with the settings that the run folder keeps; {', '.join(given)} would be ignored. "
            "Leave them out, or start a new search with another --out."
        )


def _was_given(context: typer.Context, name: str | None) -> bool:
    source = context.get_parameter_source(name) if name else None
    return source is not None and source.name == "COMMANDLINE"


def run() -> None:
    """Entry point of the `nassay` command: errors become one message and an exit code."""
    try:
        if app(standalone_mode=False) == INTERRUPTED:  # what typer makes of a KeyboardInterrupt
            raise KeyboardInterrupt
        sys.stdout.flush()
    except NassayError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail(_interrupted(), INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        # click's own usage errors know how to show themselves; anything else is a defect and keeps its traceback
        if not hasattr(error, "show") or not hasattr(error, "exit_code"):
            raise
        error.show()
        sys.exit(error.exit_code)


def _interrupted() -> str:
    """What an interrupt means for the command that was given."""
    begun = CONTINUED.get("".join(sys.argv[1:2]))
    return f"Interrupted. The same command continues the {begun}." if begun else "Interrupted."


def _fail(message: str, code: int) -> None:
    print(f"nassay: {message}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    run()
