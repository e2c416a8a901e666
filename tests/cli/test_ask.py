"""`pensieve ask` against a loopback server that says what a test wants said."""

import contextlib
import json

import pytest
from cli.stand_in_server import StandIn, event, message_delta, text_delta
from click.testing import CliRunner

from pensieve.cli import main


@pytest.fixture
def server():
    """Return what serves a status and a body; it keeps the requests that came."""
    with contextlib.ExitStack() as stack:

        def serve(status, body):
            stand_in = stack.enter_context(StandIn([(status, body)]).running())
            return stand_in.port, stand_in.requests

        yield serve


def ask(port, *arguments, stdin=None):
    """Run `pensieve ask`."""
    return CliRunner().invoke(main, ["ask", "--port", str(port), *arguments], stdin)


def test_the_text_is_printed_and_nothing_else(server):
    port, requests = server(
        200,
        event("message_start", message={})
        + event("ping")
        + text_delta("Hello")
        + text_delta(" you")
        + message_delta("end_turn")
        + event("message_stop"),
    )

    options = ("--system", "Be brief.", "--max-tokens", "5", "--temperature", "0.5")
    done = ask(port, "hi", *options)

    assert (done.exit_code, done.stdout, done.stderr) == (0, "Hello you\n", "")
    headers, body = requests[0]
    assert headers["x-api-key"] == "pensieve-local-token"
    assert body == {
        "model": "claude-local",
        "max_tokens": 5,
        "stream": True,
        "system": "Be brief.",
        "temperature": 0.5,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_a_dash_reads_the_question_from_stdin(server):
    port, requests = server(200, event("message_stop"))

    ask(port, "-", stdin="two\nlines")

    assert requests[0][1]["messages"][0]["content"] == "two\nlines"


def test_the_key_of_ones_own_is_sent(server, monkeypatch):
    port, requests = server(200, event("message_stop"))
    monkeypatch.setenv("PENSIEVE_API_KEY", "a-key-of-my-own")

    ask(port, "hi")

    assert requests[0][0]["x-api-key"] == "a-key-of-my-own"


def test_an_answer_cut_by_max_tokens_says_so_on_stderr(server):
    port, _ = server(
        200, text_delta("a") + message_delta("max_tokens") + event("message_stop")
    )

    done = ask(port, "hi", "--max-tokens", "1")

    assert (done.exit_code, done.stdout) == (0, "a\n")
    assert done.stderr == "(Cut at 1 tokens; --max-tokens allows more.)\n"


def test_escape_sequences_do_not_reach_the_terminal(server):
    port, _ = server(200, text_delta("a\x1b[2Jb\x9bc\td\n") + event("message_stop"))

    assert ask(port, "hi").stdout == r"a\x1b[2Jb\x9bc" + "\td\n\n"


def test_an_error_in_the_stream_is_told_after_what_came_before(server):
    port, _ = server(
        200,
        text_delta("so far")
        + event("error", error={"type": "api_error", "message": "It went wrong."}),
    )

    failed = ask(port, "hi")

    assert (failed.exit_code, failed.stdout) == (1, "so far\n")
    assert failed.stderr == "Error: It went wrong.\n"


def test_a_stream_that_breaks_off_is_told_of(server):
    port, _ = server(200, text_delta("so f"))

    failed = ask(port, "hi")

    assert failed.exit_code == 1
    assert "the answer broke off" in failed.stderr


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            401,
            json.dumps({"type": "error", "error": {"message": "invalid x-api-key"}}),
            "Error: the server answered 401: invalid x-api-key\n",
        ),
        (502, "<html>", "Error: the server answered 502: <html>\n"),
    ],
)
def test_a_refusal_is_told_with_its_status(server, status, body, message):
    port, _ = server(status, body)

    failed = ask(port, "hi")

    assert (failed.exit_code, failed.stderr) == (1, message)


def test_without_a_server_the_way_to_start_one_is_told(unused_tcp_port):
    failed = ask(unused_tcp_port, "hi")

    assert failed.exit_code == 1
    assert failed.stderr == (
        f"Error: nothing answers at http://127.0.0.1:{unused_tcp_port}:"
        " `pensieve start` starts the server\n"
    )
