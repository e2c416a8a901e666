"""Added tokens found in text, in plain Python, as Hugging Face `tokenizers` does it."""

import re

Added = tuple[str, int, bool, bool, bool]
"""As `_native.bpe.Encoder` takes it."""


def split(text: str, tokens: list[Added]) -> list[int | str]:
    """Return the tokens' ids and the texts between; the leftmost and longest first."""
    spans: list[int | str] = []
    done = place = 0
    longest_first = sorted(tokens, key=lambda token: -len(token[0].encode()))
    while place < len(text):
        found = [token for token in longest_first if text.startswith(token[0], place)]
        if not found:
            place += 1
            continue
        content, token_id, is_text, takes_before, takes_after = found[0]
        start, place = place, place + len(content)
        if is_text:
            continue
        end = place
        if takes_before:
            start = max(len(re.sub(r"\s*\Z", "", text[:start])), done)
        if takes_after:
            end += len(re.match(r"\s*", text[end:])[0])
        if done < start:
            spans.append(text[done:start])
        spans.append(token_id)
        done = end
    if done != len(text):
        spans.append(text[done:])
    return spans
