"""A program in a pseudo-terminal of its own: keys in, all that it writes out."""

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import psutil

DEADLINE_S = 120

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Sequences that move the cursor or change colours."""


class PtySession:
    """Runs a command until the context is left; one that still runs then is killed.

    Args:
        environ: all the variables that it gets.
    """

    def __init__(self, command, environ, lines=24, columns=80):
        self._ours, theirs = pty.openpty()
        self.resize(lines, columns)
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            start_new_session=True,
            # So that Ctrl-C is a signal for it.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.written = ""
        """All that it has written, escape sequences too."""
        self._seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def resize(self, lines, columns):
        """Give the terminal another size; the program is told."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, size)

    def type(self, text):
        """Type something; "\\x03" is Ctrl-C, "\\x04" Ctrl-D."""
        os.write(self._ours, text.encode())

    def interrupt(self):
        """Press Ctrl-C once the program waits for keys.

        One that comes just before it does is seen with the next key only: Python looks
        for signals, and then waits.
        """
        program, spent, since = psutil.Process(self.process.pid), None, 0.0
        deadline = time.monotonic() + DEADLINE_S
        while spent is None or time.monotonic() - since < 0.3:
            assert time.monotonic() < deadline
            if program.cpu_times() != spent:
                spent, since = program.cpu_times(), time.monotonic()
            time.sleep(0.02)
        self.type("\x03")

    def wait_for(self, text):
        """Read until the text comes, after the one before; return what is between."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.new:
            assert self._read(deadline), f"no {text!r} in {self.new[-2000:]!r}"
        before, _, _ = self.new.partition(text)
        self._seen += self.written[self._seen :].index(text) + len(text)
        return before

    @property
    def new(self):
        """What was written since the text that was waited for."""
        return self.written[self._seen :]

    def end(self):
        """Read to the end; return the exit status."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        return self.process.wait(timeout=DEADLINE_S)

    def _read(self, deadline):
        ready, _, _ = select.select([self._ours], [], [], deadline - time.monotonic())
        if not ready:
            raise AssertionError(f"silent after {self.new[-2000:]!r}")
        try:
            read = os.read(self._ours, 65536)
        except OSError:  # Linux says so that the other end is closed
            return False
        self.written += self._decoder.decode(read)
        return bool(read)


def plain(text):
    """Return a text without escape sequences."""
    return ESCAPE.sub("", text)
