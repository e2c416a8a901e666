"""What is read from servers: made-up ones that send what each API sends."""

import http.server
import json
import threading

import pytest
from pensieve.bench.serve.arrivals import Endpoint, Prompt, ask, ask_together

from pensieve.errors import PensieveError

USAGE = {"input_tokens": 5, "cache_read_input_tokens": 40}
ANTHROPIC = [
    {"type": "message_start", "message": {"usage": USAGE}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
    {"type": "content_block_delta", "delta": {"type": "thinking_delta"}},
    {"type": "content_block_delta", "delta": {"type": "signature_delta"}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}},
    {"type": "content_block_delta", "delta": {"type": "input_json_delta"}},
    {"type": "message_delta", "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
OPENAI = [
    {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"delta": {"content": "a"}}]},
    {"choices": [{"delta": {"reasoning": "b"}}]},
    {"choices": [{"delta": {}, "finish_reason": "length"}]},
    {
        "choices": [],
        "usage": {
            "prompt_tokens": 45,
            "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 40},
        },
    },
]


class StandIn(http.server.BaseHTTPRequestHandler):
    """Sends its server's events, and keeps what it was asked."""

    def do_POST(self):
        size = int(self.headers["content-length"])
        self.server.asked.append((self.path, json.loads(self.rfile.read(size))))
        self.server.keys.append(
            self.headers["x-api-key"] or self.headers["authorization"]
        )
        self.send_response(self.server.status)
        self.end_headers()
        for event in self.server.events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b": a comment\n\ndata: [DONE]\n\n")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def stand_in():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.status, server.events, server.asked, server.keys = 200, ANTHROPIC, [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_pieces_are_text_thinking_and_calls(stand_in):
    answer = ask(Endpoint(stand_in.url, "k"), Prompt("hello", "be"), 9)

    assert len(answer.times_s) == 3
    assert answer.times_s == sorted(answer.times_s)
    assert len(answer.gaps_s) == 2
    assert (answer.input_tokens, answer.cached_tokens) == (45, 40)
    assert answer.output_tokens == len(answer.token_times) == 7
    ((path, body),) = stand_in.asked
    assert path == "/v1/messages"
    assert (body["max_tokens"], body["stream"], body["system"]) == (9, True, "be")
    assert stand_in.keys == ["k"]


def test_openais_api_is_spoken_to_those_that_know_no_other(stand_in):
    stand_in.events = OPENAI
    endpoint = Endpoint(stand_in.url, "k", "m", "openai")

    answer = ask(endpoint, Prompt("hello", "be"), 9)

    assert len(answer.times_s) == 2
    assert (answer.input_tokens, answer.cached_tokens) == (45, 40)
    assert answer.output_tokens == 2
    ((path, body),) = stand_in.asked
    assert path == "/v1/chat/completions"
    assert [each["role"] for each in body["messages"]] == ["system", "user"]
    assert body["model"] == "m"
    assert stand_in.keys == ["Bearer k"]


def test_a_refusal_is_told(stand_in):
    stand_in.status = 429

    with pytest.raises(PensieveError, match="answered 429"):
        ask(Endpoint(stand_in.url), Prompt("hello"), 9)


def test_an_error_in_the_stream_is_told(stand_in):
    error = {"type": "error", "error": {"type": "overloaded_error"}}
    stand_in.events = [*ANTHROPIC[:6], error]

    with pytest.raises(PensieveError, match="overloaded_error"):
        ask(Endpoint(stand_in.url), Prompt("hello"), 9)


def test_an_answer_without_text_is_told(stand_in):
    stand_in.events = ANTHROPIC[:2]

    with pytest.raises(PensieveError, match="got one without text"):
        ask(Endpoint(stand_in.url), Prompt("hello"), 9)


def test_nobody_there_is_told(stand_in):
    with pytest.raises(PensieveError, match="the connection broke"):
        ask(Endpoint("http://127.0.0.1:1"), Prompt("hello"), 9)


def test_many_are_asked_at_once(stand_in):
    prompts = [Prompt(str(i)) for i in range(5)]

    answers = ask_together(Endpoint(stand_in.url), prompts, 9)

    assert len(answers) == 5
    asked = {body["messages"][0]["content"] for _, body in stand_in.asked}
    assert asked == {"0", "1", "2", "3", "4"}


def test_one_refusal_of_many_is_told(stand_in):
    stand_in.status = 500

    with pytest.raises(PensieveError, match="answered 500"):
        ask_together(Endpoint(stand_in.url), [Prompt("a"), Prompt("b")], 9)
