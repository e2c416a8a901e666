"""A recorded agent session sent again, one request after the other.

A trace file has, for each request, the time it was sent (`t`), its input and output
tokens and `hash_ids`: one id for each block of `block_size` prompt tokens, equal ids
for equal blocks; and how many tokens the tools and the system prompt are. It is the
format of the data set callanjfox/kv-cache-tester. There is no text in it: each id
stands for a text made of it, so that what the session had in common is so again.
"""

import json
import statistics
from pathlib import Path
from typing import NamedTuple

import click

from .arrivals import Endpoint, Prompt, ask
from .prompts import QUESTION, TextMaker
from .scenarios import Values, quantile

DEFAULT_DIVISOR = 16


class Request(NamedTuple):
    """One of a session."""

    blocks: list[int]
    head_size: int
    """Leading blocks that are tools and system."""
    output_tokens: int


class Trace(NamedTuple):
    """A session, in the order it was sent."""

    block_tokens: int
    requests: list[Request]


def read_trace(path: Path, num_requests: int, divisor: int) -> Trace:
    """Return a trace's first requests, their blocks so many times shorter.

    Raises:
        ClickException: it is not a trace.
    """
    try:
        trace = json.loads(path.read_text(encoding="utf-8"))
        size = trace["block_size"]
        head = (trace["tool_tokens"] + trace["system_tokens"]) // size
        sent = sorted(trace["requests"], key=lambda each: each["t"])
        requests = [
            Request(
                each["hash_ids"],
                min(head, len(each["hash_ids"])),
                each["out"],
            )
            for each in sent[:num_requests]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(
            f"{path}: expected a trace (block_size, requests with t, out and hash_ids),"
            f" got {error!r}"
        ) from error
    return Trace(max(1, size // divisor), requests)


def prompt_of(
    request: Request, texts: TextMaker, block_tokens: int, turn: int
) -> Prompt:
    """Return a request as text: its head as the system prompt."""
    written = [texts.text(block_tokens, turn, block) for block in request.blocks]
    head, rest = written[: request.head_size], written[request.head_size :]
    return Prompt(" ".join([*rest, QUESTION]), " ".join(head))


def replay(
    endpoint: Endpoint, texts: TextMaker, trace: Trace, max_tokens: int, turn: int
) -> Values:
    """Send a session and measure it; answers end after so many tokens at most."""
    waits, num_input, num_cached, total_s = [], 0, 0, 0.0
    for request in trace.requests:
        prompt = prompt_of(request, texts, trace.block_tokens, turn)
        answer = ask(endpoint, prompt, min(max_tokens, max(1, request.output_tokens)))
        waits.append(answer.first_s)
        num_input += answer.input_tokens
        num_cached += answer.cached_tokens
        total_s += answer.times_s[-1]
    waits.sort()
    values = {
        "trace.first_token.median": statistics.median(waits),
        "trace.first_token.p90": quantile(waits, 0.9),
        "trace.first_token.max": waits[-1],
        "trace.total": total_s,
    }
    if num_input:
        values["trace.cached"] = 100 * num_cached / num_input
    return values
