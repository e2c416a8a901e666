"""What has to be known of another server to measure it."""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal


@dataclass(frozen=True)
class Rival:
    """A server that a command starts.

    Attributes:
        command: with {port}, and {model} for what it is to serve.
        api: which of the two it is asked by.
        request_model: what stands as the model in a request.
        module: of Python, that it is; empty: its program is looked for in PATH.
        tried: whether this project has ever measured it, and where.
    """

    name: str
    command: str
    api: Literal["anthropic", "openai"]
    request_model: str = "{model}"
    module: str = ""
    tried: str = "never"

    @property
    def is_installed(self) -> bool:
        """Whether it can be started here."""
        if self.module:
            return find_spec(self.module) is not None
        return shutil.which(self.command.split()[0]) is not None


PYTHON = sys.executable
