"""How much memory the operating system can still give this process.

The least of what the machine has left, what the process's control groups have (Linux:
versions 1 and 2, with all groups above), and what its own limits allow. A reading never
raises: a part that cannot be read bounds nothing.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

UNBOUNDED = 1 << 62
"""More than any machine has: what a part that bounds nothing can give."""
LOOK_INTERVAL_S = 0.25
"""Between two readings that are paid for; a reading takes less than 1 ms."""
MAX_SHARE = 0.01
"""Of the time, that readings may take: a slow one is followed by a longer pause."""


class Reading(NamedTuple):
    """Memory that can still be had."""

    free_bytes: int
    bound: str
    """What bounds it: "machine", "control group", "process limit", or a device."""


def read_memory(root: Path = Path("/")) -> Reading:
    """Return what can be had now. Any thread.

    Args:
        root: where proc and the mounts that it names are.
    """
    return min(
        Reading(_machine_bytes(), "machine"),
        Reading(control_group_bytes(root), "control group"),
        Reading(_limit_bytes(), "process limit"),
    )


class RecentReading:
    """A reading that is seldom older than LOOK_INTERVAL_S, and cheap to ask for.

    Args:
        read: does not raise.
        clock: in seconds.
    """

    def __init__(
        self,
        read: Callable[[], Reading] = read_memory,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._due_at = clock()
        self._last = Reading(UNBOUNDED, "machine")

    @property
    def is_due(self) -> bool:
        """Whether asking would read anew."""
        return self._clock() >= self._due_at

    def __call__(self) -> Reading:
        """Return what can be had, read now or a moment ago."""
        return self.now() if self.is_due else self._last

    def now(self) -> Reading:
        """Read, whenever the last time was."""
        begun_at = self._clock()
        self._last = self._read()
        took_s = self._clock() - begun_at
        self._due_at = begun_at + max(LOOK_INTERVAL_S, took_s / MAX_SHARE)
        return self._last


def _machine_bytes() -> int:
    try:
        return int(psutil.virtual_memory().available)
    except (psutil.Error, OSError, ValueError, RuntimeError):
        return UNBOUNDED


def _limit_bytes() -> int:
    """Return what `ulimit -v` and `ulimit -d` leave. macOS does not enforce them."""
    if sys.platform != "linux":
        return UNBOUNDED
    import resource

    try:
        used = psutil.Process().memory_info()
        rooms = [
            max(0, limit - used_bytes)
            for name, used_bytes in (
                (resource.RLIMIT_AS, used.vms),
                (resource.RLIMIT_DATA, used.data),
            )
            if (limit := resource.getrlimit(name)[0]) != resource.RLIM_INFINITY
        ]
    except (psutil.Error, OSError, ValueError):
        return UNBOUNDED
    return min(rooms, default=UNBOUNDED)


# ----- Control groups -----


class _Group(NamedTuple):
    """The files of one version."""

    limits: tuple[str, ...]
    used: str
    reclaimable: tuple[str, ...]
    """Names in memory.stat, the first that is there: file pages that are not in use."""


# memory.high does not kill, but slows a group that is above it down to nothing.
_V2 = _Group(("memory.max", "memory.high"), "memory.current", ("inactive_file",))
_V1 = _Group(
    ("memory.limit_in_bytes",),
    "memory.usage_in_bytes",
    ("total_inactive_file", "inactive_file"),
)


def control_group_bytes(root: Path) -> int:
    """Return what the process's groups can still give; UNBOUNDED without any.

    Args:
        root: where proc and the mounts that it names are.
    """
    mounts = _text(root / "proc/self/mountinfo")
    groups = _text(root / "proc/self/cgroup")
    room = UNBOUNDED
    for folder, files in _folders(root, mounts, groups):
        with contextlib.suppress(ValueError):
            room = min(room, _room(folder, files))
    return room


def control_group_limit(root: Path) -> int:
    """Return the most that the process's groups may have; UNBOUNDED without any."""
    mounts = _text(root / "proc/self/mountinfo")
    groups = _text(root / "proc/self/cgroup")
    found = [_limit(folder, files) for folder, files in _folders(root, mounts, groups)]
    return min(found, default=UNBOUNDED)


def _limit(folder: Path, files: _Group) -> int:
    texts = [_text(folder / name) for name in files.limits]
    return min((int(text) for text in texts if text.isdecimal()), default=UNBOUNDED)


def _folders(root: Path, mounts: str, groups: str) -> Iterator[tuple[Path, _Group]]:
    """Yield the folders of the process's memory groups, and of those above them."""
    paths = _group_paths(groups)
    for line in mounts.splitlines():
        # SPEC: proc_pid_mountinfo(5): … root mount_point options … - type source super
        mount, _, kind = line.partition(" - ")
        fields, kinds = mount.split(), kind.split()
        if len(fields) < 5 or len(kinds) < 3:
            continue
        if kinds[0] == "cgroup2":
            files, path = _V2, paths.get("")
        elif kinds[0] == "cgroup" and "memory" in kinds[2].split(","):
            files, path = _V1, paths.get("memory")
        else:
            continue
        if path is None:
            continue
        # The mount may show a part of the hierarchy only, as in a container.
        top = root / fields[4].lstrip("/")
        is_shown = Path(path).is_relative_to(fields[3]) and ".." not in path
        inside = Path(path).relative_to(fields[3]).parts if is_shown else ()
        for depth in range(len(inside) + 1):
            yield top.joinpath(*inside[:depth]), files


def _group_paths(groups: str) -> dict[str, str]:
    """Return the process's path by controller; by "" in version 2."""
    paths = {}
    for line in groups.splitlines():
        # SPEC: cgroups(7): hierarchy:controllers:path
        fields = line.split(":", 2)
        if len(fields) == 3:
            for controller in fields[1].split(","):
                paths[controller] = fields[2]
    return paths


def _room(folder: Path, files: _Group) -> int:
    """Return what one group can still give; UNBOUNDED where it has no limit.

    Raises:
        ValueError: a file says something else than a number.
    """
    limits = [
        int(text)
        for name in files.limits
        if (text := _text(folder / name)) not in ("", "max")
    ]
    used = _text(folder / files.used)
    if not limits or not used:
        return UNBOUNDED
    stat = dict(
        line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines()
    )
    unused = next((int(stat[name]) for name in files.reclaimable if name in stat), 0)
    return max(0, min(limits) - int(used) + unused)


def _text(path: Path) -> str:
    """Return a file's content, empty where it cannot be read."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
