"""The model that is set: whether it is there, runs, and fits into memory.

What of it decides whether anything works at all is checked at every start, too, by
`serve/preflight.py` and by the server itself.
"""

from pensieve.cli.claude_code.environment import MIN_WINDOW
from pensieve.cli.doctor.check import Check, fail, ok, warn
from pensieve.cli.recommend import advice_in_words
from pensieve.errors import ModelError
from pensieve.machine import Machine
from pensieve.machine_memory import Reading, read_memory
from pensieve.models import files, store
from pensieve.models.description import ModelDescription
from pensieve.models.fit import shortage
from pensieve.models.memory_estimate import (
    PROCESSES_BYTES,
    MemoryEstimate,
    estimate,
)
from pensieve.models.sizes import size_text
from pensieve.prompt.builder import PromptBuilder


def find_model(name: str) -> tuple[Check, ModelDescription | None]:
    """Look whether the model is there, and of a kind that runs."""
    try:
        description = files.describe(store.resolve(name), name)
        PromptBuilder.open(description)
    except (ModelError, OSError) as error:
        return fail("model", str(error), advice_in_words()), None
    size = size_text(description.size_bytes)
    found = f"{description.name}: {description.architecture}, {size}"
    return ok("model", found), description


def window(description: ModelDescription) -> Check:
    """Look whether Claude Code's full prompt leaves room for work."""
    tokens = description.context_length
    if tokens >= MIN_WINDOW:
        return ok("window", f"{tokens:,} tokens, enough for Claude Code")
    found = f"{tokens:,} tokens; work with Claude Code takes {MIN_WINDOW:,} or more"
    advice = f"`pensieve claude --bare` has a short prompt. {advice_in_words()}"
    return warn("window", found, advice)


def memory(
    description: ModelDescription, machine: Machine, reading: Reading | None
) -> Check:
    """Compare what the model will take with what there is.

    Args:
        reading: what can be had now; None: the model is in memory already.
    """
    try:
        need = estimate(description.path, machine.gpu_bytes is not None)
    except (ModelError, OSError) as error:
        return fail("memory", str(error), "pull the model again")
    tokens = description.context_length
    found = _in_words(need, tokens)
    if (told := shortage(need, machine)) is not None:
        return fail("memory", f"{found}; {told}", advice_in_words())
    room = machine.usable_bytes
    if reading is not None:
        room = reading.free_bytes if machine.gpu_bytes is None else room
        room = min(room, machine.usable_bytes)
        found += f"; {size_text(reading.free_bytes)} free ({reading.bound})"
    if reading is not None and need.weights_bytes + PROCESSES_BYTES > room:
        return warn("memory", found, "end other programs before you start the server")
    fitting = need.max_tokens(room - PROCESSES_BYTES, tokens)
    if fitting is not None and fitting < tokens:
        advice = f"prompts up to some {fitting:,} tokens fit, longer ones are refused"
        return warn("memory", found, advice)
    return ok("memory", found)


def needed_bytes(description: ModelDescription, on_gpu: bool) -> int | None:
    """Return what the model takes at its whole window; None: its files do not tell."""
    try:
        need = estimate(description.path, on_gpu)
    except (ModelError, OSError):
        return None
    tokens = description.context_length
    kv_bytes, prefill = need.kv_bytes(tokens), need.prefill_bytes(tokens)
    if kv_bytes is None:
        return None
    return need.weights_bytes + kv_bytes + (prefill or 0)


def free_memory() -> Reading:
    """Return what can be had now."""
    return read_memory()


def _in_words(need: MemoryEstimate, tokens: int) -> str:
    parts = [f"weights {size_text(need.weights_bytes)}"]
    kv_bytes, prefill = need.kv_bytes(tokens), need.prefill_bytes(tokens)
    if kv_bytes is not None:
        parts.append(f"keys and values {size_text(kv_bytes)} at {tokens:,} tokens")
    if prefill is not None:
        parts.append(f"reading such a prompt some {size_text(prefill)}")
    return ", ".join(parts)
