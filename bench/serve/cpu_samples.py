"""Where a process spends its CPU time: its own stacks, taken as that time passes.

The system's timer for CPU time (ITIMER_PROF) interrupts the process; what waits is not
counted, unlike with profilers that look on from outside. The Python handler runs at the
next bytecode, so a call into C counts for the line that makes it.
"""

import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

SAMPLES_FILE = "BENCH_SAMPLES"
"""Environment variable: where they are to be written."""
INTERVAL_S = 0.002
WAITING = {"_worker", "run"}
"""Functions whose threads wait: of the pool of threads, and gunicorn's event loop."""

Stack = tuple[str, ...]
"""`path:function`, the innermost last."""


class CpuSamples:
    """Counts stacks until they are written."""

    def __init__(self) -> None:
        self._counts: Counter[Stack] = Counter()
        self._main = threading.main_thread().ident

    def begin(self) -> None:
        """Forget what was counted and count from now on. In the main thread."""
        self._counts.clear()
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def end(self, file: Path) -> None:
        """Stop counting and write the stacks: `frame;frame;… count` on each line."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = [f"{';'.join(stack)} {count}" for stack, count in self._counts.items()]
        file.write_text("\n".join(lines))

    def _take(self, number: int, frame: FrameType | None) -> None:
        others = sys._current_frames()
        others.pop(self._main or 0, None)
        running = [
            each for each in others.values() if each.f_code.co_name not in WAITING
        ]
        # Another thread works while the main one waits for what there is to do.
        is_idle = frame is None or frame.f_code.co_name in WAITING
        self._counts[_stack(running[0] if is_idle and running else frame)] += 1


def _stack(frame: FrameType | None) -> Stack:
    names = []
    while frame is not None:
        names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(names))
