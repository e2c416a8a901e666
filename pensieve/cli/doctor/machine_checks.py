"""The machine, its operating system, the GPU's limit, and disk space."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from pensieve import places
from pensieve.cli.doctor.check import Check, fail, ok, warn
from pensieve.machine import Machine, wider_limit
from pensieve.models.sizes import size_text

MIN_PYTHON = (3, 11)
MIN_MACOS = (14,)
MIN_GLIBC = (2, 35)
"""Of MLX's wheels for Linux."""

LITTLE_DISK = 10 * 10**9
NO_DISK = 10**9
"""Bytes. A model for work with Claude Code has 6 GB and more."""


def hardware(machine: Machine) -> Check:
    """Say what the machine is."""
    memory = size_text(machine.memory_bytes)
    found = f"{machine.chip}, {machine.num_cores} cores, {memory} of memory"
    return ok("hardware", found)


def system(machine: Machine) -> Check:
    """Look whether MLX runs on this operating system."""
    python = platform.python_version()
    found = f"{machine.release}, {machine.architecture}, Python {python}"
    if machine.system == "Darwin":
        if machine.architecture != "arm64":
            return fail("system", found, "MLX needs a Mac with Apple Silicon")
        if machine.os_version < MIN_MACOS:
            return fail("system", found, "update macOS: MLX needs 14 or newer")
    elif machine.architecture != "x86_64":
        return warn("system", found, "Pensieve was tried on x86_64 only, under Linux")
    elif machine.os_version and machine.os_version < MIN_GLIBC:
        version = ".".join(map(str, machine.os_version))
        advice = f"MLX needs glibc 2.35 or newer, as Debian 12 has; here is {version}"
        return fail("system", found, advice)
    return ok("system", found)


def wired_limit(machine: Machine, needed_bytes: int | None) -> Iterator[Check]:
    """Look whether macOS lets the GPU hold what the model needs; nothing elsewhere.

    Args:
        needed_bytes: of the model at its whole window; None: not known.
    """
    if machine.wired_limit_mb is None or machine.gpu_bytes is None:
        return
    origin = "as set" if machine.wired_limit_mb else "macOS's own choice"
    found = f"the GPU may hold {size_text(machine.gpu_bytes)} ({origin})"
    if needed_bytes is None or needed_bytes <= machine.gpu_bytes:
        yield ok("GPU memory", found)
        return
    found += f", the model needs {size_text(needed_bytes)} at its whole window"
    command = wider_limit(machine, needed_bytes)
    if command is None:
        yield warn("GPU memory", found, "long prompts are refused: a smaller model")
        return
    advice = f"{command} lets it hold more, until the next restart; 0 undoes it"
    yield warn("GPU memory", found, advice)


def disk() -> Iterator[Check]:
    """Look at the space for models and for the prefix cache."""
    seen = set()
    for name, folder in (
        ("models", places.models_dir()),
        ("cache", places.cache_dir()),
    ):
        there = _existing(folder)
        device = there.stat().st_dev
        if device in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        found = f"{size_text(free)} free for {name} at {folder}"
        advice = "`pensieve list` and `pensieve cache status` say what could go"
        if free < NO_DISK:
            yield fail("disk", found, advice)
        elif free < LITTLE_DISK:
            yield warn("disk", found, advice)
        else:
            yield ok("disk", found)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest above it that there is."""
    return next(each for each in (folder, *folder.parents) if each.exists())
