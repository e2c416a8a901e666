"""SECURITY.md: each promise has a test, and each test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = [line for line in TEXT.splitlines() if line.startswith("* **")]
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda line: line.split("**")[1])
def test_a_promise_names_its_tests(promise):
    _, dash, tests = promise.partition(" — ")

    assert dash
    assert re.fullmatch(r"(`tests/[\w/]+\.py(::\w+)?`(, )?)+", tests)


@pytest.mark.parametrize(("path", "name"), NAMED, ids="::".join)
def test_a_named_test_is_there(path, name):
    source = (ROOT / path).read_text(encoding="utf-8")

    assert re.search(rf"^(async )?def {name or 'test_'}", source, re.MULTILINE)
