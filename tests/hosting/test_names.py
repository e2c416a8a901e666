"""Which model a request's name means."""

import pytest

from pensieve.errors import NotFoundError
from pensieve.hosting.names import Names

NAMES = Names(
    ["main", "small", "claude-own"],
    {
        "claude-haiku-*": "small",
        "claude-haiku-5-5": "main",
        "claude-h*": "claude-own",
        "gpt": "small",
        "main-*": "small",
    },
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("main", "main"),
        ("small", "small"),
        ("claude-own", "claude-own"),
        ("gpt", "small"),
        ("claude-haiku-4-5", "small"),
        ("claude-haiku-", "small"),
        ("claude-haiku-5-5", "main"),  # of several aliases the longest
        ("claude-haiku", "claude-own"),
        ("claude-opus-5-5", "main"),
        ("claude-", "main"),
        ("main-1", "small"),
    ],
)
def test_a_name_means_a_model(name, meant):
    assert NAMES.meant(name) == meant


@pytest.mark.parametrize("name", ["", "gpt-4", "Main", "claude", "smal", "haiku"])
def test_a_name_that_none_has_is_not_found_and_told_with_those_there_are(name):
    with pytest.raises(NotFoundError) as raised:
        NAMES.meant(name)

    assert str(raised.value).startswith("model: expected main, small, claude-own, ")
    assert str(raised.value).endswith(f"or any claude-… name, got {name}")


def test_a_model_s_own_name_beats_an_alias_that_covers_it():
    assert Names(["main", "claude-x"], {"claude-*": "main"}).meant("claude-x") == (
        "claude-x"
    )
