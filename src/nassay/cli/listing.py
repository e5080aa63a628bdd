"""`nassay list`: the registries as plain data."""

from typing import Any

from nassay.errors import UserError
from nassay.registry import Registry, unknown_name


def entries_of(noun: str) -> list[dict[str, Any]]:
    """Name, summary and facts of every registered thing of a noun.

    Raises:
        UserError: an unknown noun.
    """
    registries = _registries()
    if noun not in registries:
        raise UserError(unknown_name("list", noun, registries))
    return [{"name": e.name, "summary": e.summary, **_plain(e.info)} for e in registries[noun]]


def _registries() -> dict[str, Registry[Any]]:
    from nassay.estimators.proxies import proxies
    from nassay.estimators.tables.base import tables
    from nassay.estimators.topology import topologies
    from nassay.spaces.base import spaces
    from nassay.strategies.base import strategies
    from nassay.tasks.base import tasks
    from nassay.tasks.datasets import datasets

    return {
        "spaces": spaces,
        "proxies": proxies,
        "topologies": topologies,
        "strategies": strategies,
        "tasks": tasks,
        "datasets": datasets,
        "tables": tables,
    }


def _plain(info: dict[str, Any]) -> dict[str, Any]:
    """The facts that are for people: texts, numbers, sets of words and shapes; objects of the code are left out."""
    plain: dict[str, Any] = {}
    for key, value in info.items():
        if isinstance(value, str | int | float):
            plain[key] = value
        elif isinstance(value, frozenset):
            plain[key] = sorted(value)
        elif key == "shape":
            plain[key] = list(value)
    return plain
