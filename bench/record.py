"""What a measurement was taken on, and the JSON line that keeps it."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version


def record(name: str, figures: dict[str, object], commit: str = "") -> str:
    """Return one line of JSON: figures, machine, versions and commit.

    Args:
        commit: empty: that of the folder which this runs in.
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
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
    )
    return told.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            names = (line.split(":", 1)[1] for line in lines if "model name" in line)
            return next(names, platform.processor()).strip()
    except OSError:
        return platform.processor()
