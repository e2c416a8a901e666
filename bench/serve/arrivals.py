"""One streamed answer of a server, and when each piece of it came.

Speaks Anthropic's Messages API, and OpenAI's chat completions to those that know no
other. Lines are read from the socket as they come, one thread a stream.
"""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pensieve.errors import PensieveError

Api = Literal["anthropic", "openai"]
PATHS = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions"}
SILENCE_S = 600.0
"""A server that says nothing for so long is given up."""


class Endpoint(NamedTuple):
    """Where and how a server is asked."""

    url: str
    """Without the API's path: http://127.0.0.1:7777"""
    key: str = "pensieve-local-token"
    model: str = "claude-bench"
    api: Api = "anthropic"


class Prompt(NamedTuple):
    """What is asked."""

    text: str
    system: str = ""


@dataclass
class Answer:
    """What came, in seconds after it was asked for."""

    asked_at: float
    """On `time.perf_counter`, so that answers can be laid side by side."""
    times_s: list[float] = field(default_factory=list)
    """Of each piece of text, thinking or a call."""
    input_tokens: int = 0
    """Of the whole prompt; 0: the server did not say."""
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def first_s(self) -> float:
        """Until the first piece."""
        return self.times_s[0]

    @property
    def gaps_s(self) -> list[float]:
        """Between two pieces."""
        return [b - a for a, b in itertools.pairwise(self.times_s)]

    @property
    def token_times(self) -> list[float]:
        """When each token came, on `time.perf_counter`.

        Pieces can be fewer than tokens (half characters wait): those come with the
        last. A server that does not count is taken to send one a piece.
        """
        times = [self.asked_at + each for each in self.times_s]
        return times + [times[-1]] * (self.output_tokens - len(times))


def ask(endpoint: Endpoint, prompt: Prompt, max_tokens: int) -> Answer:
    """Ask greedily and return the answer's times.

    Raises:
        PensieveError: the server refuses, breaks off, or answers nothing.
    """
    parts = urlsplit(endpoint.url)
    kind = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    connection = kind[parts.scheme](parts.netloc, timeout=SILENCE_S)
    text = json.dumps(body_of(endpoint, prompt, max_tokens))
    answer = Answer(time.perf_counter())
    try:
        path = parts.path.rstrip("/") + PATHS[endpoint.api]
        connection.request("POST", path, text, _headers(endpoint))
        with connection.getresponse() as response:
            _take(response, endpoint, answer)
    except (OSError, http.client.HTTPException) as error:
        raise PensieveError(f"{endpoint.url}: the connection broke: {error}") from error
    finally:
        connection.close()
    if not answer.times_s:
        raise PensieveError(f"{endpoint.url}: expected an answer, got one without text")
    return answer


def _take(
    response: http.client.HTTPResponse, endpoint: Endpoint, answer: Answer
) -> None:
    """Note an answer as it comes."""
    if response.status != 200:
        said = response.read(400).decode(errors="replace")
        raise PensieveError(f"{endpoint.url} answered {response.status}: {said}")
    read = _anthropic if endpoint.api == "anthropic" else _openai
    for event in _events(response):
        if read(event, answer):
            answer.times_s.append(time.perf_counter() - answer.asked_at)


def ask_together(
    endpoint: Endpoint, prompts: Sequence[Prompt], max_tokens: int
) -> list[Answer]:
    """Ask all at once, each on a connection of its own.

    Raises:
        PensieveError: one of them was refused or broke off.
    """
    answers: list[Answer] = []
    failures: list[PensieveError] = []

    def one(prompt: Prompt) -> None:
        try:
            answers.append(ask(endpoint, prompt, max_tokens))
        except PensieveError as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(prompt,)) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers


def _headers(endpoint: Endpoint) -> dict[str, str]:
    common = {"content-type": "application/json", "accept": "text/event-stream"}
    if endpoint.api == "anthropic":
        key = {"x-api-key": endpoint.key, "anthropic-version": "2023-06-01"}
    else:
        key = {"authorization": f"Bearer {endpoint.key}"}
    return common | key


def body_of(endpoint: Endpoint, prompt: Prompt, max_tokens: int) -> dict[str, Any]:
    """Return the request's body."""
    messages = [{"role": "user", "content": prompt.text}]
    body: dict[str, Any] = {
        "model": endpoint.model,
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
    }
    if endpoint.api == "anthropic":
        system = {"system": prompt.system} if prompt.system else {}
        return body | system | {"messages": messages}
    if prompt.system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    return body | {"messages": messages, "stream_options": {"include_usage": True}}


def _events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    while line := response.readline():
        data = line.removeprefix(b"data:").strip()
        if line.startswith(b"data:") and data != b"[DONE]":
            yield json.loads(data)


def _anthropic(event: dict[str, Any], answer: Answer) -> bool:
    """Note what an event says of tokens; return whether it is a piece."""
    match event:
        case {"type": "message_start", "message": {"usage": usage}}:
            answer.cached_tokens = usage.get("cache_read_input_tokens") or 0
            answer.input_tokens = (
                usage["input_tokens"]
                + answer.cached_tokens
                + (usage.get("cache_creation_input_tokens") or 0)
            )
        case {"type": "message_delta", "usage": {"output_tokens": output_tokens}}:
            answer.output_tokens = output_tokens
        case {"type": "error", "error": error}:
            raise PensieveError(f"the server sent an error: {error}")
        case {"type": "content_block_delta", "delta": {"type": kind}}:
            return bool(kind != "signature_delta")
    return False


def _openai(event: dict[str, Any], answer: Answer) -> bool:
    """Note what a chunk says of tokens; return whether it has a piece."""
    if usage := event.get("usage"):
        answer.input_tokens = usage.get("prompt_tokens") or 0
        answer.output_tokens = usage.get("completion_tokens") or 0
        details = usage.get("prompt_tokens_details") or {}
        answer.cached_tokens = details.get("cached_tokens") or 0
    if error := event.get("error"):
        raise PensieveError(f"the server sent an error: {error}")
    deltas = [choice.get("delta") or {} for choice in event.get("choices") or ()]
    kinds = ("content", "reasoning", "reasoning_content", "tool_calls")
    return any(delta.get(kind) for delta in deltas for kind in kinds)
