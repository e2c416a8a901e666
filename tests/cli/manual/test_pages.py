"""The pages of --help: each verb and option has its part, examples are right."""

import re

import click
import pytest
from cli.manual.command_lines import check_understood, command_lines
from click.testing import CliRunner

from pensieve.cli import main
from pensieve.cli.manual.pages import PAGES


def verbs(command=main, words=()):
    """Return all verbs by the words that call them, groups and `main` too."""
    found = {" ".join(words): command}
    for name, each in getattr(command, "commands", {}).items():
        found |= verbs(each, (*words, name))
    return found


VERBS = verbs()
OPTIONS = [
    pytest.param(option, id=f"{words} {option.name}")
    for words, command in VERBS.items()
    for option in command.params
    if isinstance(option, click.Option)
]
EXAMPLES = [
    pytest.param(example.command, id=example.command)
    for page in PAGES.values()
    for example in page.examples
]


def run(*words):
    """Run the command."""
    return CliRunner().invoke(main, words, prog_name="pensieve")


def shown(words):
    """Return what the help of a verb says."""
    ran = run("help", *words.split())
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_each_verb_has_a_page_and_each_page_a_verb():
    assert set(PAGES) == set(VERBS)


@pytest.mark.parametrize("words", VERBS)
def test_a_verb_is_shown_with_all_of_its_page(words):
    page, text = PAGES[words], shown(words)

    assert text.startswith(f"Usage: pensieve {words}".rstrip())
    assert page.examples
    for example in page.examples:
        assert f"\n  {example.command}\n" in text
    for heading in ("Examples:", "Exit status:", "See also:"):
        assert f"\n{heading}\n" in text
    assert "Raises" not in text
    *_, last = (line for line in page.about.splitlines() if line) if page.about else "."
    assert last.endswith(".")


@pytest.mark.parametrize("words", [each for each in VERBS if each != "claude"])
def test_help_is_the_same_as_the_option(words):
    ran = run(*words.split(), "--help")

    assert (ran.exit_code, ran.stdout) == (0, shown(words))


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_says_what_it_does(option):
    assert re.fullmatch(r"[A-Z].*[.\])]", option.help or "")


@pytest.mark.parametrize("words", VERBS)
def test_related_verbs_are_there(words):
    for verb in PAGES[words].see_also:
        assert verb.removesuffix(" VERB") in VERBS
        assert verb != words


@pytest.mark.parametrize("command", EXAMPLES)
def test_an_example_is_a_command_line_that_is_understood(command):
    lines = command_lines(command)

    assert lines
    for words in lines:
        check_understood(words)


@pytest.mark.parametrize("words", [["strat"], ["cache", "strat"], ["stop", "--now"]])
def test_a_wrong_command_line_is_not_understood(words):
    with pytest.raises(click.UsageError):
        check_understood(words)


def test_an_unknown_verb_has_no_help():
    ran = run("help", "cache", "strat")

    assert ran.exit_code == 2
    assert "No such command 'strat'" in ran.stderr
