"""Keys as they are pressed, without Enter."""

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator

Wait = Callable[[float], str]
"""Waits so many seconds, or until a key comes; returns the keys, empty for none."""


@contextlib.contextmanager
def keys() -> Iterator[Wait]:
    """Give what waits for keys; where stdin is no terminal, it only waits."""
    try:
        import termios
        import tty

        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (ImportError, OSError, ValueError, termios.error):
        yield _slept
        return
    # Ctrl-C stays a signal.
    tty.setcbreak(terminal)
    try:
        yield lambda seconds: _pressed(terminal, seconds)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _pressed(terminal: int, seconds: float) -> str:
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return ""
    pressed = os.read(terminal, 64)
    # Of a terminal that is gone, nothing can be read, at once.
    return pressed.decode(errors="replace") if pressed else "q"


def _slept(seconds: float) -> str:
    time.sleep(seconds)
    return ""
