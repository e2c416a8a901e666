"""Turns in, short keys out that are equal where turns say the same.

White space around an answer's texts and empty ones do not count, nor does the order of
the keys in a call's input. Thinking of ours is known by its signature alone.
"""

import hashlib
import sys
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec

from pensieve.prompt.conversation import (
    PARAGRAPH,
    Conversation,
    LoadedTools,
    Part,
    Text,
    Thinking,
    ToolCall,
    Turn,
)
from pensieve.prompt.default_tools import json_text
from pensieve.prompt.offered_tools import OfferedTools
from pensieve.prompt.recent import Recent
from pensieve.prompt.turns import turns_of
from pensieve.schema import content as content_of_requests
from pensieve.schema.content import decode_block
from pensieve.schema.message import SIGNATURE_PREFIX, ContentBlock
from pensieve.schema.request import MessageParam

_Said = list[tuple[str, str]]
"""(kind, what it says) of each part of an answer, texts in a row joined."""

_KEY_BYTES = 16
_ENCODER = msgspec.json.Encoder()
"""JSON, as schemas may have integers that MessagePack has not."""


class AnswerKey(msgspec.Struct, frozen=True):
    """What names an assistant's turn."""

    whole: bytes
    without_thinking: bytes
    """Equal to `whole` where there was none."""
    without_signatures: bytes
    """Thinking named by its text: some clients lose the signature, or write another."""
    is_unique: bool
    """It has an id or a signature of its own, so no other answer has this key."""


# PERF: each turn comes back with every request, and its key takes some twenty times as
# long as to see that it is the same; bench/serve/bench_http_cpu.py
_answer_keys: Recent[bytes, AnswerKey] = Recent()
_said_keys: Recent[Hashable, bytes] = Recent()


def key_of_turn(turn: Turn) -> AnswerKey:
    """Return the key of an assistant's turn as a client sent it."""
    written = _written(turn)
    key = _answer_keys.find(written)
    if key is None:
        key = _answer_key(turn.parts)
        _answer_keys.keep(written, key, len(written))
    return key


def key_of_content(content: Iterable[ContentBlock]) -> AnswerKey:
    """Return the key that an answer given to a client will have when it is back."""
    blocks = [
        decode_block(content_of_requests.ContentBlock, msgspec.to_builtins(block))
        for block in content
    ]
    messages = [MessageParam("user", ""), MessageParam("assistant", blocks)]
    *_, turn = turns_of(messages, OfferedTools([]))
    return key_of_turn(turn)


def chain(conversation: Conversation) -> list[bytes]:
    """Return a key for each turn that names all that was said up to and with it."""
    head = (conversation.system, conversation.tools)
    digest = _digest(_ENCODER.encode(head))
    links = []
    for turn in conversation.turns:
        said = (
            key_of_turn(turn).whole if turn.role == "assistant" else _key_of_said(turn)
        )
        digest = _digest(digest + said)
        links.append(digest)
    return links


def _key_of_said(turn: Turn) -> bytes:
    """Return the key of a turn that is not the assistant's."""
    if any(isinstance(part, LoadedTools) for part in turn.parts):
        return _digest(_written(turn))
    # PERF: to find what is equal takes a twentieth of the time of a digest
    content = (turn.role, *turn.parts)
    key = _said_keys.find(content)
    if key is None:
        written = _written(turn)
        key = _digest(written)
        _said_keys.keep(content, key, len(written))
    return key


def _written(turn: Turn) -> bytes:
    return _ENCODER.encode((turn.role, [_tagged(part) for part in turn.parts]))


def head_keys(conversation: Conversation) -> dict[str, bytes]:
    """Return keys of the fields that make the head of a prompt."""
    return {
        "tools": _digest(_ENCODER.encode(conversation.tools)),
        "system": _digest(conversation.system.encode()),
    }


def _tagged(part: Part) -> tuple[str, Part]:
    return type(part).__name__, part


def _kinds_of_parts(parts: Iterable[Part]) -> Iterable[tuple[str, str]]:
    for part in parts:
        match part:
            case Text():
                yield "text", part.text
            case Thinking():
                is_ours = part.signature.startswith(SIGNATURE_PREFIX)
                text = "" if is_ours else part.text  # clients may send it back without
                yield "thinking", json_text([part.signature, text])
            case ToolCall():
                yield "call", json_text([part.id, part.name, _plain(part.input)])


def _plain(value: Any) -> Any:
    """Return a JSON value so that it is equal after a client has read and written it.

    JavaScript has no integers and writes 1.0 as 1.
    """
    match value:
        case dict():
            return {key: _plain(each) for key, each in sorted(value.items())}
        case list():
            return [_plain(each) for each in value]
        case int() if not isinstance(value, bool) and abs(value) < sys.float_info.max:
            return float(value)
    return value


def _answer_key(parts: Sequence[Part]) -> AnswerKey:
    said = _joined(_kinds_of_parts(parts))
    whole = without_thinking = without_signatures = _digest(_ENCODER.encode(said))
    if any(isinstance(part, Thinking) for part in parts):
        spoken = _joined((kind, text) for kind, text in said if kind != "thinking")
        unsigned = _joined(_kinds_of_parts(map(_unsigned, parts)))
        without_thinking = _digest(_ENCODER.encode(spoken))
        without_signatures = _digest(_ENCODER.encode(unsigned))
    return AnswerKey(
        whole=whole,
        without_thinking=without_thinking,
        without_signatures=without_signatures,
        is_unique=any(kind != "text" for kind, _ in said),
    )


def _unsigned(part: Part) -> Part:
    return Thinking(part.text, "") if isinstance(part, Thinking) else part


def _joined(kinds: Iterable[tuple[str, str]]) -> _Said:
    said: _Said = []
    for kind, text in kinds:
        if kind != "text":
            said.append((kind, text))
        elif stripped := text.strip():
            if said and said[-1][0] == "text":
                stripped = said.pop()[1] + PARAGRAPH + stripped
            said.append(("text", stripped))
    return said


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_KEY_BYTES).digest()
