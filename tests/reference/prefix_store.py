"""The slow twin of the prefix cache's tree: every prefix of every sequence, one by one.

A token is one byte, a checkpoint as many as it says. All by going through everything.
"""

from dataclasses import dataclass

Prefix = tuple[int, ...]


@dataclass
class Known:
    last_used: int
    is_head: bool
    checkpoint_bytes: int = 0
    checkpoint_last_used: int = 0


class PrefixStore:
    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = self.limit_bytes = budget_bytes
        self.known: dict[Prefix, Known] = {}
        self.clock = 0

    @property
    def nbytes(self) -> int:
        return sum(1 + each.checkpoint_bytes for each in self.known.values())

    def longest(self, token_ids: list[int]) -> int:
        """Return the size of the longest prefix that is also one of a stored one."""
        sizes = [size for size in range(len(token_ids) + 1) if size]
        return max((s for s in sizes if tuple(token_ids[:s]) in self.known), default=0)

    def touch(self, token_ids: list[int]) -> None:
        """Use the longest prefix, and the longest one with a checkpoint."""
        self.clock += 1
        with_checkpoint = None
        for size in range(1, self.longest(token_ids) + 1):
            each = self.known[tuple(token_ids[:size])]
            each.last_used = self.clock
            with_checkpoint = each if each.checkpoint_bytes else with_checkpoint
        if with_checkpoint:
            with_checkpoint.checkpoint_last_used = self.clock

    def insert(
        self, token_ids: list[int], checkpoint_bytes: int, head_size: int
    ) -> None:
        size = self.longest(token_ids)
        self.clock += 1
        for i in range(1, size + 1):
            each = self.known[tuple(token_ids[:i])]
            each.last_used = self.clock
            each.is_head = each.is_head or i <= head_size
        tip = tuple(token_ids[:size])
        self._evict(len(token_ids) - size + checkpoint_bytes, tip)
        for i in range(size + 1, len(token_ids) + 1):
            if self.nbytes + 1 > self.limit_bytes:
                return
            self.known[tuple(token_ids[:i])] = Known(self.clock, i <= head_size)
        end = self.known.get(tuple(token_ids))
        has_room = self.nbytes + checkpoint_bytes <= self.limit_bytes
        if checkpoint_bytes and end and not end.checkpoint_bytes and has_room:
            end.checkpoint_bytes = checkpoint_bytes
            end.checkpoint_last_used = self.clock

    def shrink(self, nbytes: int) -> None:
        self._evict(self.limit_bytes - nbytes, ())

    def _evict(self, nbytes: int, tip: Prefix) -> None:
        heads = [each for each in self.known.values() if each.is_head]
        head_bytes = sum(1 + each.checkpoint_bytes for each in heads)
        spares_heads = 2 * head_bytes <= self.budget_bytes
        while self.nbytes + nbytes > self.limit_bytes:
            ranked = []
            for prefix, each in self.known.items():
                if prefix == tip:
                    continue
                is_leaf = not any(
                    other[:-1] == prefix for other in self.known if other != prefix
                )
                if not is_leaf and not each.checkpoint_bytes:
                    continue
                last_used = each.last_used if is_leaf else each.checkpoint_last_used
                rank = (spares_heads and each.is_head, last_used, -len(prefix))
                ranked.append((rank, is_leaf, prefix))
            if not ranked:
                return
            _, is_leaf, prefix = min(ranked)
            if is_leaf:
                del self.known[prefix]
            else:
                self.known[prefix].checkpoint_bytes = 0
