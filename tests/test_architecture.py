"""The imports of the code are those that docs/architecture.md allows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "kollias_affect"
OPEN = {"__init__", "tasks", "_checks", "_lazy", "_untrusted"}  # to every room


def allowed_imports():
    """Dict from a room to the set of rooms that it may import, in the order of the page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("<!-- allowed imports -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", table, re.MULTILINE)
    return {room: set(re.findall(r"`(\w+)`", rooms)) for room, rooms in rows}


def room_of(module):
    """The room of a dotted module name below `kollias_affect`."""
    return [*module.split("."), "__init__"][1]


def imported_modules(path):
    """Dotted names of the modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "kollias_affect":
            rooms = {p.stem for p in PACKAGE.iterdir()}
            names = [f"kollias_affect.{a.name}" for a in node.names if a.name in rooms]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports from the package's root."
            names = [node.module]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "kollias_affect")


def actual_imports():
    """Dict from a room to the set of other rooms that its files import."""
    imports = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        rooms = {room_of(name) for name in imported_modules(path)} - OPEN - {room}
        imports.setdefault(room, set()).update(rooms)
    return {room: rooms for room, rooms in imports.items() if room not in {"__main__", *OPEN}}


def test_imports_are_those_of_the_table():
    allowed, actual = allowed_imports(), actual_imports()
    assert set(allowed) == set(actual)
    for room, rooms in actual.items():
        assert rooms == allowed[room], room


def test_no_room_imports_a_room_below_it_in_the_table():
    """The table is in the order of the layers, so that there are no circles."""
    earlier = set()
    for room, rooms in allowed_imports().items():
        assert rooms <= earlier, room
        earlier.add(room)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_private_names_stay_in_their_module(path):
    """No module imports a name that begins with an underscore from another module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kollias_affect."):
            private = [a.name for a in node.names if a.name.startswith("_")]
            modules = {p.stem for p in path.parent.iterdir()}
            assert set(private) <= modules, f"{path}: {private} of {node.module}"
