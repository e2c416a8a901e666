"""How long the chaos lasts, and the seed that repeats its choices.

PENSIEVE_TEST_CHAOS_S: seconds in all, 45 unless told, 600 by `make chaos`.
PENSIEVE_TEST_CHAOS_SEED: printed at the beginning; another one each time unless told.
"""

import os
import random

CHAOS_S = float(os.environ.get("PENSIEVE_TEST_CHAOS_S", "45"))
SEED = int(
    os.environ.get("PENSIEVE_TEST_CHAOS_SEED", random.SystemRandom().getrandbits(32))
)
BOUND_S = 240.0
"""No request may take longer, whatever is done to the engine meanwhile."""


def dice(what: str) -> random.Random:
    """Return a source of choices of its own for a part of the chaos."""
    print(f"chaos: {what}: PENSIEVE_TEST_CHAOS_SEED={SEED}")
    return random.Random(f"{SEED} {what}")
