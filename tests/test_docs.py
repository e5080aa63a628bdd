"""The documents say what the code does: their code runs, their tables agree, generated pages are up to date."""

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from nassay.cli.main import app
from nassay.spaces.base import spaces
from nassay.strategies.problem import Constraints
from nassay.studies.ledger import Ledger, tables
from nassay.studies.plan import Plan
from nassay.studies.summary import summarize

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
CONTRACTS = {"plain": "test_spaces.py", "knas": "test_proxies.py", "hill_climbing": "test_strategies.py"}
"""The examples for contributors, and the contract that each keeps."""


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading: {first cell without marks: the other cells}."""
    section = (DOCS / page).read_text("utf-8").split(f"# {heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return {first.replace("`", "").strip(): [c.strip() for c in cells] for first, *cells in rows[2:]}


def nassay_commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of every `nassay ...` line in the shell blocks."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            yield from (
                (page.name, line.split("#")[0].strip()) for line in block.splitlines() if line.startswith("nassay ")
            )


def leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words, command) of everything that can be run at a command or below it."""
    if not hasattr(command, "commands"):
        yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from leaves(below, (*words, name))


LEAVES = {words: leaf for name, command in COMMANDS.items() for words, leaf in leaves(command, (name,))}


def options_of(*words: str) -> set[str]:
    """The options of a command, or of all commands of a group."""
    found = [leaf for known, leaf in LEAVES.items() if known == words[: len(known)] or known[: len(words)] == words]
    return {o for one in found for p in one.params for o in p.opts if o.startswith("--")}


# Code ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["estimators.md", "spaces.md", "tables.md"])
def test_the_code_of_a_page_runs(page: str) -> None:
    found = blocks(DOCS / page, "python")
    assert found
    for code in found:
        exec(compile(code, page, "exec"), {})


