"""`pensieve claude` as a person has it: a home, a project, no configuration."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path


class Person:
    """Has Claude Code on PATH, and Pensieve with a model of a name or path.

    Args:
        home: where all that either writes goes.
    """

    def __init__(self, home, claude, model):
        self.home = home
        self.config = home / ".claude"
        self.project = home / "project"
        for folder in (self.config, self.project, home / "bin", home / "pensieve"):
            folder.mkdir(parents=True, exist_ok=True)
        (home / "bin" / "claude").symlink_to(claude)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        scripts = Path(sys.executable).parent
        self.environ = {
            "PATH": f"{home / 'bin'}:{scripts}:{os.environ['PATH']}",
            "HOME": str(home),
            "CLAUDE_CONFIG_DIR": str(self.config),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "PENSIEVE_HOME": str(home / "pensieve"),
            "PENSIEVE_PORT": str(self.port),
            "PENSIEVE_MODEL": str(model),
            "PENSIEVE_LOG_LEVEL": "debug",
        }

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self("stop")

    def __call__(self, *words, stdin="", **environ):
        """Run a verb of Pensieve's to its end."""
        return self.run([sys.executable, "-m", "pensieve", *words], stdin, **environ)

    def run(self, command, stdin="", **environ):
        """Run any command in the project."""
        return subprocess.run(
            command,
            cwd=self.project,
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def events(self, prompt, *words):
        """Run one prompt by `pensieve claude`; return what Claude Code tells of it."""
        told = ["--output-format", "stream-json", "--verbose"]
        ran = self("claude", "-p", *told, *words, stdin=prompt)
        assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
        return [json.loads(line) for line in ran.stdout.splitlines()]

    @property
    def log(self):
        """What the server has said."""
        path = self.home / "pensieve" / "logs" / f"server-{self.port}.log"
        return path.read_text(encoding="utf-8")

    def skip_onboarding(self):
        """Answer beforehand what Claude Code asks in its first session ever."""
        trusted = {
            "hasTrustDialogAccepted": True,
            "hasCompletedProjectOnboarding": True,
        }
        settings = {
            "hasCompletedOnboarding": True,
            "theme": "dark",
            "projects": {str(self.project): trusted},
        }
        path = self.config / ".claude.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
