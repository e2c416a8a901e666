"""What the specified sampler draws, in the forms that tests ask for."""

import mlx.core as mx

from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.sampling.sequence import SequenceDraws, draws_of
from pensieve.link.messages import SamplingParams, Submit


def greedy_draws() -> SequenceDraws:
    """Return those of a sequence that takes the most likely tokens."""
    return SequenceDraws(SamplingParams(seed=0, temperature=0), 0)


def mlx_lm_sampler(submit: Submit, vocab_size: int):
    """Return the draws of one sequence, as a sampler of mlx-lm's loops."""
    draws = draws_of(submit, vocab_size)

    def sampler(logits: mx.array) -> mx.array:
        return draw_by_operations(logits, [draws], [None]).tokens

    return sampler
