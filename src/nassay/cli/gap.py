"""`nassay gap fidelity | supernet`: how far cheaper ways to judge networks are from the truth, on your own images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nassay.cli.options import EXIT_CODES, Device, ImageShape, Json, Seed, Trainings, parse_shape, print_json

gap = typer.Typer(
    help="Measure on your own images how far a cheap way to judge networks is from the truth.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Images = Annotated[
    str,
    typer.Argument(help="A data set's name (digits), a folder with one sub-folder a class, an .npz or a .csv file."),
]
Minutes = Annotated[
    float | None, typer.Option(help="Begin no training after this much wall-clock; by default all is trained.")
]
Out = Annotated[
    Path | None, typer.Option(help="Run folder. By default one under runs/ for these images, space and seed.")
]


@gap.command(epilog=EXIT_CODES)
def fidelity(
    data: Images,
    space: Annotated[str, typer.Option(help="Search space; see `nassay list spaces`.")] = "convnets",
    networks: Annotated[int, typer.Option(min=3, help="Random networks to train at every setting.")] = 20,
    fidelities: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated reduced settings, such as c2r0s0e8: each step of c (channels), r (resolution) and s "
            "(samples) halves the price, e are epochs. By default eight settings at a quarter and a fifteenth of the "
            "default reference's price."
        ),
    ] = None,
    reference: Annotated[str, typer.Option(help="The setting whose ranking counts as the truth.")] = "c0r0s0e30",
    minutes: Minutes = None,
    out: Out = None,
    seed: Seed = 0,
    workers: Trainings = None,
    device: Device = "auto",
    image_shape: ImageShape = None,
    as_json: Json = False,
) -> None:
    """Which shorter training ranks networks as the long one does, and for how much less?

    Trains random networks on your images at each reduced setting and at the reference; prints the rank consistency
    with intervals, and the price. The same command goes on where it was stopped; other settings or more networks pay
    only for what is new. The run folder then holds report.html, summary.json and study.sqlite.
    """
    from nassay.cli.display import Display
    from nassay.studies.fidelity_gap import FIDELITIES, measure_fidelities

    with Display() as display:
        result = measure_fidelities(
            data,
            space=space,
            networks=networks,
            fidelities=fidelities.split(",") if fidelities else FIDELITIES,
            reference=reference,
            minutes=minutes,
            out=out,
            seed=seed,
            workers=workers,
            device=device,
            image_shape=parse_shape(image_shape) if image_shape else None,
            listener=display,
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    _print(result.folder, result.summary)


@gap.command(epilog=EXIT_CODES)
def supernet(
    data: Images,
    space: Annotated[str, typer.Option(help="A search space that has a super-network.")] = "cell64",
    method: Annotated[
        str, typer.Option(help="How super-networks are trained: spos, fairnas, darts, gdas, beta_darts, manas, ...")
    ] = "spos",
    architectures: Annotated[int, typer.Option(min=4, help="Architectures to train alone, and to look at.")] = 64,
    seeds: Annotated[int, typer.Option(min=1, help="Super-networks to train.")] = 3,
    epochs: Annotated[float, typer.Option(help="Of a stand-alone training.")] = 10.0,
    supernet_epochs: Annotated[float, typer.Option(help="Of a super-network's training.")] = 40.0,
    window: Annotated[int, typer.Option(min=0, help="Mini-batches after which everything is looked at again.")] = 16,
    minutes: Minutes = None,
    out: Out = None,
    seed: Seed = 0,
    workers: Trainings = None,
    device: Device = "auto",
    image_shape: ImageShape = None,
    as_json: Json = False,
) -> None:
    """How far are the accuracies that a super-network's sub-networks inherit from what they reach alone?

    Trains random architectures alone with two seeds, and super-networks with several; prints the level gap, the rank
    gap with its interval and its ceiling, the stability over seeds, epochs and mini-batches, the fairness of updates.
    The same command goes on where it was stopped. The run folder then holds report.html, summary.json and study.sqlite.
    """
    from nassay.cli.display import Display
    from nassay.studies.supernet_gap import measure_supernet

    with Display() as display:
        result = measure_supernet(
            data,
            space=space,
            method=method,
            architectures=architectures,
            seeds=seeds,
            epochs=epochs,
            supernet_epochs=supernet_epochs,
            window=window,
            minutes=minutes,
            out=out,
            seed=seed,
            workers=workers,
            device=device,
            image_shape=parse_shape(image_shape) if image_shape else None,
            listener=display,
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    _print_supernet(result.folder, result.summary)


def _print_supernet(folder: Path, summary: dict[str, Any]) -> None:
    """The measures, each with what it means."""
    from rich.table import Table
    from rich.text import Text

    from nassay.cli.tables import wide_console
    from nassay.reports.supernet_tables import supernet_rows, supernet_title

    console = wide_console()
    table = Table(title=supernet_title(summary), title_justify="left")
    for heading in ("measure", "value", "what it is"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for row in supernet_rows(summary):
        table.add_row(*row)
    console.print(table)
    console.print(Text(f"Files: {folder}/report.html, summary.json, study.sqlite"))


def _print(folder: Path, summary: dict[str, Any]) -> None:
    """The table, how to read it, and what it says."""
    from rich.table import Table
    from rich.text import Text

    from nassay.cli.tables import wide_console
    from nassay.reports.fidelity_tables import HEADINGS, fidelity_cells, fidelity_notes, fidelity_title

    console = wide_console()
    table = Table(title=fidelity_title(summary), title_justify="left")
    for i, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if i else "left", no_wrap=True)
    for row in summary["rows"]:
        table.add_row(*fidelity_cells(row, summary["reference"]))
    console.print(table)
    for note in fidelity_notes(summary):
        console.print(Text(note))
    for sentence in summary["findings"]:
        console.print(Text(f"• {sentence}"))
    console.print(Text(f"Files: {folder}/report.html, summary.json, study.sqlite"))
