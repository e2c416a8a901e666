"""A submitted sequence in, why it cannot be generated out.

Whether its grammar can be compiled is found out later, by the constraint builder.
"""

import math

from pensieve.link.messages import SamplingParams, Submit, ThinkingLimit


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
    size = submit.prompt_size
    if not 1 <= size <= len(submit.token_ids):
        return f"prompt_size: expected 1 to {len(submit.token_ids)}, got {size}"
    if not 0 <= submit.head_size <= size:
        return f"head_size: expected 0 to {size}, got {submit.head_size}"
    for keep_size in submit.keep_sizes:
        if not 0 < keep_size <= size:
            return f"keep_sizes: expected 1 to {size}, got {keep_size}"
    return (
        _sampling_refusal(submit.sampling)
        or _bias_refusal(submit.sampling, vocab_size)
        or _constraint_refusal(submit, vocab_size)
    )


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
    return _penalty_refusal(sampling)


def _penalty_refusal(sampling: SamplingParams) -> str | None:
    if not 0 < sampling.repetition_penalty <= 100:
        got = sampling.repetition_penalty
        return f"repetition_penalty: expected above 0 and up to 100, got {got}"
    if not -2 <= sampling.presence_penalty <= 2:
        return f"presence_penalty: expected -2 to 2, got {sampling.presence_penalty}"
    if not -2 <= sampling.frequency_penalty <= 2:
        return f"frequency_penalty: expected -2 to 2, got {sampling.frequency_penalty}"
    return None


def _bias_refusal(sampling: SamplingParams, vocab_size: int) -> str | None:
    for token_id, bias in sampling.logit_bias.items():
        if not 0 <= token_id < vocab_size:
            expected = f"ids of 0 to {vocab_size - 1}"
            return f"logit_bias: expected {expected}, got {token_id}"
        if math.isnan(bias) or bias == math.inf:
            return f"logit_bias: expected a number or -inf, got {bias} for {token_id}"
    return None


def _constraint_refusal(submit: Submit, vocab_size: int) -> str | None:
    ends = submit.end_token_ids
    has_end = any(0 <= token_id < vocab_size for token_id in ends)
    if submit.constraint.grammar and not has_end:
        return f"grammar: expected a token that ends the answer, got {ends}"
    limit = submit.constraint.thinking_limit
    return _limit_refusal(limit, vocab_size) if limit else None


def _limit_refusal(limit: ThinkingLimit, vocab_size: int) -> str | None:
    if limit.max_tokens < 0:
        return f"thinking_limit: expected at least 0, got {limit.max_tokens}"
    if not (limit.close_token_ids and limit.closing_token_ids):
        return "thinking_limit: expected tokens that close thinking, got none"
    for token_id in limit.closing_token_ids:
        if not 0 <= token_id < vocab_size:
            expected = f"ids of 0 to {vocab_size - 1}"
            return f"thinking_limit: expected {expected}, got {token_id}"
    return None
