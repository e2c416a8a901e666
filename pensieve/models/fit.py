"""Whether a machine's memory can hold a model at all, whatever else it gives up."""

from pathlib import Path

from pensieve.errors import ModelError
from pensieve.machine import Machine, read_machine, wider_limit
from pensieve.models.memory_estimate import PROCESSES_BYTES, MemoryEstimate, estimate
from pensieve.models.recommending import advice_in_words
from pensieve.models.sizes import size_text


def check_fits(path: Path, name: str) -> None:
    """Refuse a model that no freeing of memory could make work.

    Args:
        path: its files.
        name: what a person calls it.

    Raises:
        ModelError: the machine has less memory than its weights take, or the files are
            damaged.
        OSError: they cannot be read.
    """
    machine = read_machine()
    told = shortage(estimate(path, machine.gpu_bytes is not None), machine)
    if told is not None:
        raise ModelError(f"{name}: {told}. {advice_in_words(machine)}")


def shortage(need: MemoryEstimate, machine: Machine) -> str | None:
    """Return why even the weights alone do not fit, None if they do."""
    most = machine.memory_bytes if machine.gpu_bytes is None else machine.gpu_bytes
    needed = need.weights_bytes + PROCESSES_BYTES
    if needed <= most:
        return None
    told = (
        f"its weights take {size_text(need.weights_bytes)} of memory, and here are"
        f" {size_text(most)} in all"
    )
    command = wider_limit(machine, needed)
    return told if command is None else f"{told} for the GPU; {command} allows more"
