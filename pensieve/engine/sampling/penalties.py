"""Logits lowered for tokens that are there already, by counts that live on the device.

Repetition: the logit of a token of prompt or answer is divided by the penalty, or
multiplied with it if it is negative (Keskar et al., "CTRL", section 4.1; as Hugging
Face's). Frequency and presence: taken from the logit of a token of the answer, for each
time that it is there, and once (as OpenAI's and vLLM's). The counts grow by arrays that
the host has yet to see, so a step can be computed ahead. Model thread only.
"""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np

from pensieve.link.messages import SamplingParams, Submit


class Penalties:
    """Those of one sequence, with what it holds so far.

    Args:
        prompt: at least one token.
        answer: what has been sampled of it already.
        vocab_size: width of the model's logits.
    """

    def __init__(
        self,
        params: SamplingParams,
        prompt: Sequence[int],
        answer: Sequence[int],
        vocab_size: int,
    ) -> None:
        self._params = params
        self._counts = mx.array(np.bincount(answer, minlength=vocab_size), mx.float32)
        """[vocab_size], how often each token is in the answer."""
        is_there = np.zeros(vocab_size, np.bool_)
        is_there[[*prompt, *answer]] = True
        self._is_there = mx.array(is_there)  # [vocab_size], in prompt or answer

    def __call__(self, logits: mx.array) -> mx.array:
        """Return the logits lowered, [vocab_size] float32."""
        params = self._params
        logits = logits.astype(mx.float32)
        if params.repetition_penalty != 1:
            penalty = params.repetition_penalty
            lowered = mx.where(logits > 0, logits / penalty, logits * penalty)
            logits = mx.where(self._is_there, lowered, logits)
        if params.frequency_penalty:
            logits = logits - params.frequency_penalty * self._counts
        if params.presence_penalty:
            logits = logits - params.presence_penalty * (self._counts > 0)
        return logits

    def count(self, token_id: mx.array) -> None:
        """Add a sampled token, a uint32 scalar that need not be computed yet."""
        if self._params.repetition_penalty != 1:
            self._is_there = _with(self._is_there, token_id, mx.array(True))
        if self._params.frequency_penalty or self._params.presence_penalty:
            more = self._counts[token_id] + 1
            self._counts = _with(self._counts, token_id, more)


def penalties_for(submit: Submit, vocab_size: int) -> Penalties | None:
    """Return a sequence's penalties, or None where it has none."""
    params = submit.sampling
    has_any = (
        params.repetition_penalty != 1
        or params.presence_penalty
        or params.frequency_penalty
    )
    if not has_any:
        return None
    prompt, answer = (
        submit.token_ids[: submit.prompt_size],
        submit.token_ids[submit.prompt_size :],
    )
    return Penalties(params, prompt, answer, vocab_size)


def _with(array: mx.array, index: mx.array, value: mx.array) -> mx.array:
    return mx.put_along_axis(array, index[None], value[None], axis=0)
