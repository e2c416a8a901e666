"""Token ids in, text out, by the tokenizer's own decode: for any kind of decoder.

What `detokenizer.py` takes where the decoder is of neither kind that is native.

The pieces joined are what the tokenizer's `decode` makes of all the ids, special tokens
left out. A token alone does not have a text: its bytes may end inside a character, and
SentencePiece drops a space at the start. So tokens wait until their text ends with a
whole character, and after the start they are decoded behind an anchor, the letter "a".
"""

from collections.abc import Collection, Iterable

from tokenizers import Tokenizer

REPLACEMENT = "\ufffd"
MAX_HELD_CHARACTERS = 3
"""How many replacement characters an unfinished character can look like: byte-level
decoders write one for all of its bytes, byte-fallback decoders one for each."""
MAX_WAITING_TOKENS = 64
MIN_WAITING_TOKENS = 16
"""More tokens than the held characters can be made of."""


class DecodedText:
    """The text of one answer.

    Bytes that are no UTF-8 come out as U+FFFD. With a byte-fallback decoder, `decode`
    gives up a whole run of bytes for one wrong one; what was right before it has been
    sent here already, and stays.
    """

    def __init__(
        self,
        backend: Tokenizer,
        special_token_ids: Collection[int],
        is_continuation: bool = False,
    ) -> None:
        """Begin an answer.

        Args:
            backend: the tokenizer, not changed.
            special_token_ids: tokens that have no text.
            is_continuation: the answer goes on inside a text, so that a space that it
                begins with counts.
        """
        self._backend = backend
        self._special_ids = special_token_ids
        self._anchor = backend.encode("a", add_special_tokens=False).ids
        self._anchor_size = len(self._decode(self._anchor))
        self._waiting: list[int] = []
        self._num_sent = 0  # characters of the waiting tokens' text
        self._is_at_start = not is_continuation

    def feed(self, token_ids: Iterable[int]) -> str:
        """Return the text that these tokens add, as far as it is certain."""
        ids = [each for each in token_ids if each not in self._special_ids]
        # One by one: a run of bytes that ends inside a character decodes to nothing but
        # replacement characters, those before it included.
        return "".join(self._feed_one(token_id) for token_id in ids)

    def finish(self) -> str:
        """Return what was held back, a half character as U+FFFD."""
        piece = self._text()[self._num_sent :]
        self._num_sent += len(piece)
        return piece

    def _feed_one(self, token_id: int) -> str:
        self._waiting.append(token_id)
        text = self._text()
        num_unfinished = len(text) - len(text.rstrip(REPLACEMENT))
        num_certain = len(text) - min(num_unfinished, MAX_HELD_CHARACTERS)
        piece = text[self._num_sent : num_certain]
        self._num_sent = max(self._num_sent, num_certain)
        if piece and num_unfinished == 0:
            self._waiting, self._num_sent = [], 0
            self._is_at_start = False
        elif len(self._waiting) > MAX_WAITING_TOKENS:
            self._forget_the_oldest()
        return piece

    def _forget_the_oldest(self) -> None:
        """Keep few tokens waiting, or a run of broken bytes would cost its square."""
        num_held = len(self._text()) - self._num_sent
        self._waiting = self._waiting[-MIN_WAITING_TOKENS:]
        self._num_sent = max(0, len(self._text()) - num_held)

    def _text(self) -> str:
        if self._is_at_start:
            return self._decode(self._waiting)
        return self._decode(self._anchor + self._waiting)[self._anchor_size :]

    def _decode(self, token_ids: list[int]) -> str:
        return self._backend.decode(token_ids, skip_special_tokens=False)
