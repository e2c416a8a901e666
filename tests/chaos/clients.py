"""Clients that ask, read, leave in the middle, ask again, and check what they get."""

import functools
import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from chaos.duration import BOUND_S
from conformance.message_shape import ShapeError, check_message
from conformance.sse_grammar import read_stream

HEADERS = {"x-api-key": "pensieve-local-token", "anthropic-version": "2023-06-01"}
MAX_SILENCE_S = 60.0
"""A stream has pings every ten seconds."""


class WrongAnswerError(Exception):
    """Not what was asked for, or not in time."""


def whole(base_url, request):
    """Return the content of an answer that is not streamed."""
    with httpx.Client(base_url=base_url, timeout=BOUND_S) as http:
        answer = http.post("/v1/messages", json=request, headers=HEADERS)
    if answer.status_code != 200:
        raise WrongAnswerError(f"status {answer.status_code}: {answer.text}")
    check_message(answer.json())
    return answer.json()["content"]


def streamed(base_url, request, leave_after=None):
    """Return the content of a streamed answer; None: it was left in the middle.

    Args:
        leave_after: bytes after which the connection is closed.
    """
    deadline = time.monotonic() + BOUND_S
    received = b""
    with (
        httpx.Client(base_url=base_url, timeout=MAX_SILENCE_S) as http,
        http.stream(
            "POST", "/v1/messages", json=request | {"stream": True}, headers=HEADERS
        ) as answer,
    ):
        if answer.status_code != 200:
            body = answer.read().decode()
            raise WrongAnswerError(f"status {answer.status_code}: {body}")
        for piece in answer.iter_bytes():
            received += piece
            if leave_after is not None and len(received) > leave_after:
                return None
            if time.monotonic() > deadline:
                raise WrongAnswerError(f"no end after {BOUND_S} s: {received[-300:]!r}")
    try:
        return read_stream(received)["content"]
    except ShapeError as error:
        raise WrongAnswerError(f"{error}: {received[-500:]!r}") from error


def essence(content):
    """Return what of an answer's content is the same each time: all but ids."""
    return [
        {k: v for k, v in block.items() if k not in ("id", "signature")}
        for block in content
    ]


class Client(threading.Thread):
    """Asks one question after the other until told to stop.

    Args:
        undisturbed: the essence of each question's answer.
        may_differ: called with a question and two essences that differ; says whether
            that is nothing but rounding.
    """

    def __init__(self, base_url, questions, undisturbed, may_differ, dice) -> None:
        super().__init__(daemon=True)
        self.failures: list[str] = []
        self.num_answers = 0
        self.num_left = 0
        self.longest_s = 0.0
        self._base_url = base_url
        self._questions = questions
        self._undisturbed = undisturbed
        self._may_differ = may_differ
        self._dice = dice
        self._is_over = threading.Event()

    def stop(self) -> None:
        self._is_over.set()

    def run(self) -> None:
        while not self._is_over.is_set():
            name = self._dice.choice(sorted(self._questions))
            begun_at = time.monotonic()
            try:
                content = self._asked(self._questions[name])
            except (WrongAnswerError, httpx.HTTPError, ShapeError) as error:
                self.failures.append(f"{name}: {type(error).__name__}: {error}")
                continue
            self.num_answers += 1
            self.longest_s = max(self.longest_s, time.monotonic() - begun_at)
            got, wanted = essence(content), self._undisturbed[name]
            if got != wanted and not self._may_differ(name, wanted, got):
                self.failures.append(
                    f"{name}: expected {json.dumps(wanted)}, got {json.dumps(got)}"
                )

    def _asked(self, request):
        how = self._dice.random()
        if how < 0.2:
            return whole(self._base_url, request)
        if how < 0.5:
            self.num_left += 1
            content = streamed(self._base_url, request, self._dice.randrange(4000))
            if content is not None:  # it was over before
                return content
        return streamed(self._base_url, request)


def ask_all(base_url, questions):
    """Return the essence of the answer to each question."""
    with ThreadPoolExecutor() as threads:
        answers = threads.map(functools.partial(streamed, base_url), questions.values())
        return {
            name: essence(answer)
            for name, answer in zip(questions, answers, strict=True)
        }


def crowd(size, seed, *arguments):
    """Return started clients, each with choices of its own."""
    clients = [Client(*arguments, random.Random(f"{seed} {i}")) for i in range(size)]
    for client in clients:
        client.start()
    return clients
