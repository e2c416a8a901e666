"""Tokens of several streams a second, from the times at which each came."""

from collections.abc import Sequence


def decode_rate(token_times: Sequence[Sequence[float]]) -> float:
    """Return tokens a second of all streams together, while all of them decode.

    That is from the last first token to the first last one: before, prompts are
    prefilled, and later there are fewer streams.

    Args:
        token_times: of each stream, in seconds, ascending.

    Raises:
        ValueError: one stream had ended before another had its first token.
    """
    all_started = max(times[0] for times in token_times)
    ended = min(times[-1] for times in token_times)
    if ended <= all_started:
        raise ValueError("at no time did all streams decode: ask for more tokens")
    num_tokens = sum(
        all_started < time_s <= ended for times in token_times for time_s in times
    )
    return num_tokens / (ended - all_started)
