"""`nassay score`: zero-cost scores of the user's own modules."""

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nassay.errors import UserError
from nassay.estimators.analytic import profile
from nassay.estimators.proxies import Batch, proxies, score
from nassay.estimators.topology import entry_of, topologies
from nassay.estimators.topology import score as score_topology
from nassay.studies.bench_rows import AGGREGATES, direction, to_score

ALONE = "it ranks a set of networks: give several models"


def score_models(
    models: Sequence[str], input_shape: tuple[int, int, int], classes: int, names: str, *, batch: int, seed: int
) -> dict[str, Any]:
    """Costs and scores of one module, as `score_model` gives them; of several also the aggregates, which rank them.

    Args:
        models: each `FILE.py:FUNCTION`.
        input_shape: (C, H, W) of one image.
        classes: for random labels; 0 for the model's number of outputs.
        names: of proxies, topology-only scores and aggregates, with commas between them, or "all".
        batch: images in the batch of noise.
        seed: of every random draw.

    Raises:
        UserError: see `score_model`.
    """
    given = [*AGGREGATES] if names == "all" else [n.strip() for n in names.split(",")]
    aggregates = [name for name in given if name in AGGREGATES]
    parts = names if names == "all" else ",".join(to_score(given))
    found = [score_model(model, input_shape, classes, parts, batch=batch, seed=seed) for model in models]
    if len(models) > 1:
        return {"models": found, "ranking": {name: _aggregated(name, found) for name in aggregates}}
    if names != "all":
        found[0]["scores"] |= {n: {"value": None, "reason": ALONE, "seconds": 0.0, "direction": 1} for n in aggregates}
    return found[0]


def _aggregated(name: str, found: Sequence[dict[str, Any]]) -> list[float | None]:
    """An aggregate of every model, larger is better."""
    columns = []
    for member in AGGREGATES[name].members:
        values = [one["scores"][member]["value"] for one in found]
        columns.append([None if v is None else v * direction(member) for v in values])
    return AGGREGATES[name].combine(columns)


def score_model(
    model: str, input_shape: tuple[int, int, int], classes: int, names: str, *, batch: int, seed: int
) -> dict[str, Any]:
    """Costs and proxy scores of the module that `FILE.py:FUNCTION` returns, on a batch of noise.

    Raises:
        UserError: the file, the function or the module it returns is not usable.
    """
    network = load_model(model)
    everything = (*proxies.names(), *topologies.names())
    wanted = everything if names == "all" else [n.strip() for n in names.split(",")]
    entries = {name: entry_of(name) for name in wanted}
    found = _outputs(network, input_shape)
    outputs = classes or _number_of_outputs(found)
    counts = profile(network, input_shape)
    of_network = [name for name in entries if name not in topologies]
    scores = score(network, Batch.noise(input_shape, outputs, batch, seed), of_network, seed=seed)
    scores |= score_topology(network, [name for name in entries if name in topologies])
    return {
        "model": model,
        "input_shape": list(input_shape),
        "params": counts.params,
        "macs": counts.macs,
        "peak_memory_bytes": counts.peak_memory_bytes,
        "batch": batch,
        "seed": seed,
        "scores": {
            name: {
                "value": scores[name].value,
                "reason": scores[name].reason,
                "seconds": round(scores[name].seconds, 4),
                "direction": entry.info["direction"],
            }
            for name, entry in entries.items()
        },
    }


def load_model(text: str) -> nn.Module:
    """Run `FILE.py` and call its `FUNCTION`; `text` is `FILE.py:FUNCTION`.

    Raises:
        UserError: no such file or function, it raises, or it returns something else than a module.
    """
    file, _, function = text.rpartition(":")
    if not file or not Path(file).is_file():
        raise UserError(f"A model is given as FILE.py:FUNCTION; there is no file {file or text!r}.")
    try:
        names = runpy.run_path(file)
        if function not in names:
            known = [n for n, v in names.items() if callable(v) and not n.startswith("_")]
            raise UserError(f"{file} has no function {function!r}; it has {', '.join(known) or 'none'}.")
        network = names[function]()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        raise UserError(f"{text} raised {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{text} must return a torch.nn.Module, it returned {type(network).__name__}.")
    return network


def _outputs(network: nn.Module, input_shape: tuple[int, int, int]) -> Any:
    """What the network makes of one image of zeros; its mode is left as it was."""
    was_training = network.training
    try:
        with torch.inference_mode():
            return network.eval()(torch.zeros(1, *input_shape))
    except Exception as error:
        shape = "x".join(map(str, input_shape))
        raise UserError(f"The model does not take one {shape} image: {type(error).__name__}: {error}") from error
    finally:
        network.train(was_training)


def _number_of_outputs(outputs: Any) -> int:
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2:
        raise UserError("The model must return one (batch, outputs) tensor; give --classes if it has no such output.")
    return int(outputs.shape[1])
