"""The user's own Claude Code: where it is, its version, and which were tested."""

import re
import shutil
import subprocess
from pathlib import Path

TESTED = {
    "2.1.330": "the whole of tests/claude_code",
    "2.1.197": "the agent's tasks of tests/claude_code",
}
"""Version → what was run with it."""

INSTALL = "npm install -g @anthropic-ai/claude-code"

_USUAL_PLACES = (".local/bin/claude", ".claude/local/claude")
"""Of its installers, below the home folder; shells do not always have them on PATH."""
_ANSWER_S = 20.0


def find() -> Path | None:
    """Return the path of Claude Code, None where it is not installed."""
    if found := shutil.which("claude"):
        return Path(found)
    for place in _USUAL_PLACES:
        if found := shutil.which(Path.home() / place):
            return Path(found)
    return None


def version(binary: Path) -> str | None:
    """Return for example "2.1.330", None where it does not say."""
    try:
        said = subprocess.run(
            [binary, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_S,
        ).stdout
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    number = re.match(r"\d+\.\d+\.\d+", said)
    return number[0] if number else None
