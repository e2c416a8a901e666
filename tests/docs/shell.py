"""One shell for a page: commands in, what they show and how they end out."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import platformdirs
from docs.pages import steps

DEADLINE_S = 300
"""No command takes this long; one that would is killed, with all that it started."""

USUAL_PORT = "7777"
"""On the pages; here it is a free one."""


class Shell:
    """A shell in a home and a folder of its own.

    Args:
        home: where all that is written goes.
        folder: where commands run.
        path: folders before the usual ones on PATH.
        environ: more variables.
    """

    def __init__(self, home, folder, path=(), **environ):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        places = [*map(str, path), str(Path(sys.executable).parent)]
        self.environ = {
            "PATH": os.pathsep.join([*places, os.environ["PATH"]]),
            "HOME": str(home),
            "PENSIEVE_HOME": str(home / "pensieve"),
            "PENSIEVE_PORT": self.port,
            "DEMO_PORT": self.port,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            # With another HOME it would fetch the same 100 MB for each page.
            "PIP_CACHE_DIR": platformdirs.user_cache_dir("pip"),
            **environ,
        }
        self._output = home / "output"
        self._shell = subprocess.Popen(
            ["sh"],
            cwd=folder,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._status = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        # Not in the shell, which may be gone.
        stop = [sys.executable, "-m", "pensieve", "stop"]
        subprocess.run(
            stop, env=self.environ, check=True, capture_output=True, timeout=DEADLINE_S
        )
        self._shell.stdin.close()
        self._shell.wait(timeout=DEADLINE_S)
        self._shell.stdout.close()

    def check(self, block):
        """Run a block's commands, and see that they do what it says.

        Each has to end with 0 unless `echo $?` comes next, and to show what the page
        shows, if that is anything.
        """
        all_steps = steps(block)
        for step, following in itertools.zip_longest(all_steps, all_steps[1:]):
            output, status = self.run(step.command)
            told = f"{block}: $ {step.command}\n{output}\n(exit status {status})"
            if following is None or following.command != "echo $?":
                assert status == 0, told
            if step.shown is not None:
                assert fits(self.here(step.shown), output), told

    def run(self, command):
        """Run a command; return its output, stderr in it, and its exit status."""
        end = uuid.uuid4().hex
        command = self.here(command)
        self._shell.stdin.write(
            f"(exit {self._status})\n"  # for `echo $?`
            f"{{ {command}\n}} </dev/null >{self._output} 2>&1\n"
            f"echo {end} $?\n"
        )
        self._shell.stdin.flush()
        said = self._within_deadline(command)
        assert said.startswith(end), f"{command}: the shell said {said!r}"
        self._status = int(said.split()[1])
        output = self._output.read_text(encoding="utf-8", errors="replace")
        return output.removesuffix("\n"), self._status

    def _within_deadline(self, command):
        signal.signal(signal.SIGALRM, self._kill)
        signal.alarm(DEADLINE_S)
        try:
            return self._shell.stdout.readline()
        finally:
            signal.alarm(0)

    def _kill(self, *_):
        os.killpg(self._shell.pid, signal.SIGKILL)

    def here(self, text):
        """Return a page's text with the port that is used here."""
        return text.replace(USUAL_PORT, self.port)


def fits(shown, output):
    """Whether a page's output is the real one: "..." stands for anything in a line.

    A line of "..." alone stands for any number of lines.
    """
    pattern = "\n".join(
        "<lines>" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*")
        for line in (line.rstrip() for line in shown.splitlines())
    )
    pattern = pattern.replace("<lines>\n", r"(?:.*\n)*").replace(
        "\n<lines>", r"(?:\n.*)*"
    )
    output = "\n".join(line.rstrip() for line in output.splitlines())
    return re.fullmatch(pattern.replace("<lines>", r"(?:.|\n)*"), output) is not None
