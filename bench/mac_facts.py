"""What a machine is, as its owner would say it."""

import platform
import subprocess

import psutil


def is_a_mac() -> bool:
    """Whether this is a Mac with Apple Silicon."""
    return platform.system() == "Darwin" and platform.machine() == "arm64"


def facts() -> dict[str, str]:
    """Return what there is to say of this machine."""
    found = {
        "hardware": _hardware(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": _system(),
        "python": platform.python_version(),
    }
    if is_a_mac():
        cores = ("hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu")
        fast, slow = map(_sysctl, cores)
        found["cores"] = f"{fast} fast, {slow} efficient, {_gpu_cores()} of the GPU"
        found["power"] = _first_line("pmset", "-g", "batt")
    else:
        found["cores"] = f"{psutil.cpu_count()} of the CPU"
    return found


def _hardware() -> str:
    if is_a_mac():
        return f"{_sysctl('hw.model')}, {_sysctl('machdep.cpu.brand_string')}"
    return f"{platform.machine()}, no Mac"


def _system() -> str:
    if is_a_mac():
        return f"macOS {platform.mac_ver()[0]}"
    return platform.platform()


def _sysctl(name: str) -> str:
    return _first_line("sysctl", "-n", name)


def _gpu_cores() -> str:
    lines = _printed("system_profiler", "SPDisplaysDataType").splitlines()
    counts = (line.split(":")[1] for line in lines if "Total Number of Cores" in line)
    return next(counts, "?").strip()


def _first_line(*command: str) -> str:
    return next(iter(_printed(*command).splitlines()), "?").strip()


def _printed(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""
