"""`nassay device`: profiles of devices, to search for the device that the network will run on."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nassay.cli.options import EXIT_CODES, Json, Seed, check_writable, parse_shape, print_json

device = typer.Typer(
    help="Profiles of devices: measured here, or on a board by a script that needs ONNX Runtime and NumPy only."
    + "\n\n"
    + EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)

SpaceName = Annotated[str, typer.Option("--space", help="Search space; see `nassay list spaces`.")]
InputShape = Annotated[str, typer.Option("--input", help="CxHxW of one image, as in the search.")]
Out = Annotated[Path, typer.Option(help="File to write the profile to.")]
Name = Annotated[str, typer.Option(help="What to call the device; the machine's own name by default.")]
Sources = Annotated[
    list[Path] | None,
    typer.Option(
        "--source", help="Profile of another device, once for each; then ten networks are enough, no operators."
    ),
]


@device.command(epilog=EXIT_CODES)
def measure(
    space: SpaceName = "convnets",
    input_shape: InputShape = "3x32x32",
    out: Out = Path("mydevice.json"),
    name: Name = "",
    threads: Annotated[int, typer.Option(min=1, help="Threads inside an operation.")] = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Build the latency profile of this machine; some minutes, best while it has nothing else to do."""
    from nassay.cli.display import Display
    from nassay.spaces.base import spaces
    from nassay.studies.device_kit import measure_here
    from nassay.studies.plan import write_atomically

    check_writable(out)
    target = spaces[space].target(parse_shape(input_shape), 10)
    with Display() as display:
        profile = measure_here(target, seed=seed, name=name, threads=threads, listener=display)
    write_atomically(out, profile.text())
    _tell(profile, out, as_json)


@device.command(epilog=EXIT_CODES)
def kit(
    out: Annotated[Path, typer.Option(help="Folder to write, then copied to the device.")],
    space: SpaceName = "convnets",
    input_shape: InputShape = "3x32x32",
    source: Sources = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a folder that measures another device: a script, the models that it times, and what to do."""
    from nassay.cli.display import Display
    from nassay.estimators.devices.profile import DeviceProfile
    from nassay.spaces.base import spaces
    from nassay.studies.device_kit import write_kit

    target = spaces[space].target(parse_shape(input_shape), 10)
    sources = [DeviceProfile.load(path) for path in source or []]
    with Display() as display:
        counts = write_kit(out, target, seed=seed, sources=sources, listener=display)
    if as_json:
        return print_json({"folder": str(out), **counts})
    typer.echo(f"{out} written. Copy it to the device; its README.txt says what to do there.", err=True)


@device.command(epilog=EXIT_CODES)
def fit(
    profile: Annotated[Path, typer.Argument(help="File that the device's script has written.")],
    out: Annotated[Path | None, typer.Option(help="File to write, errors included; the same by default.")] = None,
    as_json: Json = False,
) -> None:
    """Check a file that was brought back from a device: fit its models, print their errors and write them into it."""
    from nassay.estimators.devices.profile import DeviceProfile
    from nassay.studies.plan import write_atomically

    found = DeviceProfile.load(profile)
    check_writable(out or profile)
    write_atomically(out or profile, found.text())
    _tell(found, out or profile, as_json)


def _tell(profile: Any, path: Path, as_json: bool) -> None:
    """The device and its models' errors on standard output."""
    from nassay.reports.formats import percent

    energy = profile.energy
    if as_json:
        return print_json(
            {
                "path": str(path),
                "device": profile.form["device"],
                "space": profile.form["space"],
                "input_shape": list(profile.input_shape),
                "operators": len(profile.form["operators"]),
                "networks": len(profile.form["networks"]),
                "latency_error": asdict(profile.latency.error),
                "noise": profile.noise,
                "energy_error": energy and asdict(energy.error),
                "energy_reason": profile.form["energy"]["reason"],
            }
        )
    facts = profile.form["device"]
    typer.echo(f"{profile.name}: {facts['processor']}, {facts['runtime']}, {facts['threads']} thread(s)")
    typer.echo(f"Latency: {_error(asdict(profile.latency.error))}.")
    if profile.noise is not None:
        load = facts["load_average"]
        busy = f" The load was {load[0]:.1f} on {facts['cores']} cores." if load else ""
        typer.echo(f"Measured twice, networks differ by {percent(profile.noise)} on average.{busy}")
    reason = profile.form["energy"]["reason"]
    typer.echo(f"Energy: {_error(asdict(energy.error))}." if energy else f"Energy: unavailable, {reason}.")
    typer.echo(f"{path} written. Search for this device with --device-profile {path} --max-latency-ms LIMIT.")


def _error(error: dict[str, Any]) -> str:
    """A model's error in words."""
    from nassay.reports.formats import digits, percent

    rho = "" if error["spearman"] is None else f"Spearman {digits(error['spearman'])}, "
    return (
        f"mean error {percent(error['mape'])}, {rho}{percent(error['within_10'])} of predictions within 10 %, on "
        f"{error['n']} networks that the model was not fitted to"
    )
