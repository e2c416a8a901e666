"""A program in a terminal of its own, by tmux: keys in, the screen out."""

import shlex
import subprocess
import time
import uuid

WIDTH, HEIGHT = 150, 60


class Terminal:
    """Runs a command until the context is left.

    Args:
        environ: all the variables that it gets.
    """

    def __init__(self, command, cwd, environ):
        self._name = f"pensieve-test-{uuid.uuid4().hex[:8]}"
        variables = [f"{name}={value}" for name, value in environ.items()]
        self._command = shlex.join(["env", "-i", *variables, *map(str, command)])
        self._cwd = cwd

    def __enter__(self):
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self._tmux("new-session", "-d", *size, "-c", str(self._cwd), self._command)
        return self

    def __exit__(self, *exc):
        self._tmux("kill-server")

    def _tmux(self, *words):
        # A server of its own, without the user's settings.
        command = ["tmux", "-L", self._name, "-f", "/dev/null", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True)

    def screen(self):
        """Return what is seen, and what has scrolled away above it."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-2000").stdout

    def type(self, text):
        """Type a line. The client takes Enter in the same breath for a pasted one."""
        self._tmux("send-keys", "-l", text)
        time.sleep(0.5)
        self._tmux("send-keys", "Enter")

    def press(self, key):
        """Press a key by tmux's name for it, such as C-c."""
        self._tmux("send-keys", key)

    def wait_for(self, text, timeout_s=120.0):
        """Wait until the text is on the screen; return the screen."""
        deadline = time.monotonic() + timeout_s
        while text not in (screen := self.screen()):
            assert time.monotonic() < deadline, f"no {text!r} in:\n{screen}"
            time.sleep(0.2)
        return screen
