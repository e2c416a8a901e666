"""The whole-text twin of pensieve.output.stop_sequences."""


def cut_at_stop(text: str, sequences: list[str]) -> tuple[str, str | None]:
    """Return the text before the first stop sequence to end, and that sequence."""
    for end in range(len(text) + 1):
        ending = [each for each in sequences if text[:end].endswith(each)]
        if ending:
            longest = max(ending, key=len)
            return text[: end - len(longest)], longest
    return text, None
