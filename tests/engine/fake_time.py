"""A clock that goes on only by what is computed."""

from collections.abc import Callable


class FakeTime:
    """Args:
    seconds: of a chunk, by (context_size, num_tokens).
    """

    def __init__(self, seconds: Callable[[int, int], float]) -> None:
        self.seconds = seconds
        self.now = 100.0
        self.ran: list[int] = []

    def clock(self) -> float:
        return self.now

    def run(self, num_tokens: int, context_size: int = 0) -> None:
        self.ran.append(num_tokens)
        self.now += self.seconds(context_size, num_tokens)
