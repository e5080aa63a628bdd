"""`nassay bench proxies | zero-shot | search`: proxies and strategies held against tabular benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

from nassay.cli.options import EXIT_CODES, Dataset, Json, Processes, Seed, Table, print_json

bench = typer.Typer(
    help="Hold zero-cost proxies and search strategies against the trained accuracies of tabular benchmarks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Proxies = Annotated[str, typer.Option(help="Comma-separated names, or all; params, macs and random are always there.")]
Fast = Annotated[bool, typer.Option("--fast", help="Show networks fewer inputs and less depth.")]
Out = Annotated[Path | None, typer.Option(help="Run folder. By default one under runs/ for this benchmark.")]


@bench.command(epilog=EXIT_CODES)
def proxies(
    table: Table,
    dataset: Dataset = None,
    sample: Annotated[int | None, typer.Option(min=3, help="Random architectures; by default all of them.")] = None,
    seed: Seed = 0,
    proxies: Proxies = "all",
    out: Out = None,
    workers: Processes = None,
    fast: Fast = False,
    as_json: Json = False,
) -> None:
    """How well does each proxy rank a benchmark, over all architectures and among the best ones?

    Kendall's tau and Spearman's rho with intervals, the architecture that each proxy picks and its regret, coverage and
    price, with published figures beside. The run folder then holds report.html, summary.json, proxies.csv, scores.csv
    and every score in study.sqlite: the same command continues, and pays for nothing twice.
    """
    from nassay.cli.display import Display
    from nassay.studies.proxy_bench import bench_proxies

    with Display() as display:
        result = bench_proxies(
            table,
            dataset,
            sample=sample,
            seed=seed,
            proxies=proxies,
            out=out,
            workers=workers,
            fast=fast,
            listener=display,
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    from nassay.cli.bench_output import print_bench

    print_bench(result.folder, result.summary)


@bench.command("zero-shot", epilog=EXIT_CODES)
def zero_shot(
    sample: Annotated[
        int, typer.Option(min=3, help="Random architectures of each, or all where there are fewer.")
    ] = 1000,
    seed: Seed = 0,
    proxies: Proxies = "all",
    out: Annotated[Path, typer.Option(help="Run folder, with a folder for each benchmark in it.")] = Path(
        "runs/zero-shot"
    ),
    workers: Processes = None,
    fast: Fast = False,
    as_json: Json = False,
) -> None:
    """The protocol of the zero-shot review (arXiv:2307.01998) on all tables at hand, and its findings with our figures.

    Every proxy against every data set of every table: over all architectures, among the best 5 %, its pick, its price,
    and what it picks within a budget of multiply-accumulates.
    """
    from nassay.cli.display import Display
    from nassay.studies.zero_shot import bench_zero_shot

    with Display() as display:
        result = bench_zero_shot(
            sample=sample, seed=seed, proxies=proxies, out=out, workers=workers, fast=fast, listener=display
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    from nassay.cli.bench_output import print_zero_shot

    print_zero_shot(result.folder, result.summary)


@bench.command(epilog=EXIT_CODES)
def search(
    table: Table,
    dataset: Dataset = None,
    strategies: Annotated[
        str, typer.Option(help="Comma-separated names, see `nassay list strategies`; random is always there.")
    ] = "random,local_search,evolution",
    seeds: Annotated[int, typer.Option(min=1, help="Races of each strategy.")] = 30,
    evaluations: Annotated[int, typer.Option(min=4, help="Whole trainings that a race may pay for.")] = 200,
    simulate_time: Annotated[
        bool, typer.Option("--simulate-time", help="Judge by simulated training seconds, too.")
    ] = False,
    scores: Annotated[
        Path | None,
        typer.Option(help="Run folder of `nassay bench proxies` with zero-cost scores; else published ones."),
    ] = None,
    out: Out = None,
    workers: Processes = None,
    as_json: Json = False,
) -> None:
    """Race search strategies on a benchmark: its recorded trainings are replayed, so that thirty seeds take seconds.

    Strategies see the validation metric; the test metric decides about the curve of the incumbent's regret. The run
    folder then holds report.html, summary.json, curves.csv and every race in study.sqlite: the same command continues,
    and another strategy races alone.
    """
    from nassay.cli.display import Display
    from nassay.studies.arena_bench import bench_search

    with Display() as display:
        result = bench_search(
            table,
            dataset,
            strategies=strategies,
            seeds=seeds,
            evaluations=evaluations,
            simulate_time=simulate_time,
            scores=scores,
            out=out,
            workers=workers,
            listener=display,
        )
    if as_json:
        return print_json({"folder": str(result.folder), **result.summary})
    from nassay.cli.bench_output import print_arena

    print_arena(result.folder, result.summary)
