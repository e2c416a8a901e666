"""What a measurement was taken on, and the JSON line that keeps it."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path


def record(name: str, figures: Mapping[str, object], commit: str = "") -> str:
    """Return one line of JSON: figures, machine, versions and commit.

    Args:
        commit: empty: that of the repository which this file is in.
    """
    return json.dumps(
        {
            "bench": name,
            "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit or _commit(),
            "machine": {
                "system": f"{platform.system()} {platform.machine()}",
                "processor": _processor(),
                "num_cores": os.cpu_count(),
                "load_average": [round(load, 2) for load in os.getloadavg()],
            },
            "versions": {
                package: version(package) for package in ("pensieve", "mlx", "mlx-lm")
            },
            "figures": figures,
        }
    )


def _commit() -> str:
    folder = Path(__file__).parent
    # Installed in an environment inside somebody's repository, it is not of that.
    if not _git(folder, "ls-files", Path(__file__).name):
        return "unknown"
    return _git(folder, "describe", "--always", "--dirty", "--exclude=*") or "unknown"


def _git(folder: Path, *words: str) -> str:
    try:
        told = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True
        )
    except FileNotFoundError:
        return ""
    return told.stdout.strip()


def _processor() -> str:
    if platform.system() == "Darwin":
        told = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True
        )
        return told.stdout.strip() or platform.processor()
    try:
        with open("/proc/cpuinfo") as lines:
            names = (line.split(":", 1)[1] for line in lines if "model name" in line)
            return next(names, platform.processor()).strip()
    except OSError:
        return platform.processor()
