"""Text in, text out up to the first stop sequence, wherever the pieces are cut.

The sequence that ends first wins; of two that end together, the longer. Each is matched
as in Knuth, Morris and Pratt, "Fast Pattern Matching in Strings" (1977).
"""

from collections.abc import Sequence


class StopSequences:
    """Watches one answer.

    `matched` is the sequence that was found, or None. Neither it nor anything after it
    is part of the text.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        """Begin an answer.

        Args:
            sequences: none of them empty.
        """
        # The longest first: of those that end together it is the one to find.
        longest_first = sorted(set(sequences), key=len, reverse=True)
        self._matchers = [_Matcher(sequence) for sequence in longest_first]
        self._held = ""
        self.matched: str | None = None

    def feed(self, piece: str) -> str:
        """Return the text that no stop sequence can take back any more."""
        if not self._matchers:
            return piece
        if self.matched is not None:
            return ""
        text = self._held + piece
        for end, character in enumerate(piece, len(self._held) + 1):
            for matcher in self._matchers:
                if matcher.advance(character):
                    self.matched = matcher.sequence
                    self._held = ""
                    return text[: end - len(matcher.sequence)]
        # held = the longest end of the text that begins one of the sequences
        held_size = max(matcher.num_matched for matcher in self._matchers)
        self._held = text[len(text) - held_size :]
        return text[: len(text) - held_size]

    def finish(self) -> str:
        """Return what was held back: the sequence that it began did not come."""
        held, self._held = self._held, ""
        return held


class _Matcher:
    """How much of one sequence the text ends with."""

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence
        self.num_matched = 0
        # _shorter[n]: of the sequence's first n characters, the longest proper end that
        # is also a beginning
        self._shorter = [0, 0]
        for character in sequence[1:]:
            size = self._shorter[-1]
            while size and sequence[size] != character:
                size = self._shorter[size]
            self._shorter.append(size + (sequence[size] == character))

    def advance(self, character: str) -> bool:
        """Take the next character; return whether the sequence is complete."""
        while self.num_matched and self.sequence[self.num_matched] != character:
            self.num_matched = self._shorter[self.num_matched]
        self.num_matched += self.sequence[self.num_matched] == character
        return self.num_matched == len(self.sequence)
