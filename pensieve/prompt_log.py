"""What clients ask and are answered, kept out of the log unless the user wants it.

All text of a request that is logged goes through here, and so does what an exception
says, which may quote it. Each such line begins with MARK.
"""

import logging
import traceback

MARK = "PROMPT TEXT:"

_log = logging.getLogger("pensieve.prompts")
_log.disabled = True


def switch(is_on: bool) -> None:
    """Have text logged from now on, or not. It is off at first."""
    _log.disabled = not is_on
    _log.setLevel(logging.INFO)


def is_on() -> bool:
    """Whether text is logged: if not, nobody needs to make it."""
    return not _log.disabled


def tell(whose: str, text: str | bytes) -> None:
    """Log a text, if texts are logged.

    Args:
        whose: a request's id, or what else says where it belongs.
    """
    _log.info("%s %s: %r", MARK, whose, text)


def failure(whose: str, error: BaseException) -> str:
    """Return what may be logged of a failure: where it was and its type.

    What it says goes to `tell`.
    """
    tell(whose, str(error))
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        where = "".join(traceback.format_tb(seen.__traceback__))
        parts.append(f"{where}{type(seen).__qualname__}")
        seen = seen.__cause__ or (
            None if seen.__suppress_context__ else seen.__context__
        )
    return "\n".join(["(what it says may quote the prompt: see log_prompts)", *parts])
