"""A batch's next tokens from its logits: penalties, filters, a seeded draw.

Each row of the logits [batch_size, vocab_size] is worked on by itself, in float32: the
same row with the same parameters gives the same token in any batch. Arrays are whatever
has a C-contiguous buffer (numpy's, evaluated ones of MLX), read where they are.

A row's parameters:

    reals  [batch_size, 8] float32          words  [batch_size, 8] uint32
    0  1 / temperature, above 0             0  top_k; 0: all
    1  top_p; 1 or more: all                1  seed, low word
    2  -log(min_p), 0 or more; inf: all     2  seed, high word
    3  repetition penalty, above 0; 1: none 3  position of the token
    4  1 / repetition penalty               4  1: the largest logit is taken, else 0
    5  presence penalty                     5  row of `histories`; 0xFFFFFFFF: none
    6  frequency penalty                    6  row of `biases`, likewise
    7  not looked at                        7  row of `masks`, likewise

x is a logit with its bias; then where the history is not 0, x / repetition if x is
positive, else x * repetition; then x - frequency * count, and x - presence where the
count is not 0; then -inf where the mask has no bit. gap = (largest x - x) /
temperature. Kept are of all tokens (larger x first, of equals the lower id) the first
top_k; of these those whose mass before them is below top_p of the mass of these; of
these those with gap <= -log(min_p). The token is that with the largest noise - gap, of
equals the lowest id; the noise is Gumbel's, of Philox-4x32-10 words of (seed, position,
token id).
"""

from typing import Self, final

def available_instructions() -> tuple[str, ...]:
    """Return which of "scalar", "baseline" and "avx2" this machine can run."""

@final
class Sampler:
    """Draws batches, in memory that it keeps between them. One thread at a time.

    Args:
        instructions: one of `available_instructions`; None: the best. They give the
            same tokens; "scalar" is the slow twin of the others.

    Raises:
        ValueError: this machine does not have these instructions.
    """

    def __new__(cls, instructions: str | None = None) -> Self: ...
    def sample(
        self,
        logits: object,
        reals: object,
        words: object,
        tokens: object,
        errors: object,
        log_probs: object,
        *,
        histories: object | None = None,
        biases: object | None = None,
        masks: object | None = None,
        is_bfloat16: bool = False,
    ) -> None:
        """Write each row's token, error and log-probability; the GIL is released.

        Args:
            logits: [batch_size, vocab_size] float32, float16, or with `is_bfloat16`
                uint16, the bits of bfloat16.
            tokens: [batch_size] uint32, written; 0 at an error.
            errors: [batch_size] uint32, written: 0; 1 if some x is NaN; 2 if all are
                -inf.
            log_probs: [batch_size] float32, written: the token's natural logarithm of
                probability in the softmax of x / temperature (of x if the largest is
                taken), before all filters; NaN at an error.
            histories: [any, vocab_size] uint32, how often a token is in the answer << 1
                | whether it is in the prompt.
            biases: [any, vocab_size] float32.
            masks: [any, (vocab_size + 31) // 32] uint32; bit i % 32 of word i // 32:
                token i may come.

        Raises:
            TypeError: an array is of another type, not contiguous or not writable.
            ValueError: an array has another shape, or a parameter is out of its range;
                nothing is written then.
            RuntimeError: another thread is in this call.
        """
