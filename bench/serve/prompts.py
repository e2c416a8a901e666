"""Text of some length in tokens, the same for the same seed, and new for each other.

A text is of common words in a random order. How many tokens they are is asked of the
first server once, with a request.
"""

import random

from .arrivals import Endpoint, Prompt, ask

STORY = """
the sea was quiet and a small lamp burned in the window of the old house by the road
where two men had stopped to look at the map they carried since morning but no one could
say how far the town would be when night came over the hills again water stone bread
paper river garden letter winter station bridge market clock
"""
WORDS = STORY.split()
QUESTION = "Write a long story about what happened there, and do not stop."


def words(num_words: int, seed: object) -> str:
    """Return so many words; other seeds begin differently from the first words on."""
    chosen = random.Random(repr(seed)).choices(WORDS, k=max(1, num_words))
    return " ".join(chosen)


class TextMaker:
    """Texts of so many tokens, roughly.

    Args:
        tokens_per_word: of the server's tokenizer.
        run: what makes this run's texts new to servers that know earlier runs'.
    """

    def __init__(self, tokens_per_word: float, run: str) -> None:
        self._tokens_per_word = tokens_per_word
        self._run = run

    @classmethod
    def for_endpoint(cls, endpoint: Endpoint, run: str) -> "TextMaker":
        """Return one that knows the server's tokenizer, if the server counts."""
        few, many = (
            ask(endpoint, Prompt(words(size, run)), 1).input_tokens
            for size in (50, 250)
        )
        return cls((many - few) / 200 if many > few > 0 else 1.0, run)

    def text(self, num_tokens: int, *seed: object) -> str:
        """Return text of about so many tokens; the same again for the same seed."""
        size = round(num_tokens / self._tokens_per_word)
        return words(size, (self._run, *seed))

    def prompt(self, num_tokens: int, seed: object, question: int = 0) -> Prompt:
        """Return a prompt of about so many tokens, with a question at its end.

        Args:
            question: prompts that differ in it alone have all before it in common.
        """
        return Prompt(f"{self.text(num_tokens, seed)}.\n\n{question}. {QUESTION}")
