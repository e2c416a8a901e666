"""What is measured of a server: waits for the first token, gaps, tokens a second."""

import statistics
from collections.abc import Sequence

from .arrivals import Answer, Endpoint, ask, ask_together
from .prompts import TextMaker
from .servers import Server

Values = dict[str, float]
"""By figure."""

SHORT = 100
"""Tokens of the prompts whose answers are timed."""
MIN_GAPS = 150
MIN_TIMED = 16
"""Tokens that a rate of decoding is taken of, at least."""
MORE_IS_BETTER = ("decode.", "whole.", "trace.cached")


def unit_of(figure: str) -> str:
    """Return what a figure is measured in."""
    if figure == "trace.cached":
        return "%"
    return "tokens/s" if figure.startswith(MORE_IS_BETTER) else "s"


def first_token(
    server: Server, texts: TextMaker, size: int, turn: int, restarts: bool
) -> Values:
    """Measure the wait for the first token of a prompt of this size.

    Cold: a text that nobody has sent. Warm: the same with another question behind it.
    Restarted: once more, after the server was ended and started again; what it knows
    then it has from disk.
    """
    seed = ("first token", turn)
    cold, warm = (
        ask(server.endpoint, texts.prompt(size, seed, question), 2)
        for question in (1, 2)
    )
    values = {"first_token.cold": cold.first_s, "first_token.warm": warm.first_s}
    if restarts:
        server.restart()
        # What a process does once only is not what is asked for here.
        ask(server.endpoint, texts.prompt(SHORT, ("warm-up", turn)), 2)
        again = ask(server.endpoint, texts.prompt(size, seed, 3), 2)
        values["first_token.restarted"] = again.first_s
    return values


def gaps(endpoint: Endpoint, texts: TextMaker, max_tokens: int, turn: int) -> Values:
    """Measure the gaps between the pieces of one answer, a long one.

    Of fewer than a hundred gaps, the 99th of 100 would be the longest.
    """
    size = max(max_tokens, MIN_GAPS + 1)
    answer = ask(endpoint, texts.prompt(SHORT, ("gaps", turn)), size)
    ordered = sorted(answer.gaps_s)
    if not ordered:
        return {}
    return {
        "gap.median": statistics.median(ordered),
        "gap.p99": quantile(ordered, 0.99),
        "gap.max": ordered[-1],
    }


def streams(
    endpoint: Endpoint, texts: TextMaker, num_streams: int, max_tokens: int, turn: int
) -> Values:
    """Measure the tokens a second of some streams together."""
    prompts = [texts.prompt(SHORT, ("streams", turn, i)) for i in range(num_streams)]
    answers = ask_together(endpoint, prompts, max_tokens)
    values = {f"whole.{num_streams}": whole_rate(answers)}
    if (rate := decode_rate(answers)) is not None:
        values[f"decode.{num_streams}"] = rate
    return values


def decode_rate(answers: Sequence[Answer]) -> float | None:
    """Return tokens a second from the last stream's first token to the end.

    No prefill falls into that. None where an answer ended before another began, or
    where there are too few.
    """
    times = [answer.token_times for answer in answers]
    all_started = max(each[0] for each in times)
    ended = max(each[-1] for each in times)
    num_tokens = sum(at > all_started for each in times for at in each)
    if num_tokens < MIN_TIMED or any(each[-1] <= all_started for each in times):
        return None
    return num_tokens / (ended - all_started)


def whole_rate(answers: Sequence[Answer]) -> float:
    """Return tokens a second from the asking to the end, prefill included."""
    times = [answer.token_times for answer in answers]
    ended = max(each[-1] for each in times)
    began = min(answer.asked_at for answer in answers)
    return sum(map(len, times)) / (ended - began)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the least value that so large a share of all is not above."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
