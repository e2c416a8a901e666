import logging

import pytest

from pensieve import prompt_log
from pensieve.prompt.continuity import (
    MAX_CONVERSATIONS,
    MAX_THREADS,
    Continuity,
    Outline,
)

HEAD = {"tools": b"t", "system": b"s"}


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, "pensieve.prompt.continuity")
    return caplog


@pytest.fixture
def continuity():
    return Continuity(lambda ids: " ".join(map(str, ids)))


def outline(turns, starts=((0, 0),), **head):
    return Outline(HEAD | head, list(turns), list(starts))


def levels(log):
    return [record.levelname for record in log.records]


def test_a_first_prompt_extends_nothing(continuity, log):
    assert continuity.follow("s", [1, 2], outline([b"a"])) == (0, 0, "")
    assert log.messages == [
        "session s agent -: 2 prompt tokens extend 0 of the earlier 0"
    ]


def test_a_prompt_extends_the_earlier_one_with_its_answer(continuity, log):
    continuity.follow("s/explore", [1, 2], outline([b"a"]))
    continuity.answered("s/explore", [1, 2], [3, 4])
    log.clear()

    shared = continuity.follow(
        "s/explore", [1, 2, 3, 4, 5], outline([b"a", b"b", b"c"])
    )

    assert shared == (4, 4, "")
    assert log.messages == [
        "session s agent explore: 5 prompt tokens extend 4 of the earlier 4"
    ]


def test_agents_of_a_session_are_apart(continuity):
    continuity.follow("s", [1, 2], outline([b"a"]))

    assert continuity.follow("s/agent", [3], outline([b"x"])) == (0, 0, "")
    assert continuity.follow("s", [1, 2, 3], outline([b"a"])) == (2, 2, "")


@pytest.mark.parametrize(
    ("now", "field", "level"),
    [
        (outline([b"a", b"b"], tools=b"other"), "tools", "WARNING"),
        (outline([b"a", b"b"], system=b"other"), "system", "WARNING"),
        (outline([b"a", b"x", b"y"]), "messages.1", "INFO"),
        (outline([b"x"]), "messages.0", "INFO"),
        (outline([b"a"]), "messages.1", "INFO"),
        (
            outline([b"a", b"b", b"c"], [(0, 0), (1, 1), (3, 2)]),
            "messages.1",
            "WARNING",
        ),
    ],
    ids=[
        *("tools", "system", "another message", "compaction", "gone back"),
        "the same said, other tokens",
    ],
)
def test_what_broke_a_prefix_is_told(continuity, log, now, field, level):
    continuity.follow("s", [1, 2, 3], outline([b"a", b"b"]))
    log.clear()

    assert continuity.follow("s", [1, 2, 9], now) == (2, 3, field)

    assert levels(log) == ["DEBUG", level]
    assert log.messages[1:] == [
        f"session s: the prompt differs from the earlier one from token 2 on: {field}",
    ]


def test_text_is_shown_where_prompts_are_logged_and_is_marked(continuity, log):
    prompt_log.switch(True)
    try:
        continuity.follow("s", [1, 2], outline([b"a"]))
        continuity.follow("s", [3], outline([b"x"]))
    finally:
        prompt_log.switch(False)

    assert log.messages[-2:] == [
        "PROMPT TEXT: session s, token 0, now: '3'",
        "PROMPT TEXT: session s, token 0, earlier: '1 2'",
    ]


def test_a_break_is_told_once(continuity, log):
    continuity.follow("s", [1, 2], outline([b"a"]))
    continuity.follow("s", [3], outline([b"x"]))
    log.clear()
    continuity.follow("s", [3, 4], outline([b"x", b"y"]))

    assert levels(log) == ["DEBUG"]


def test_an_answer_to_an_older_prompt_is_not_added(continuity):
    continuity.follow("s", [1], outline([b"a"]))
    continuity.follow("s", [1, 2], outline([b"a"]))
    continuity.answered("s", [1], [7])
    continuity.answered("s", [8, 9], [7])

    assert continuity.follow("s", [1, 2, 3], outline([b"a"])) == (2, 2, "")


def test_requests_on_the_side_are_threads_of_their_own(continuity, log):
    """Such as Claude Code's for a title, with its own system prompt and no tools."""
    side = {"tools": b"none", "system": b"title"}
    continuity.follow("s", [1, 2], outline([b"a"]))
    assert continuity.follow("s", [7, 8], outline([b"x"], **side)) == (0, 0, "")
    continuity.answered("s", [1, 2], [3])

    assert continuity.follow("s", [1, 2, 3, 4], outline([b"a", b"b"])) == (3, 3, "")
    assert continuity.follow("s", [7, 8, 9], outline([b"x", b"y"], **side)) == (
        2,
        2,
        "",
    )
    assert set(levels(log)) == {"DEBUG"}


def test_a_conversation_has_only_so_many_threads(continuity):
    def ask(number, *more):
        head = {"tools": b"%d" % number, "system": b"%d" % number}
        return continuity.follow("s", [number, 1, *more], outline([b"a"], **head))

    for number in range(MAX_THREADS + 1):
        ask(number)

    assert ask(1, 1) == (2, 2, "")
    assert ask(0, 1) == (0, 0, "")


def test_the_oldest_conversations_are_forgotten(continuity):
    for number in range(MAX_CONVERSATIONS + 1):
        continuity.follow(f"s{number}", [1], outline([b"a"]))

    assert continuity.follow("s0", [1], outline([b"a"])) == (0, 0, "")
    assert continuity.follow(f"s{MAX_CONVERSATIONS}", [1], outline([b"a"])) == (
        1,
        1,
        "",
    )


def test_of_long_conversations_fewer_are_remembered(continuity, monkeypatch):
    monkeypatch.setattr("pensieve.prompt.continuity.MAX_TOKENS", 10)
    for name in "abc":
        continuity.follow(name, [1] * 4, outline([b"a"]))

    assert continuity.follow("b", [1] * 4, outline([b"a"])) == (4, 4, "")
    assert continuity.follow("a", [1] * 4, outline([b"a"])) == (0, 0, "")
    continuity.follow("long", [1] * 20, outline([b"a"]))
    assert continuity.follow("long", [1] * 20, outline([b"a"])) == (20, 20, "")


@pytest.mark.parametrize("place", [0, 1, 500, 998, 999])
def test_the_first_token_that_differs_is_found(continuity, place):
    ids = list(range(1000))
    continuity.follow("s", ids, outline([b"a"]))

    changed = [*ids[:place], -1 & 0xFFFF, *ids[place + 1 :]]
    assert continuity.follow("s", changed, outline([b"x"])) == (
        place,
        1000,
        "messages.0",
    )
