"""What one sequence's draws depend on beside the logits. It moves on with each draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from pensieve.link.messages import SamplingParams, Submit

ANSWERED = 2
"""What a token of the answer adds to its word of a history."""

History = NDArray[np.uint32] | mx.array
"""[vocab_size] uint32: twice how often a token is in the answer, and 1 more where it is
in the prompt. On the device where tokens are counted that the host has yet to see."""


@dataclass
class SequenceDraws:
    """One sequence's parameters and place; changed by whoever draws."""

    params: SamplingParams
    position: int
    """Index in the whole sequence of the token that is drawn next."""
    history: History | None = None
    """None: there are no penalties."""
    bias: NDArray[np.float32] | None = None
    """[vocab_size], added to the logits; None: nothing is."""


def draws_of(submit: Submit, vocab_size: int) -> SequenceDraws:
    """Return those of a sequence that may have been sampled in part.

    Args:
        vocab_size: width of the model's logits.
    """
    params, size = submit.sampling, submit.prompt_size
    prompt, answer = submit.token_ids[:size], submit.token_ids[size:]
    return SequenceDraws(
        params,
        len(submit.token_ids),
        history_of(prompt, answer, vocab_size) if has_penalties(params) else None,
        bias_of(params.logit_bias, vocab_size) if params.logit_bias else None,
    )


def has_penalties(params: SamplingParams) -> bool:
    """Return whether draws depend on what is there already."""
    return (
        params.repetition_penalty != 1
        or params.presence_penalty != 0
        or params.frequency_penalty != 0
    )


def history_of(
    prompt: Sequence[int], answer: Sequence[int], vocab_size: int
) -> NDArray[np.uint32]:
    """Return the history of a prompt and what has been sampled behind it."""
    history = ANSWERED * np.bincount(
        np.asarray(answer, np.int64), minlength=vocab_size
    ).astype(np.uint32)
    history[np.asarray(prompt, np.int64)] |= 1
    return history


def bias_of(by_token: Mapping[int, float], vocab_size: int) -> NDArray[np.float32]:
    """Return what is added to each token's logit."""
    bias = np.zeros(vocab_size, np.float32)
    bias[[*by_token]] = [*by_token.values()]
    return bias
