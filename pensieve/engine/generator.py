"""Prompts in, tokens out, by mlx-lm's batches: prefill one prompt, decode them all.

The two halves of mlx-lm's BatchGenerator, without its policy: there a decode step and a
chunk of every prompt are one call, which hands out the tokens of the former only after
the latter. Here the caller orders them. Each prompt is prefilled by itself, so nothing
is padded, and joins the decoding batch when it is complete. Model thread only.
"""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.generate import GenerationBatch, PromptProcessingBatch, StopSequences
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.sampling import BatchSampler, greedy

CLEAR_INTERVAL = 512
"""Decode steps after which MLX's free buffers are given back, as mlx-lm does."""

Key = TypeVar("Key")
FinishReason = Literal["end_token", "max_tokens"]

_FINISH_REASONS: dict[str | None, FinishReason | None] = {
    None: None,
    "stop": "end_token",
    "length": "max_tokens",
}


@dataclass
class Token(Generic[Key]):
    """One sequence's part of a decode step."""

    key: Key
    token_id: int
    finish_reason: FinishReason | None


@dataclass
class _Prompt:
    batch: PromptProcessingBatch  # of one sequence
    token_ids: list[int]  # those that are not in its cache yet, >= 1


class Generator(Generic[Key]):
    """Sequences, named by keys that the caller chooses."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._prompts: dict[Key, _Prompt] = {}
        self._decoding = GenerationBatch.empty(model, greedy)
        self._num_steps = 0

    def insert(
        self,
        key: Key,
        token_ids: list[int],
        max_tokens: int,
        end_token_ids: list[int],
        sampler: BatchSampler,
    ) -> None:
        """Add a sequence, to be prefilled.

        Args:
            token_ids: at least one.
            max_tokens: >= 1.
        """
        batch = PromptProcessingBatch(
            self._model,
            [key],
            [make_prompt_cache(self._model)],
            samplers=[sampler],
            logits_processors=[()],
            stop_sequences=[StopSequences([[end] for end in end_token_ids])],
            max_tokens=[max_tokens],
        )
        self._prompts[key] = _Prompt(batch, token_ids)

    def remove(self, key: Key) -> None:
        """Take a sequence out, if it is there."""
        if self._prompts.pop(key, None) is None and key in self._decoding.uids:
            kept = [i for i, uid in enumerate(self._decoding.uids) if uid != key]
            self._decoding.filter(kept)

    def prompts(self) -> dict[Key, int]:
        """Return, oldest first, the tokens that each prompt has yet to prefill.

        Its last token is none of them: that is the first decode step's.
        """
        return {key: len(prompt.token_ids) - 1 for key, prompt in self._prompts.items()}

    def prefill(self, key: Key, num_tokens: int) -> None:
        """Prefill a part of a prompt; a prompt that is complete begins to decode.

        Args:
            num_tokens: at most what `prompts` says.
        """
        prompt = self._prompts[key]
        piece = prompt.token_ids[:num_tokens]
        prompt.token_ids = prompt.token_ids[num_tokens:]
        if piece:
            prompt.batch.prompt([piece])
        if len(prompt.token_ids) == 1:
            del self._prompts[key]
            self._decoding.extend(prompt.batch.generate([prompt.token_ids]))

    def decode(self) -> list[Token[Key]]:
        """Compute a token of every sequence whose prompt is complete.

        A sequence that is finished is gone. One step is computed ahead.
        """
        responses = self._decoding.next()
        self._num_steps += 1
        if self._num_steps % CLEAR_INTERVAL == 0:
            mx.clear_cache()
        return [
            Token(each.uid, each.token, _FINISH_REASONS[each.finish_reason])
            for each in responses
        ]
