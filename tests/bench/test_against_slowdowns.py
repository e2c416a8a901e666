"""The builds that are made slower on purpose: what is written into their bindings."""

import importlib
import re
from pathlib import Path

import pytest

BINDINGS = sorted((Path(__file__).parents[2] / "csrc").glob("*.pyx"))


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("planted_builds").planted


@pytest.mark.parametrize("path", BINDINGS, ids=lambda path: path.stem)
def test_every_function_of_a_binding_begins_with_the_slowdown(planted, path):
    lines = planted(path.read_text()).splitlines()

    heads = [i for i, line in enumerate(lines) if re.match(r" *def ", line)]
    assert heads
    for i in heads:
        end = next(j for j in range(i, len(lines)) if lines[j].endswith(":"))
        assert lines[end + 1].strip() == "cdef Planted planted"
        assert lines[end + 2].strip() == "planted.begin()"
    assert lines.count("        Planted()") == 1


def test_nothing_else_of_a_binding_changes(planted):
    for path in BINDINGS:
        before = path.read_text().splitlines()
        after = iter(planted(path.read_text()).splitlines())
        assert all(line in after for line in before)
