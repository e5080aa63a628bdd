"""The public names, and that nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nassay

HEAVY = {"torch", "sklearn", "scipy", "onnx", "onnxruntime", "plotly", "sqlalchemy"}


@pytest.mark.parametrize("name", nassay.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(nassay, name)
    assert isinstance(thing, str) if name == "__version__" else thing.__doc__


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(nassay.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {alias.name: node.module for node in block.body for alias in node.names}
    assert homes == {name: f"nassay.{home}" for name, home in nassay._HOMES.items()}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'nassay' has no attribute 'serach'"):
        nassay.serach  # noqa: B018


def imported_by(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after running some code."""
    report = "import sys; print(); print(*{name.partition('.')[0] for name in sys.modules})"
    source = str(Path(nassay.__file__).parents[1])
    command = f"import sys; sys.path.insert(0, {source!r})\n{code}\n{report}"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_import_loads_nothing_heavy() -> None:
    assert not HEAVY & imported_by("import nassay; nassay.__version__; nassay.UserError")


@pytest.mark.parametrize("command", ["nassay --help", "nassay search --help"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = f"""
from nassay.cli.main import run
sys.argv = {command.split()!r}
try:
    run()
except SystemExit as leave:
    assert not leave.code
"""
    loaded = imported_by(code)
    assert "typer" in loaded
    assert not HEAVY & loaded
