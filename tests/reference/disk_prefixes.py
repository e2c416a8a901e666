"""The slow twin of the disk tier's index: files as the tokens they hold, all looked at.

A file holds the tokens from `start` to the end of the sequence that it was written for.
"""

GRID = 16


class DiskPrefixes:
    def __init__(self) -> None:
        self.kv: list[tuple[int, list[int]]] = []
        self.states: list[list[int]] = []

    def add(self, start: int, token_ids: list[int]) -> None:
        self.kv.append((start, token_ids))

    def remove(self, i: int) -> None:
        del self.kv[i]

    def size(self, token_ids: list[int]) -> int:
        """Return how many leading tokens can be put together of files.

        A file is left at its end, or on the grid.
        """
        reached = {0}
        while True:
            more = {
                size
                for start, written in self.kv
                if start in reached
                for size in range(start + 1, len(written) + 1)
                if size == len(written) or size % GRID == 0
                if written[:size] == token_ids[:size]
            }
            if more <= reached:
                return max(reached)
            reached |= more

    def state_size(self, token_ids: list[int], limit: int) -> int:
        """Return the size of the longest start with a state, at most `limit`."""
        sizes = [len(s) for s in self.states if s == token_ids[: len(s)]]
        return max((size for size in sizes if size <= limit), default=0)
