"""Logits of a batch in, its next tokens out: what every backend's sampler does.

A token is a pure function of its row's logits and what the sequence's draws depend on
(`sequence`); no draw depends on another. `operations` specifies it in MLX operations.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import mlx.core as mx

from pensieve.engine.sampling.sequence import SequenceDraws
from pensieve.engine.token_bits import Bits

NO_ERROR, NOT_A_NUMBER, NOTHING = range(3)
ERRORS = {
    NOT_A_NUMBER: "the model's logits are not numbers",
    NOTHING: "no token may come next: each has a probability of 0",
}
"""What to say of a row whose draw has no answer."""


class Drawn(NamedTuple):
    """A token of each row; perhaps yet to be computed."""

    tokens: mx.array
    """[batch_size] uint32, ids of the vocabulary; 0 where there is an error."""
    errors: mx.array
    """[batch_size] uint32: NO_ERROR, or one of ERRORS."""
    log_probs: mx.array
    """[batch_size] float32, natural logarithms: of the tempered distribution before any
    filter, or of the logits' own where the row is greedy. NaN where there is an error.
    """


class Sampler(Protocol):
    """Draws the next tokens."""

    def __call__(
        self,
        logits: mx.array,
        sequences: Sequence[SequenceDraws],
        masks: Sequence[Bits | None],
    ) -> Drawn:
        """Return a token of each row, and move the sequences on.

        Args:
            logits: [batch_size, vocab_size] float32, float16 or bfloat16; a constant
                added to a row changes nothing.
            sequences: of each row.
            masks: of each row, the tokens that may come; None: all.
        """
