"""Plays conversations with the tiny model: its template, its tokenizer, the engine."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.drawn import greedy_draws

from pensieve.engine.generation.decoding import Row
from pensieve.engine.generation.generator import Generator
from pensieve.engine.weights.load import load
from pensieve.models.files import describe
from pensieve.prompt.template_sandbox import TemplateSandbox
from pensieve.prompt.tokenizer import Tokenizer, open_backend

PREFILL_CHUNK = 2048

Message = dict[str, Any]

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)


class Player:
    """The loaded model and what makes its prompts."""

    def __init__(self, path: Path) -> None:
        description = describe(path)
        source = description.chat_template or ""
        self._sandbox = TemplateSandbox()
        self._template = self._sandbox.compile_template(source)
        self.end_token_ids = description.end_token_ids
        self.tokenizer = Tokenizer(
            open_backend(description), source, self.end_token_ids
        )
        self.model = load(path).model

    def rendered(
        self, messages: list[Message], tools: list[Any] | None = None, **variables
    ) -> str:
        """Return the prompt's text; a client's text is not marked."""
        given = {"messages": messages, "tools": tools, "add_generation_prompt": True}
        return self._sandbox.run(self._template, given | variables)

    def encoded(self, *args, **variables) -> list[int]:
        return self.tokenizer.encode(self.rendered(*args, **variables))

    def text(self, token_ids: Sequence[int]) -> str:
        return self.tokenizer.backend.decode(token_ids, skip_special_tokens=False)

    def answer(
        self, token_ids: list[int], max_tokens: int = 6000, chunk: int = PREFILL_CHUNK
    ) -> list[int]:
        """Return what the model generates, without the end token."""
        (answer,) = self.answers([token_ids], max_tokens, chunk)
        return answer

    def answers(
        self, prompts: list[list[int]], max_tokens: int, chunk: int = PREFILL_CHUNK
    ) -> list[list[int]]:
        """Return the answers to prompts that are decoded in one batch."""
        generator: Generator[int] = Generator(self.model)
        for i, prompt in enumerate(prompts):
            row = Row(i, max_tokens, self.end_token_ids, greedy_draws())
            generator.insert(row, prompt)
        while waiting := generator.prompts():
            key, num_tokens = next(iter(waiting.items()))
            generator.prefill(key, min(chunk, num_tokens))
        answers: list[list[int]] = [[] for _ in prompts]
        while step := generator.decode():
            for token in step:
                if token.finish_reason != "end_token":
                    answers[token.key].append(token.token_id)
        return answers


def message_of(answer: str) -> Message:
    """Return an answer as the template takes it back: text, thinking, calls."""
    thinking, _, said = answer.rpartition("</think>")
    calls = [json.loads(call) for call in _CALL.findall(said)]
    return {
        "role": "assistant",
        "content": said.partition("<tool_call>")[0].strip("\n"),
        "reasoning_content": thinking.removeprefix("<think>"),
        "tool_calls": [{"function": call} for call in calls],
    }
