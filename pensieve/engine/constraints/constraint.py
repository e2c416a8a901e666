"""What a sequence's tokens have to obey in, a mask for each next token out.

A grammar, a limit on thinking, or both: then the limit writes only what the grammar
allows.
"""

from pensieve.engine.constraints.grammar import GrammarMatcher
from pensieve.engine.constraints.thinking import ThinkingCloser
from pensieve.engine.token_bits import Bits, bits_of, set_bits, with_size
from pensieve.link.messages import Submit


class ActiveConstraint:
    """The constraint of one sequence, led through what has been sampled of it.

    Args:
        submit: `token_ids` behind `prompt_size` are replayed.
        vocab_size: width of the model's logits.
        matcher: of `submit`'s grammar, at its start; None without one.

    Raises:
        GrammarError: the grammar does not allow what has been sampled, or anything.
    """

    def __init__(
        self, submit: Submit, vocab_size: int, matcher: GrammarMatcher | None
    ) -> None:
        limit = submit.constraint.thinking_limit
        self._vocab_size = vocab_size
        self._end_token_ids = [
            each for each in submit.end_token_ids if 0 <= each < vocab_size
        ]
        self._matcher = matcher
        self._closer = ThinkingCloser(limit) if limit else None
        for token_id in submit.token_ids[submit.prompt_size :]:
            self._consume(token_id)
        self.mask = self._next_mask()
        """Which tokens of vocab_size may come next, at least one; None: all."""

    def advance(self, token_id: int) -> None:
        """Go on by a token that the mask allows, which makes the next mask.

        Raises:
            GrammarError: the next token cannot be computed.
        """
        self._consume(token_id)
        self.mask = self._next_mask()

    def _consume(self, token_id: int) -> None:
        if self._matcher:
            self._matcher.advance(token_id)
        if self._closer:
            self._closer.advance(token_id)

    def _next_mask(self) -> Bits | None:
        mask = self._allowed_by_grammar()
        forced = self._closer.forced(mask) if self._closer else None
        if forced is not None:
            mask = bits_of([forced], self._vocab_size)
        return mask

    def _allowed_by_grammar(self) -> Bits | None:
        if self._matcher is None:
            return None
        allowed, is_complete = self._matcher.allowed()
        mask = with_size(allowed, self._matcher.num_tokens, self._vocab_size)
        if is_complete:
            set_bits(mask, self._end_token_ids)
        return mask
