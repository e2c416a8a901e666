"""Grammars as Lark text in, matchers over token ids out, compiled by llguidance.

Their syntax: https://github.com/guidance-ai/llguidance, docs/syntax.md. Nothing is
forced: of a text that the grammar prescribes every split into tokens is allowed, so
that the model's own probabilities decide, and no tokenizer is needed here.
"""

from collections import OrderedDict

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from pensieve.engine.token_bits import Bits, has_bit
from pensieve.models.vocabulary import Vocabulary

MAX_CACHED_GRAMMARS = 64
"""An agent's tools make one or two grammars, the same for a whole session."""

_OPTIONS = '\n%llguidance {"no_forcing": true}\n'
"""Behind the text, so that line numbers in messages are the text's own."""


class GrammarError(Exception):
    """A grammar that cannot be compiled, or that nothing can satisfy."""


class GrammarMatcher:
    """Where one sequence is in its grammar."""

    def __init__(self, matcher: LLMatcher, num_tokens: int) -> None:
        self._matcher = matcher
        self.num_tokens = num_tokens
        """Of the vocabulary; the one behind them is the grammar's end."""
        self._words = allocate_token_bitmask(1, num_tokens + 1)  # one bit a token

    def advance(self, token_id: int) -> None:
        """Go on by a token.

        Raises:
            GrammarError: the grammar does not allow it.
        """
        if not self._matcher.consume_token(token_id):
            raise GrammarError(_first_line(self._matcher))

    def allowed(self) -> tuple[Bits, bool]:
        """Return which tokens may come next, and whether the end may.

        PERF: llguidance lets go of the interpreter while it computes.

        Returns:
            One bit for each of num_tokens (those behind mean nothing, and the next call
            overwrites them) and a flag. At least one of them is set.

        Raises:
            GrammarError: nothing may come and the grammar is not complete, or a limit
                of llguidance is met.
        """
        fill_next_token_bitmask(self._matcher, self._words)
        # In an error the end is allowed too: an answer would be cut off unnoticed.
        if self._matcher.is_error():
            raise GrammarError(_first_line(self._matcher))
        bits = self._words[0].view(np.uint32)
        is_complete = has_bit(bits, self.num_tokens)
        if is_complete and not self._matcher.is_accepting():
            raise GrammarError(
                "no token can come next, and the grammar is not complete"
            )
        return bits, is_complete


class GrammarCompiler:
    """Compiles grammars for one vocabulary, and keeps the latest. Of one thread."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._num_tokens = len(vocabulary.token_bytes)
        self._tokenizer = LLTokenizer(_Tokens(vocabulary))  # type: ignore[arg-type]
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()

    def matcher(self, grammar: str) -> GrammarMatcher:
        """Return a matcher at the grammar's start.

        Raises:
            GrammarError: it cannot be compiled.
        """
        compiled = self._compiled.get(grammar)
        if compiled is None:
            compiled = self._compile(grammar)
            self._compiled[grammar] = compiled
            if len(self._compiled) > MAX_CACHED_GRAMMARS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(grammar)
        return GrammarMatcher(compiled.deep_copy(), self._num_tokens)

    def _compile(self, grammar: str) -> LLMatcher:
        source = LLMatcher.grammar_from_lark(grammar + _OPTIONS)
        compiled = LLMatcher(self._tokenizer, source, log_level=0)
        if compiled.is_error():
            raise GrammarError(_first_line(compiled))
        return compiled


class _Tokens:
    """A vocabulary as llguidance takes it: with one token more, the end of a grammar.

    Which real tokens end an answer is each sequence's own matter.
    """

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.eos_token_id = len(vocabulary.token_bytes)
        self.special_token_ids = [*vocabulary.special_token_ids, self.eos_token_id]
        self.tokens = [
            # llguidance takes one empty token at most
            token_bytes or b"<no token %d>" % token_id
            for token_id, token_bytes in enumerate([*vocabulary.token_bytes, b""])
        ]

    def __call__(self, text: bytes) -> list[int]:
        """Refuse: llguidance asks for this only in order to force a text."""
        raise RuntimeError(f"the engine has no tokenizer, got {text!r}")


def _first_line(matcher: LLMatcher) -> str:
    """Return llguidance's message without the state of its parser."""
    lines = matcher.get_error().strip().splitlines()
    return lines[0] if lines else "llguidance stopped without a message"
