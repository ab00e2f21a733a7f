"""The table of `docs/robustness.md` names tests that exist, for every kind of fault."""

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \|[^|]+\|[^|]+\|([^|]+)\|$", re.MULTILINE)


@functools.cache
def tests_of(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_kind_of_fault_has_tests_that_exist():
    rows = dict(ROW.findall((ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")))
    assert list(rows) == [str(number) for number in range(1, 20)]
    for number, text in rows.items():
        names = re.findall(r"`([^`]+)::(test_\w+)`", text)
        assert names and len(names) == text.count("`") // 2, number
        for file, name in names:
            assert name in tests_of(file), (number, file, name)
