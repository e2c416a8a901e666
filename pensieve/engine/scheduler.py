"""Sequences of many clients in, their events out, one step of the batch at a time.

mlx-lm's BatchGenerator does the work: sequences join and leave its batch between steps.
A step is at most one decode step of everything that decodes and one chunk of prompt,
which the prompts being prefilled share equally: a short prompt does not wait for the
end of a long one, and a step's length does not grow with their number. Used by the
model thread only.
"""

import math
from typing import NamedTuple

import mlx.core as mx
import mlx.nn as nn
from mlx_lm.generate import (
    BatchGenerator,
    GenerationBatch,
    PromptProcessingBatch,
    StopSequences,
)

from pensieve.engine.gumbel import VocabularyNoise
from pensieve.engine.sampling import greedy, sampler_for
from pensieve.link.messages import (
    Admitted,
    Event,
    Finished,
    Prefilled,
    Refused,
    Sampled,
    SamplingParams,
    Submit,
)


class SequenceKey(NamedTuple):
    """A client names its sequences; with its connection the name is unique here."""

    connection_id: int
    sequence_id: int


EventsByConnection = dict[int, list[Event]]


class Scheduler:
    """Decides which sequences the model works on, and tells what came of it.

    Args:
        vocab_size: width of the model's logits.
        noise: of a vocabulary of that size.
        max_batch_size: sequences in the batch; more wait, first come first served.
        prefill_chunk: prompt tokens a step, >= 1.
    """

    def __init__(
        self,
        model: nn.Module,
        vocab_size: int,
        noise: VocabularyNoise,
        *,
        max_batch_size: int,
        prefill_chunk: int,
    ) -> None:
        self._vocab_size = vocab_size
        self._noise = noise
        self._max_batch_size = max_batch_size
        self._prefill_chunk = prefill_chunk
        self._generator = BatchGenerator(
            model,
            sampler=greedy,
            completion_batch_size=max_batch_size,
            prefill_batch_size=max_batch_size,
        )
        self._waiting: dict[SequenceKey, Submit] = {}  # in order of arrival
        self._uids: dict[SequenceKey, int] = {}  # in the batch
        self._keys: dict[int, SequenceKey] = {}  # the same, the other way round
        self._prefilling: set[int] = set()  # uids with more than one token to go
        self._events: EventsByConnection = {}

    @property
    def has_work(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting or self._uids)

    def submit(self, connection_id: int, submit: Submit) -> None:
        """Queue a sequence, or refuse it."""
        key = SequenceKey(connection_id, submit.sequence_id)
        message = refusal(submit, self._vocab_size)
        if key in self._waiting or key in self._uids:
            message = f"sequence_id: expected a new one, got {key.sequence_id} again"
        if message:
            self._tell(connection_id, Refused(key.sequence_id, message))
        else:
            self._waiting[key] = submit

    def cancel(self, connection_id: int, sequence_id: int) -> None:
        """Forget a sequence, if it is there."""
        key = SequenceKey(connection_id, sequence_id)
        self._waiting.pop(key, None)
        if key in self._uids:
            self._generator.remove([self._uids[key]])
            self._leave(key)

    def disconnect(self, connection_id: int) -> None:
        """Forget all sequences of a connection, and what it was to be told."""
        for key in [*self._waiting, *self._uids]:
            if key.connection_id == connection_id:
                self.cancel(*key)
        self._events.pop(connection_id, None)

    def step(self) -> None:
        """Let waiting sequences in, then compute one step."""
        self._admit()
        if not self._uids:
            return
        sharing = max(1, len(self._prefilling))
        self._generator.prefill_step_size = max(1, self._prefill_chunk // sharing)
        prompt_responses, generation_responses = self._generator.next()
        self._tell_sampled(generation_responses)
        self._tell_prefilled(prompt_responses)
        if not self._uids:
            mx.clear_cache()  # nothing to do: give MLX's free buffers back

    def take_events(self) -> EventsByConnection:
        """Return what has happened since the last call."""
        events, self._events = self._events, {}
        return events

    def _admit(self) -> None:
        while self._waiting and len(self._uids) < self._max_batch_size:
            key = next(iter(self._waiting))
            submit = self._waiting.pop(key)
            prompt_size = len(submit.token_ids)
            [uid] = self._generator.insert(
                [submit.token_ids],
                max_tokens=[submit.max_tokens],
                samplers=[sampler_for(submit.sampling, prompt_size, self._noise)],
                stop_sequences=[StopSequences([[end] for end in submit.end_token_ids])],
            )
            self._uids[key] = uid
            self._keys[uid] = key
            if prompt_size > 1:
                self._prefilling.add(uid)
            self._tell(key.connection_id, Admitted(key.sequence_id, cached_tokens=0))

    def _tell_sampled(self, responses: list[GenerationBatch.Response]) -> None:
        sampled: dict[int, Sampled] = {}
        for response in responses:
            key = self._keys[response.uid]
            if response.finish_reason != "stop":
                row = sampled.setdefault(key.connection_id, Sampled([], []))
                row.sequence_ids.append(key.sequence_id)
                row.token_ids.append(response.token)
        for connection_id, row in sampled.items():
            self._tell(connection_id, row)
        for response in responses:
            if response.finish_reason is not None:
                key = self._keys[response.uid]
                ended = response.finish_reason == "stop"
                self._leave(key)
                self._tell(
                    key.connection_id,
                    Finished(key.sequence_id, "end_token" if ended else "max_tokens"),
                )

    def _tell_prefilled(self, responses: list[PromptProcessingBatch.Response]) -> None:
        for response in responses:
            key = self._keys[response.uid]
            done, total = response.progress
            if total - done <= 1:
                self._prefilling.discard(response.uid)
            self._tell(key.connection_id, Prefilled(key.sequence_id, done, total))

    def _leave(self, key: SequenceKey) -> None:
        uid = self._uids.pop(key)
        del self._keys[uid]
        self._prefilling.discard(uid)

    def _tell(self, connection_id: int, event: Event) -> None:
        self._events.setdefault(connection_id, []).append(event)


def refusal(submit: Submit, vocab_size: int) -> str | None:
    """Return why a sequence cannot be generated, or None."""
    if not submit.token_ids:
        return "token_ids: expected at least one token, got none"
    # An id outside the embedding reads foreign memory: MLX checks no bounds.
    low, high = min(submit.token_ids), max(submit.token_ids)
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        return f"token_ids: expected ids of 0 to {vocab_size - 1}, got {wrong}"
    if submit.max_tokens < 1:
        return f"max_tokens: expected at least 1, got {submit.max_tokens}"
    return _sampling_refusal(submit.sampling)


def _sampling_refusal(sampling: SamplingParams) -> str | None:
    if not 0 <= sampling.seed < 2**64:
        return f"seed: expected 64 bits without sign, got {sampling.seed}"
    if not (sampling.temperature >= 0 and math.isfinite(sampling.temperature)):
        return f"temperature: expected at least 0, got {sampling.temperature}"
    if sampling.top_k < 0:
        return f"top_k: expected at least 0, got {sampling.top_k}"
    if not 0 < sampling.top_p <= 1:
        return f"top_p: expected above 0 and up to 1, got {sampling.top_p}"
    if not 0 <= sampling.min_p < 1:
        return f"min_p: expected 0 to below 1, got {sampling.min_p}"
    return None
