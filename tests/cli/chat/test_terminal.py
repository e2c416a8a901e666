"""`pensieve chat` in a pseudo-terminal: what a person sees, and what keys do."""

import os
import re
import sys

import pytest
from cli.pty_session import PtySession, plain
from cli.stand_in_server import (
    StandIn,
    answer,
    block_start,
    delta,
    text_delta,
)
from cli.test_server import Pensieve

MARKDOWN = (
    "# Title\n\nSome **bold** text.\n\n- one\n- two\n\n```python\nx = 1\n```\n\nEnd.\n"
)

SLOW = (block_start("text") + text_delta("First.\n\nUnfin"), False)
"""The body of an answer that stops in the middle."""

HARMLESS = re.compile(r"\x1b\[(\?25[lh]|\?2004[lh]|[0-9;]*[mKABCDGJ])")
"""Colours, the cursor's moves within the answer, and a line editor's."""


@pytest.fixture
def talk(own_home):
    """Return a function that opens a chat with a stand-in server."""
    sessions = []

    def opened(*answers, **size):
        stand_in = StandIn(answers)
        running = stand_in.running()
        running.__enter__()
        session = chat(str(stand_in.port), own_home, **size)
        sessions.append((session, running))
        session.wait_for("/help says what else works.")
        session.wait_for("> ")
        return session, stand_in

    yield opened
    for session, running in sessions:
        session.__exit__()
        running.__exit__(None, None, None)


def chat(port, home, *words, **size):
    """Return `pensieve chat` in a terminal."""
    environ = {"PATH": os.environ["PATH"], "PENSIEVE_HOME": str(home)}
    command = [sys.executable, "-m", "pensieve", "chat", "--port", port, *words]
    return PtySession(command, environ, **size)


def test_an_answer_is_drawn_as_markdown_and_thinking_dimly(talk):
    thought = (
        block_start("thinking")
        + delta("thinking", "Hm, well.")
        + delta("signature", "s")
    )
    session, _ = talk((200, thought + answer(*MARKDOWN)))

    session.type("hi\r")
    seen = session.wait_for("End.") + session.wait_for("> ")
    session.type("/quit\r")

    assert session.end() == 0
    assert re.search(r"\x1b\[[0-9;]*2[0-9;]*mHm, well\.", seen)
    assert "**" not in seen
    assert "```" not in seen
    text = plain(seen)
    assert "bold" in text
    assert "• one" in text
    assert text.index("Hm, well.") < text.index("Title") < text.index("x = 1")


def test_a_long_answer_in_a_small_terminal_is_whole(talk):
    lines = [f"line {number:02}" for number in range(60)]
    text = "```text\n" + "\n".join(lines) + "\n```\n"
    session, _ = talk((200, answer(*re.findall(".{1,7}", text, re.S))), lines=8)

    session.type("hi\r")
    session.wait_for("> ")
    session.type("\x04")

    assert session.end() == 0
    # Drawn anew as it grew; printed whole once, at the end.
    last = plain(session.written).rpartition("line 00")
    assert all(line in last[2] for line in lines[1:])


def test_what_a_model_sends_moves_no_cursor_and_sets_no_title(talk):
    evil = (
        "a\x1b]0;owned\x07b\x1b[2Jc\x9b31m\r\n\n&#x202e;d\u202e\n\n"
        "[e](https://x.y/\x1b]8;;z)\n\n```\x1b[31m\n\x1b[5mf\n```\n"
    )
    session, _ = talk((200, answer(*evil)))

    session.type("hi\r")
    session.wait_for("> ")
    session.type("\x04")

    assert session.end() == 0
    rest = HARMLESS.sub("", session.written)
    assert "\x1b" not in rest
    assert not set("\x07\x9b\u202e") & set(rest)
    assert "owned" in rest
    assert "\x1b[2J" not in session.written
    assert "\x1b[5m" not in session.written


def test_ctrl_c_stops_the_answer_and_what_came_of_it_is_kept(talk):
    session, stand_in = talk((200, SLOW), (200, answer("Yes.")))

    session.type("hi\r")
    session.wait_for("Unfin")
    session.type("\x03")
    session.wait_for("(Stopped.)")
    session.wait_for("> ")
    session.type("go on\r")
    session.wait_for("Yes.")
    session.type("/quit\r")

    assert session.end() == 0
    messages = stand_in.requests[1][1]["messages"]
    assert messages[1]["content"] == [{"type": "text", "text": "First.\n\nUnfin"}]


def test_a_second_ctrl_c_ends(talk):
    session, _ = talk((200, SLOW))

    session.type("hi\r")
    session.wait_for("Unfin")
    session.type("\x03")
    session.wait_for("(Stopped.)")
    session.wait_for("> ")
    session.interrupt()

    assert session.end() == 0


def test_ctrl_c_at_the_prompt_says_how_to_end_and_a_question_forgets_it(talk):
    session, _ = talk((200, answer("Yes.")))

    session.type("unwanted")
    session.interrupt()
    session.wait_for("Ctrl-C again, or Ctrl-D, ends.")
    session.wait_for("> ")
    session.type("hi\r")
    session.wait_for("Yes.")
    session.wait_for("> ")
    session.interrupt()
    session.wait_for("Ctrl-C again, or Ctrl-D, ends.")
    session.wait_for("> ")
    session.interrupt()

    assert session.end() == 0


def test_what_is_typed_during_an_answer_is_not_seen_in_it(talk):
    session, _ = talk((200, SLOW))

    session.type("hi\r")
    session.wait_for("Unfin")
    session.type("secret\x03")
    seen = session.wait_for("(Stopped.)")

    assert "secret" not in seen


@pytest.mark.slow
def test_with_the_real_server_a_conversation_has_its_turns(tmp_path, smollm2_path):
    pensieve = Pensieve(tmp_path, smollm2_path)
    try:
        started = pensieve("start")
        assert started.returncode == 0, started.stderr
        with chat(str(pensieve.port), tmp_path, "--temperature", "0") as session:
            session.wait_for("> ")
            session.type("What is the capital of France?\r")
            session.wait_for("Paris")
            session.wait_for("\n> ")
            session.type("Count from 1 to 1000, each number on its own line.\r")
            session.wait_for("3")
            session.type("\x03")
            session.wait_for("(Stopped.)")
            session.wait_for("> ")
            session.type("/quit\r")
            assert session.end() == 0
        assert pensieve.status()["status"] == "ready"
        assert pensieve.status()["requests"]["client_left"] == 1
    finally:
        pensieve("stop")
