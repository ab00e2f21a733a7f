"""README and docs are true: code runs, commands and names exist, links lead to files."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

import kollias_affect
from kollias_affect.cli import main, options

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
# Moves are listed by their old names.
CURRENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
NEEDS_DATA = "<!-- needs data"
BLOCK = re.compile(r"(<!-- [^\n]* -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROOMS = "|".join(room for room in dir(kollias_affect) if not room.startswith("_"))
NAME = re.compile(rf"(?<![\w./-])((?:{ROOMS})(?:\.[A-Za-z_]\w*)+)(?!\w*[/(]?\.(?:md|csv|png))")
FILE_ENDINGS = (".md", ".csv", ".npz", ".png", ".py", ".json", ".keras", ".log", ".txt")


def blocks(page, language):
    """Pairs of code and whether it needs data, for each block of a language on a page."""
    for note, name, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        if name == language:
            yield code, note.startswith(NEEDS_DATA)


def python_blocks():
    for page in CURRENT:
        for number, (code, needs_data) in enumerate(blocks(page, "python"), start=1):
            name = f"{page.relative_to(ROOT)}-{number}"
            yield pytest.param(code, needs_data, id=name)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory, eager_functions):
    """A folder in which all blocks run, so that they share the synthetic clips that they make."""
    return tmp_path_factory.mktemp("workshop")


@pytest.mark.parametrize(("code", "needs_data"), list(python_blocks()))
def test_python_block_runs(code, needs_data, workshop, monkeypatch):
    compiled = compile(code, "<block>", "exec")
    if needs_data:
        return  # its names are checked below
    monkeypatch.chdir(workshop)
    exec(compiled, {"__name__": "__main__"})


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_call_of_fit_makes_keras_warn_about_shuffle(page):
    """Keras shuffles arrays only, and warns for batches unless `shuffle=False` is passed."""
    for code, _ in blocks(page, "python"):
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        for call in calls:
            name = ast.unparse(call.func)
            if name.endswith(".fit") and not name.endswith(("Centroids.fit", "Grid.fit")):
                assert "shuffle" in [k.arg for k in call.keywords], ast.unparse(call)


def commands():
    """Each line of a block of shell that calls `kollias-affect`."""
    for page in CURRENT:
        for code, _ in blocks(page, "sh"):
            for line in code.replace("\\\n", " ").splitlines():
                line = line.split("  #")[0].strip()
                line = re.sub(r"^.*&& (?=\S*kollias-affect)", "", line)
                program, *arguments = shlex.split(line, comments=True) or [""]
                if Path(program).name == "kollias-affect":
                    yield pytest.param(arguments, id=f"{page.stem}: {line[:60]}")


@pytest.mark.parametrize("arguments", list(commands()))
def test_command_of_a_page_is_understood(arguments, monkeypatch):
    """Its subcommand, options and number of arguments exist; nothing is run."""
    # The files of the reader are not here.
    monkeypatch.setattr(type(options.EXISTING), "convert", lambda self, value, *_: Path(value))
    monkeypatch.setattr(type(options.MODEL), "convert", lambda self, value, *_: value)
    command, context = main, click.Context(main, info_name="kollias-affect")
    rest = main.make_parser(context).parse_args(list(arguments))[1]
    while isinstance(command, click.Group) and rest:
        command = command.get_command(context, rest[0])
        assert command is not None, f"{rest[0]} is no command"
        rest, context = rest[1:], click.Context(command, parent=context)
    command.make_context(command.name, rest, parent=context.parent, resilient_parsing=False)


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: str(page.relative_to(ROOT)))
def test_names_of_a_page_exist(page):
    names = set(NAME.findall(page.read_text(encoding="utf-8")))
    for name in sorted(name for name in names if not name.endswith(FILE_ENDINGS)):
        assert exists(name), name


def exists(name):
    """Whether a dotted name below the package exists; modules are imported on the way."""
    thing, path = kollias_affect, "kollias_affect"
    for part in name.split("."):
        path = f"{path}.{part}"
        try:
            thing = getattr(thing, part)
        except AttributeError:
            try:
                thing = importlib.import_module(path)
            except ImportError:
                return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_every_room_is_in_the_api_reference():
    pages = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "api").glob("*.md"))
    documented = set(re.findall(r"^::: kollias_affect\.(\S+)$", pages, re.MULTILINE))
    assert set(kollias_affect._MODULES) <= documented
