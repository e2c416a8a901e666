"""`pensieve chat` with lines piped in, against a stand-in server."""

import contextlib
import json

import pytest
from cli.stand_in_server import (
    StandIn,
    answer,
    block_start,
    delta,
    event,
    message_delta,
    text_delta,
)
from click.testing import CliRunner

from pensieve.cli import main

BEGUN = block_start("text") + text_delta("Wel")


@pytest.fixture
def chat():
    """Return a function that has a conversation; it returns its run and requests."""
    with contextlib.ExitStack() as stack:

        def converse(typed, answers, *words):
            stand_in = stack.enter_context(StandIn(answers).running())
            command = ["chat", "--port", str(stand_in.port), *words]
            ran = CliRunner().invoke(main, command, input=typed)
            return ran, [body for _, body in stand_in.requests]

        yield converse


def test_each_line_is_a_question_and_the_whole_conversation_goes_with_it(chat):
    answers = [(200, answer("Hello", " you.")), (200, answer("Fine."))]

    ran, (first, second) = chat("hi\n\nhow are you?\n", answers, "--max-tokens", "9")

    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "Hello you.\nFine.\n", "")
    asked = {"role": "user", "content": "hi"}
    assert first == {
        "model": "claude-local",
        "max_tokens": 9,
        "stream": True,
        "messages": [asked],
    }
    assert second["messages"] == [
        asked,
        {"role": "assistant", "content": [{"type": "text", "text": "Hello you."}]},
        {"role": "user", "content": "how are you?"},
    ]


def test_model_and_system_prompt_are_sent(chat):
    words = ("--model", "tiny", "--system", "Be brief.")

    _, (body,) = chat("hi\n", [(200, answer("Hi."))], *words)

    assert (body["model"], body["system"]) == ("tiny", "Be brief.")


def test_commands_change_the_conversation_and_are_not_sent(chat):
    typed = "one\n/system Be kind.\ntwo\n/new\n/system\nthree\n/help\n/quit\nfour\n"

    ran, bodies = chat(typed, [(200, answer("Yes."))])

    assert ran.exit_code == 0
    assert [len(body["messages"]) for body in bodies] == [1, 3, 1]
    assert [body.get("system") for body in bodies] == [None, "Be kind.", None]
    assert "/new" in ran.stderr
    assert ran.stdout == "Yes.\n" * 3


def test_an_unknown_command_is_told_and_the_conversation_goes_on(chat):
    ran, bodies = chat("/strat\nhi\n", [(200, answer("Yes."))])

    assert ran.stderr == "Error: /strat: no such command; /help lists them\n"
    assert len(bodies) == 1


def test_a_message_between_fences_has_several_lines(chat):
    typed = '"""first\n/quit\n\nlast"""\n"""one"""\n"""\nopen\n'

    _, bodies = chat(typed, [(200, answer("Yes."))])

    asked = [body["messages"][-1]["content"] for body in bodies]
    assert asked == ["first\n/quit\n\nlast", "one", "open"]


def test_thinking_goes_back_and_is_not_printed(chat):
    thought = delta("thinking", "Hm.") + delta("signature", "s")
    body = block_start("thinking") + thought + answer("Yes.")

    ran, bodies = chat("a\nb\n", [(200, body)])

    assert ran.stdout == "Yes.\nYes.\n"
    assert bodies[1]["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": "s"},
        {"type": "text", "text": "Yes."},
    ]


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        (
            (429, json.dumps({"error": {"message": "the queue is full"}})),
            "Error: the server answered 429: the queue is full\n",
        ),
        (
            (200, BEGUN + event("error", error={"message": "no"})),
            "Error: no\n",
        ),
        (
            (200, BEGUN),
            "Error: the answer broke off: the server has ended or was killed\n",
        ),
    ],
    ids=["refused", "failed", "broken off"],
)
def test_a_failure_is_one_sentence_and_the_conversation_goes_on_without_it(
    chat, failed, told
):
    ran, bodies = chat("a\nb\n", [failed, (200, answer("Yes."))])

    assert (ran.exit_code, ran.stderr) == (0, told)
    assert ran.stdout.endswith("Yes.\n")
    assert [len(body["messages"]) for body in bodies] == [1, 1]


def test_an_answer_without_text_is_not_kept(chat):
    empty = block_start("text") + message_delta("end_turn") + event("message_stop")

    _, bodies = chat("a\nb\n", [(200, empty)])

    assert [len(body["messages"]) for body in bodies] == [1, 1]


def test_an_answer_that_is_cut_says_so(chat):
    ran, _ = chat("a\n", [(200, answer("Ye", stop_reason="max_tokens"))])

    assert ran.stderr == "(Cut at 4096 tokens; --max-tokens allows more.)\n"


def test_escape_sequences_of_model_and_server_do_not_reach_the_terminal(chat):
    refusal = json.dumps({"error": {"message": "\x1b]0;title\x07"}})

    ran, _ = chat("a\nb\n", [(200, answer("\x1b[2J\u202e")), (400, refusal)])

    assert ran.stdout == "\\x1b[2J\\u202e\n"
    assert ran.stderr == "Error: the server answered 400: \\x1b]0;title\\x07\n"


def test_bytes_that_are_no_text_do_not_end_it(chat):
    _, (body,) = chat(b"caf\xe9\n", [(200, answer("Yes."))])

    assert body["messages"][0]["content"] == "caf\ufffd"


def test_without_a_server_the_way_to_start_one_is_told(unused_tcp_port):
    ran = CliRunner().invoke(main, ["chat", "--port", str(unused_tcp_port)], input="")

    assert ran.exit_code == 1
    assert "`pensieve start` starts the server" in ran.stderr
