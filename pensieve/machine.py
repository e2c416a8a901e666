"""The machine: its kind, chip and memory, and what of it a model can use.

Nothing here raises: what a system does not tell is None, or as small as can be. Of a
Mac it is read by `sysctl`; that has run on simulated Macs only.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import msgspec
import psutil

from pensieve.machine_memory import UNBOUNDED, control_group_limit

Command = Callable[[list[str]], str]
"""A command's output, empty where it cannot be run."""

_ANSWER_S = 5.0
_WIRED_LIMIT = "iogpu.wired_limit_mb"

# GB/s: https://en.wikipedia.org/wiki/Apple_silicon for M1 to M4, of chips in several
# forms the slowest; those of the M5 Pro and Max are from the press.
BANDWIDTHS = {
    "M1": 68,
    "M1 Pro": 200,
    "M1 Max": 400,
    "M1 Ultra": 800,
    "M2": 100,
    "M2 Pro": 200,
    "M2 Max": 400,
    "M2 Ultra": 800,
    "M3": 100,
    "M3 Pro": 150,
    "M3 Max": 300,
    "M3 Ultra": 819,
    "M4": 120,
    "M4 Pro": 273,
    "M4 Max": 410,
    "M5": 153,
    "M5 Pro": 307,
    "M5 Max": 460,
}

_CUDA_BANDWIDTH = 900
_CPU_BANDWIDTH = 25
"""GB/s, estimates: of an older data centre's GPU, of two channels of a PC's memory."""


class Machine(msgspec.Struct, frozen=True):
    """What `pensieve doctor` and `pensieve models recommend` go by."""

    system: str
    """"Darwin" or "Linux"."""
    release: str
    """Of the operating system, for people."""
    os_version: tuple[int, ...]
    """Of macOS; of Linux, its C library's."""
    architecture: str
    chip: str
    num_cores: int
    memory_bytes: int
    """Of the machine, or what its control group allows."""
    device: str
    """What MLX runs on: "Metal", "CUDA" or "CPU"."""
    gpu_bytes: int | None
    """What the GPU may hold at a time; None: there is none."""
    wired_limit_mb: int | None
    """As it was set on a Mac; 0: not; None: no Mac."""
    bandwidth: int | None
    """GB/s of the memory that weights are read from; None: not known."""

    @property
    def usable_bytes(self) -> int:
        """What a model may take: of a CPU's memory a quarter is left to others."""
        if self.gpu_bytes is not None:
            return self.gpu_bytes
        return self.memory_bytes * 3 // 4


def run_command(command: list[str]) -> str:
    """Return what the command prints."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def read_machine(run: Command = run_command) -> Machine:
    """Return this machine.

    Args:
        run: runs `sysctl` and `nvidia-smi`.
    """
    return _mac(run) if sys.platform == "darwin" else _linux(run)


def default_wired_bytes(memory_bytes: int) -> int:
    """Return what macOS lets the GPU hold where `iogpu.wired_limit_mb` is 0.

    Two thirds, of more than 36 GB three quarters: as users report it, not documented.
    """
    if memory_bytes <= 36 << 30:
        return memory_bytes * 2 // 3
    return memory_bytes * 3 // 4


def wider_limit(machine: Machine, needed_bytes: int) -> str | None:
    """Return what lets a Mac's GPU hold so much, None where nothing does."""
    # Some GB have to stay for the system itself.
    most = machine.memory_bytes - max(4 << 30, machine.memory_bytes // 8)
    if machine.wired_limit_mb is None or needed_bytes > most:
        return None
    limit_mb = min(most, needed_bytes + (1 << 30)) >> 20
    return f"sudo sysctl {_WIRED_LIMIT}={limit_mb}"


def _mac(run: Command) -> Machine:
    chip = run(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.processor()
    memory_bytes = _memory_bytes()
    limit = run(["sysctl", "-n", _WIRED_LIMIT])
    wired_limit_mb = int(limit) if limit.isdecimal() else 0
    version = platform.mac_ver()[0]
    return Machine(
        system="Darwin",
        release=f"macOS {version}",
        os_version=_numbers(version),
        architecture=platform.machine(),
        chip=chip,
        num_cores=os.cpu_count() or 1,
        memory_bytes=memory_bytes,
        device="Metal",
        gpu_bytes=wired_limit_mb << 20 or default_wired_bytes(memory_bytes),
        wired_limit_mb=wired_limit_mb,
        bandwidth=BANDWIDTHS.get(chip.removeprefix("Apple ")),
    )


def _linux(run: Command) -> Machine:
    names = {each.name for each in distributions()}
    gpu_mb = ""
    if any(name and name.startswith("mlx-cuda") for name in names):
        query = [
            "nvidia-smi",
            "--query-gpu=memory.total",
            "--format=csv,noheader,nounits",
        ]
        gpu_mb = (run(query).splitlines() or [""])[0].strip()
    has_gpu = gpu_mb.isdecimal()
    return Machine(
        system="Linux",
        release=_linux_name(),
        os_version=_numbers(platform.libc_ver()[1]),
        architecture=platform.machine(),
        chip=_linux_chip(),
        num_cores=len(os.sched_getaffinity(0)),
        memory_bytes=min(_memory_bytes(), control_group_limit(Path("/"))),
        device="CUDA" if has_gpu else "CPU",
        gpu_bytes=int(gpu_mb) << 20 if has_gpu else None,
        wired_limit_mb=None,
        bandwidth=_CUDA_BANDWIDTH if has_gpu else _CPU_BANDWIDTH,
    )


def _memory_bytes() -> int:
    try:
        return int(psutil.virtual_memory().total)
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return UNBOUNDED


def _linux_name() -> str:
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        name = None
    return name or f"Linux {platform.release()}"


def _linux_chip() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
