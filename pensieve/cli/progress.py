"""One line that tells what goes on: moving on a terminal, a line a change elsewhere."""

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield what shows a text on stderr in place of the one before."""
    if not sys.stderr.isatty():
        yield lambda text: print(text, file=sys.stderr, flush=True)
        return
    # Not at the top: rich takes longer to import than most verbs take to run.
    from rich.console import Console

    with Console(stderr=True).status("") as line:
        yield lambda text: line.update(text)
