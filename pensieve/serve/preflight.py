"""Whether models can be served here, before a server is started for them or reloaded.

As a program, `python -m pensieve.serve.preflight MODEL…`: exit status 1, and one
sentence on stderr, where one cannot.
"""

import sys
from pathlib import Path

from pensieve.errors import PensieveError
from pensieve.models import files, store
from pensieve.models.fit import check_fits
from pensieve.prompt.builder import PromptBuilder


def check_model(name: str) -> Path:
    """Return where the model is.

    Args:
        name: an alias, a pulled model, or a path.

    Raises:
        ModelError: it is not there, of a kind that Pensieve does not run, or larger
            than this machine's memory.
        OSError: its files cannot be read.
    """
    path = store.resolve(name)
    PromptBuilder.open(files.describe(path, name))
    check_fits(path, name)
    return path


def main(words: list[str]) -> int:
    """Check the models that are named; return the exit status."""
    try:
        for word in words:
            check_model(word)
    except (PensieveError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
