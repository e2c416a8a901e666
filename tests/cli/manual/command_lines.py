"""What a shell would run, taken apart as far as `pensieve` is in it."""

import re
import shlex

import click

from pensieve.cli import main


def command_lines(command):
    """Return the words behind each `pensieve` of a shell's command line."""
    inner = re.search(r"\$\((.+)\)", command)
    run = inner[1] if inner else command
    lexer = shlex.shlex(run, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lines = [[]]
    for word in lexer:
        if word in ("|", "&&", ";"):
            lines.append([])
        elif lines[-1] or not re.fullmatch(r"[A-Z_]+=.*", word):  # a variable for it
            lines[-1].append(word)
    own = [line[1:] for line in lines if line and line[0].endswith("pensieve")]
    return [words[: words.index("<")] if "<" in words else words for words in own]


def check_understood(words):
    """Take the words as the command line would, and run nothing.

    Raises:
        click.UsageError: they are wrong.
    """
    verb, context = main, None
    while isinstance(verb, click.Group):
        context = click.Context(verb, parent=context)
        name = words[0] if words else ""
        found = verb.get_command(context, name)
        if found is None:
            raise click.UsageError(f"No such command {name!r}.", context)
        verb, words = found, words[1:]
    verb.make_context(verb.name, list(words), context)
