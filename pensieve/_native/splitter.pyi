"""How the pre-tokenizers of Hugging Face `tokenizers` take text apart.

A splitter is one of "gpt2", "smollm", "llama3", "qwen2" (2.5 and 3, too), "qwen35",
"deepseek_v3" (and R1), "o200k" (GPT-4o, gpt-oss), "glm4", "tekken" (Mistral), "none".

All raise UnicodeEncodeError for a text with a lone surrogate.
"""

def pieces(splitter: str, text: str) -> list[str]:
    """Return the pieces that are merged each on its own; joined, they are the text.

    Raises:
        ValueError: no such splitter.
    """

def count_pieces(splitter: str, text: str) -> int:
    """Return how many these are, and let other threads run meanwhile.

    Raises:
        ValueError: no such splitter.
    """

def is_surely_nfc(text: str) -> bool:
    """Return whether Unicode's form C surely is the text as it is."""
