"""One small registry for every noun: names to things, with the facts that `nassay list` and the docs print.

Registering is a convenience for the command line; every registered class or function works without it.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from nassay.errors import UserError

T = TypeVar("T")
F = TypeVar("F")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered thing: its name, the thing itself, one sentence, and its noun's own facts."""

    name: str
    target: T
    summary: str
    info: dict[str, Any]


class Registry(Generic[T]):
    """Named things of one noun.

    Args:
        noun: what the things are, as it reads in messages ("space", "proxy").
        modules: modules whose import registers the built-in things; imported on the first look-up.

    Third parties add things through the entry-point group `nassay.<noun>`; each entry point names a module or
    object whose import registers them.
    """

    def __init__(self, noun: str, modules: tuple[str, ...] = ()) -> None:
        self.noun = noun
        self._modules = modules
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False

    def register(self, name: str, **info: Any) -> Callable[[F], F]:
        """Decorator: register a class or function under `name`; its docstring's first line is the summary.

        Raises:
            ValueError: the name is taken.
        """

        def add(target: F) -> F:
            if name in self._entries:
                raise ValueError(f"{self.noun} {name!r} is registered twice")
            summary = (target.__doc__ or "").strip().split("\n")[0]
            self._entries[name] = Entry(name, target, summary, info)  # type: ignore[arg-type]
            return target

        return add

    def __getitem__(self, name: str) -> Entry[T]:
        """The entry called `name`.

        Raises:
            UserError: no such name; the three nearest are suggested.
        """
        self._load()
        if name not in self._entries:
            raise UserError(unknown_name(self.noun, name, self._entries))
        return self._entries[name]

    def __iter__(self) -> Iterator[Entry[T]]:
        self._load()
        return iter([self._entries[name] for name in self.names()])

    def __contains__(self, name: str) -> bool:
        self._load()
        return name in self._entries

    def names(self) -> list[str]:
        """All names, sorted: the order of imports must not show."""
        self._load()
        return sorted(self._entries)

    def _load(self) -> None:
        if self._loaded:
            return
        for module in self._modules:
            import_module(module)
        for point in entry_points(group=f"nassay.{self.noun}"):
            point.load()
        self._loaded = True


def unknown_name(noun: str, name: str, known: Any) -> str:
    """The message for an unknown name: the nearest three, then all of them."""
    names = [str(k) for k in known]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"There is no {noun} called {name!r}.{hint} Known: {', '.join(names)}."