@pytest.fixture(scope="module")
def contribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of CONTRIBUTING.md in a tree of their own, which the installed package is extended by."""
    tree = tmp_path_factory.mktemp("contribution")
    examples = []
    for code in blocks(ROOT / "CONTRIBUTING.md", "python"):
        path = tree / code.split("\n", 1)[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, "utf-8")
        if path.is_relative_to(tree / "src"):
            examples.append(".".join(path.relative_to(tree / "src").with_suffix("").parts))
    write_conftest(tree / "conftest.py", "".join(_extension(tree, name) for name in examples))
    write_conftest(tree / "tests" / "conftest.py")
    assert [name.rpartition(".")[2] for name in examples] == list(CONTRACTS)
    return tree


def _extension(tree: Path, name: str) -> str:
    """Code that lets an installed package find one more module, and imports it; nassay has none of this name."""
    package = name.rpartition(".")[0]
    folder = str(tree / "src" / package.replace(".", "/"))
    return (
        f"import {package}\n{package}.__path__.append({folder!r})\nimport {name}\n"
        f"assert {name}.__file__.startswith({folder!r}), {name}.__file__\n"
    )


def write_conftest(path: Path, text: str | None = None) -> None:
    """A conftest; by default the one of this repository, with the toy space and the oracle."""
    path.parent.mkdir(exist_ok=True)
    path.write_text((ROOT / "tests" / "conftest.py").read_text("utf-8") if text is None else text, "utf-8")


def run_pytest(tree: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_for_contributors_pass_their_tests(contribution: Path) -> None:
    assert "4 passed" in run_pytest(contribution, "tests")


@pytest.mark.slow
@pytest.mark.parametrize("example", CONTRACTS)
def test_the_examples_for_contributors_keep_the_contracts(contribution: Path, example: str) -> None:
    write_conftest(contribution / "contracts" / "conftest.py")
    path = contribution / "contracts" / CONTRACTS[example]
    path.write_text((ROOT / "tests" / "contracts" / path.name).read_text("utf-8"), "utf-8")
    assert " passed" in run_pytest(contribution, str(path), "-k", example)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_readme_searches_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks(ROOT / "README.md", "python")
    assert "minutes=3" in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("minutes=3", "minutes=1"), "README.md", "exec"), {})


# Commands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "line"), list(nassay_commands()))
def test_a_command_line_uses_options_that_exist(page: str, line: str) -> None:
    words = line.split()[1:3]
    assert tuple(words) in LEAVES or tuple(words[:1]) in LEAVES, page
    assert set(re.findall(r"--[a-z][a-z-]+", line)) <= options_of(*words), page


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_every_command_takes_json(words: tuple[str, ...]) -> None:
    assert "--json" in options_of(*words)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_commands_names_every_option_and_no_other(command: str) -> None:
    text = (DOCS / "commands.md").read_text("utf-8")
    section = text.split(f"\n## nassay {command}\n", 1)[1].split("\n## ", 1)[0]
    known = options_of(command) - {"--json", "--help"}
    assert known <= set(re.findall(r"`(--[a-z-]+)`", section))
    assert set(re.findall(r"--[a-z][a-z-]+", section)) <= known | {"--json"}


def test_the_readme_has_every_command() -> None:
    named = {line.split()[1] for page, line in nassay_commands() if page == "README.md"}
    assert named == set(COMMANDS)


# Tables --------------------------------------------------------------------------------------------------------------


def test_every_space_has_a_section() -> None:
    text = (DOCS / "spaces.md").read_text("utf-8")
    assert set(spaces.names()) == set(re.findall(r"^## (\w+)$", text, re.MULTILINE))


def test_an_architecture_that_the_page_of_spaces_shows_is_one() -> None:
    shown = re.findall(r"`((?:mobile|resnet):[^`.]+|\|[^`]+\|)`", (DOCS / "spaces.md").read_text("utf-8"))
    assert len(shown) == 3
    for text in shown:
        space = spaces["nb201" if text.startswith("|") else text.split(":")[0]].target()
        assert space.to_string(space.from_string(text)) == text


def test_the_summary_s_keys_are_listed(tmp_path: Path) -> None:
    plan = Plan("digits", "classification", "mobile", "random", Constraints(), None, 4, 0, 1, 1, "cpu")
    ledger = Ledger.in_folder(tmp_path)
    listed = {key.strip() for first in table("run_folder.md", "summary.json") for key in first.split(",")}
    assert listed == set(summarize(ledger, plan))
    ledger.close()


def test_the_ledger_s_tables_are_listed() -> None:
    listed = {name: re.findall(r"`(\w+)`", cells[0]) for name, cells in table("run_folder.md", "The ledger").items()}
    assert listed == {name: list(found.columns.keys()) for name, found in tables.tables.items()}


# Pages ---------------------------------------------------------------------------------------------------------------


def test_the_list_of_methods_is_up_to_date() -> None:
    script = runpy.run_path(str(DOCS / "make_methods.py"))
    assert (DOCS / "methods.md").read_text("utf-8") == script["page"](script["RESULTS"])


def test_measurements_of_methods_are_read_from_results(tmp_path: Path) -> None:
    script = runpy.run_path(str(DOCS / "make_methods.py"))
    (tmp_path / "a.json").write_text(json.dumps({"screen": {}}))
    (tmp_path / "b.json").write_text(json.dumps({"methods": {"proxy/zen": {"result": "tau 0.3", "command": "run me"}}}))
    table = {"title": "Elsewhere", "note": "On boards.", "head": ["proxy", "board"], "rows": [["zen", ".5"]]}
    (tmp_path / "c.json").write_text(json.dumps({"method_tables": [table]}))
    page = script["page"](tmp_path)
    (line,) = [x for x in page.splitlines() if x.startswith("| `zen`")]
    assert line.endswith("| tau 0.3 (`run me`) |")
    assert "## Elsewhere\n\nOn boards.\n\n| proxy | board |\n| --- | --- |\n| zen | .5 |\n" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            found = (page.parent / path).resolve() if path else page
            assert found.exists(), target
            headings = re.findall(r"^#+ (.+)$", found.read_text("utf-8"), re.MULTILINE) if anchor else []
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert not anchor or anchor in anchors, target


def test_every_benchmark_is_described() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text("utf-8")
    assert all(path.name in text for path in (ROOT / "benchmarks").glob("*.py"))
