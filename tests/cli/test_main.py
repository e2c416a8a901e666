"""The command itself: verbs, exit statuses, errors in one sentence."""

import subprocess
import sys

from click.testing import CliRunner

import pensieve
from pensieve.cli import main


def test_version_names_the_release_and_what_it_stands_on():
    shown = CliRunner().invoke(main, ["version"])

    lines = shown.stdout.splitlines()
    assert lines[0] == f"pensieve {pensieve.__version__}"
    assert any(line.startswith("mlx ") and line[4].isdigit() for line in lines)


def test_an_unknown_verb_is_a_usage_error():
    refused = CliRunner().invoke(main, ["strat"])

    assert refused.exit_code == 2
    assert "No such command 'strat'" in refused.stderr


def test_every_verb_says_what_it_does_in_one_line():
    for name, verb in main.commands.items():
        assert verb.get_short_help_str(limit=80).endswith("."), name


def test_a_wrong_setting_is_one_sentence_and_exit_status_1(monkeypatch):
    monkeypatch.setenv("PENSIEVE_PORT", "many")

    refused = CliRunner().invoke(main, ["config", "show"])

    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: PENSIEVE_PORT: expected a whole number from 1 to 65535, got 'many'\n"
    )


def test_the_command_line_loads_neither_mlx_nor_transformers_nor_falcon():
    program = (
        "import sys, pensieve.cli\n"
        "print([name for name in ('mlx', 'transformers', 'falcon', 'gunicorn', 'rich')"
        " if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == "[]"
