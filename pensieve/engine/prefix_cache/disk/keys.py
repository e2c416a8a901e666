"""Token ids in, keys of their prefixes out: a chain of keyed hashes.

A prefix is cut into blocks of GRID tokens. The key at a block's end hashes its tokens
and the key before them, so that one key stands for the whole prefix; a prefix that ends
inside a block hashes what it has of it. Whoever has keys, but not the secret, cannot
even try texts against them.
"""

from collections import deque
from hashlib import blake2b
from itertools import pairwise

from pensieve.engine.prefix_cache.runs import TokenIds, common_size

GRID = 16
"""Tokens of a block: where files begin, and where a branch is found."""
KEY_BYTES = 16
_RECENT = 16
"""Sequences whose keys are remembered: the next turn's hashes only what is new."""


class Chain:
    """The keys of one sequence's prefixes, computed as they are asked for."""

    def __init__(self, token_ids: TokenIds, secret: bytes, grid: list[bytes]) -> None:
        self.token_ids = token_ids
        self._secret = secret
        self._tokens = token_ids.astype("<i4").tobytes()
        self._grid = grid  # keys at 0, GRID, 2 * GRID, ...

    def at(self, size: int) -> bytes:
        """Return the key of the first `size` tokens.

        Args:
            size: from 0 to the sequence's.
        """
        last = size // GRID
        for block in range(len(self._grid), last + 1):
            start, end = (block - 1) * GRID, block * GRID
            self._grid.append(self._hashed(self._grid[-1], start, end))
        on_grid = self._grid[last]
        return self._hashed(on_grid, last * GRID, size) if size % GRID else on_grid

    def known_grid(self, size: int) -> list[bytes]:
        """Return the keys on the grid up to `size`, as far as they are computed."""
        return self._grid[: size // GRID + 1]

    def _hashed(self, before: bytes, start: int, end: int) -> bytes:
        tokens = self._tokens[4 * start : 4 * end]
        hashed = blake2b(before + tokens, key=self._secret, digest_size=KEY_BYTES)
        return hashed.digest()


class KeyMaker:
    """Makes chains. Of one thread; a chain, too.

    Args:
        secret: that nobody else has, at most 64 bytes.
        context: what the keys are good for: a model, its caches, a chat template.
    """

    def __init__(self, secret: bytes, context: bytes) -> None:
        self._secret = blake2b(context, key=secret, digest_size=32).digest()
        root = blake2b(b"", key=self._secret, digest_size=KEY_BYTES)
        self._root = root.digest()
        self._recent: deque[Chain] = deque(maxlen=_RECENT)

    def chain(self, token_ids: TokenIds) -> Chain:
        """Return a sequence's chain."""
        nearest, size = None, 0
        for chain in self._recent:
            shared = common_size(chain.token_ids, token_ids)
            if shared > size:
                nearest, size = chain, shared
        grid = nearest.known_grid(size) if nearest else [self._root]
        chain = Chain(token_ids, self._secret, grid)
        if nearest is not None and size == len(nearest.token_ids):
            self._recent.remove(nearest)  # this one goes on from it
        self._recent.append(chain)
        return chain


def key_sizes(start: int, end: int) -> list[int]:
    """Return the sizes whose keys a file of these tokens has: on the grid, its end."""
    on_grid = [*range(start + GRID, end + 1, GRID)]
    return on_grid if end % GRID == 0 else [*on_grid, end]


def file_ranges(
    done: int, end: int, head_size: int, max_tokens: int
) -> list[tuple[int, int]]:
    """Cut the tokens from `done` to `end` into files, each of which begins on the grid.

    Args:
        head_size: where a file has to end, if it is between the two.
        max_tokens: of a file, more than GRID.

    Returns:
        First token and end of each; one begins up to GRID - 1 before the last's end.
    """
    stops = [done]
    while stops[-1] < end:
        stop = min(stops[-1] // GRID * GRID + max_tokens, end)
        is_head_cut = stops[-1] < head_size < stop
        stops.append(head_size if is_head_cut else stop)
    return [(before // GRID * GRID, stop) for before, stop in pairwise(stops)]
