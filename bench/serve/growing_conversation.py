"""A coding agent's conversation, played turn by turn against a server."""

import json
import random
import uuid
from typing import Any

from .http_worker import events_of

PROSE = "the harbour was quiet and lamps along its quay were lit one by one while"
CODE = "def return self index value for in range print import class None True not path"
MARKS = "open read write close lines = == ( ) [ ] { } : , . # error test"
WORDS = f"{PROSE} {CODE} {MARKS}".split()

TOOLS = [
    {
        "name": "Bash",
        "description": "Runs a command in a shell and returns what it printed.",
        "input_schema": {
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "What to run."},
                "timeout": {"type": "integer", "description": "In milliseconds."},
            },
            "required": ["command"],
        },
    },
    {
        "name": "Read",
        "description": "Reads a file from the disk and returns its lines, numbered.",
        "input_schema": {
            "type": "object",
            "properties": {"file_path": {"type": "string"}},
            "required": ["file_path"],
        },
    },
]
SYSTEM = "You are a careful assistant for programming. Answer briefly. " * 20
MARK = {"cache_control": {"type": "ephemeral"}}


class Conversation:
    """Requests of one session, each with all that was said before.

    Marked for caching as Claude Code does it: the system prompt and the last message.

    Args:
        seed: other conversations say other things.
        max_tokens: of each answer.
    """

    def __init__(self, seed: int, max_tokens: int) -> None:
        self._random = random.Random(seed)
        self._max_tokens = max_tokens
        self._messages: list[dict[str, Any]] = []
        self.headers = {"x-claude-code-session-id": str(uuid.uuid4())}

    def ask(self, num_words: int) -> bytes:
        """Say so many words, as the user or as the result of the last call."""
        text = self._text(num_words)
        block: dict[str, Any] = {"type": "text", "text": text}
        if self._messages:
            (call,) = [
                block
                for block in self._messages[-1]["content"]
                if block["type"] == "tool_use"
            ]
            block = {
                "type": "tool_result",
                "tool_use_id": call["id"],
                "content": [{"type": "text", "text": text}],
            }
        self._messages.append({"role": "user", "content": [block]})
        marked = {"role": "user", "content": [{**block, **MARK}]}
        return json.dumps(
            {
                "model": "claude-bench",
                "max_tokens": self._max_tokens,
                "stream": True,
                "system": [{"type": "text", "text": SYSTEM, **MARK}],
                "tools": TOOLS,
                "messages": [*self._messages[:-1], marked],
            },
            ensure_ascii=False,
        ).encode()

    def take(self, answer: bytes) -> dict[str, int]:
        """Add the answer, as clients send it back; return its usage."""
        blocks: list[dict[str, Any]] = []
        inputs: list[str] = []
        usage: dict[str, int] = {}
        for event in events_of(answer):
            match event:
                case {"type": "content_block_start", "content_block": block}:
                    blocks.append(block)
                    inputs.append("")
                case {"delta": {"type": "text_delta", "text": text}}:
                    blocks[-1]["text"] += text
                case {"delta": {"type": "input_json_delta", "partial_json": text}}:
                    inputs[-1] += text
                case {"type": "message_delta"}:
                    usage = event["usage"]
        for block, text in zip(blocks, inputs, strict=True):
            if block["type"] == "tool_use":
                block["input"] = json.loads(text)
        self._messages.append({"role": "assistant", "content": blocks})
        return usage

    def _text(self, num_words: int) -> str:
        words = (self._random.choice(WORDS) for _ in range(num_words))
        return "".join(
            word + ("\n" if self._random.random() < 0.1 else " ") for word in words
        )
