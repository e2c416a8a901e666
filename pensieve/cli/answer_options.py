"""The options of verbs that ask the model: how it is to answer, and where it is."""

from collections.abc import Callable
from typing import Any

import click

Verb = Callable[..., Any]


def answer_options(about_max_tokens: str, *, max_tokens: int) -> Callable[[Verb], Verb]:
    """Return what gives a verb --system, --max-tokens, --temperature and --port.

    Args:
        about_max_tokens: the help of --max-tokens.
        max_tokens: its default.
    """
    options = (
        click.option("--system", help="System prompt."),
        click.option(
            "--max-tokens",
            type=click.IntRange(min=1),
            default=max_tokens,
            show_default=True,
            help=about_max_tokens,
        ),
        click.option(
            "--temperature",
            type=click.FloatRange(0, 1),
            help="How freely to draw; 0 always takes the likeliest."
            " [default: the model's]",
        ),
        click.option(
            "--port", type=click.IntRange(1, 65535), help="Which server to ask."
        ),
    )

    def with_options(verb: Verb) -> Verb:
        for option in reversed(options):  # as decorators, the last is applied first
            verb = option(verb)
        return verb

    return with_options
