"""How much memory the prefix cache may take, where nobody has said it."""

import psutil

from pensieve.engine.device_memory import read_device_memory

RESERVED_BYTES = 2 << 30
"""Left to all else before anything is cached: below it memory is short."""
SHARE = 0.4
"""Of the rest. What is left is for the sequences at work, whose caches are their own,
and for what a prefill computes on the way."""
LEAST_PART = 16


def default_budget_bytes() -> int:
    """Return a share of the memory that is free now, after the model is loaded.

    Where memory happens to be short now, a small part of the machine's: the budget is
    for the engine's whole life, and what is kept grows only into what is free then.
    """
    least = int(psutil.virtual_memory().total) // LEAST_PART
    return max(least, budget_bytes(read_device_memory().free_bytes))


def budget_bytes(free_bytes: int) -> int:
    """Return the cache's share of so much memory."""
    return max(0, int(SHARE * (free_bytes - RESERVED_BYTES)))
