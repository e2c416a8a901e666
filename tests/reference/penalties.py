"""Penalties token by token, in float64: the slow twin of engine.penalties."""

import numpy as np


def penalised(logits, params, prompt, answer) -> np.ndarray:
    """Return the logits lowered for what is there.

    Repetition as transformers' RepetitionPenaltyLogitsProcessor over prompt and answer;
    presence and frequency as in OpenAI's API reference, over the answer.
    """
    lowered = [float(logit) for logit in logits]
    for token_id in {*prompt, *answer}:
        factor = params.repetition_penalty
        logit = lowered[token_id]
        lowered[token_id] = logit / factor if logit > 0 else logit * factor
    for token_id in answer:
        lowered[token_id] -= params.frequency_penalty
    for token_id in set(answer):
        lowered[token_id] -= params.presence_penalty
    return np.array(lowered)
