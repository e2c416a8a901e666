"""`pensieve config`: show, generate, validate."""

import tomllib

import msgspec
import pytest
from click.testing import CliRunner

from pensieve import places
from pensieve.cli import main
from pensieve.config.fields import FIELDS, place
from pensieve.config.schema import SECTIONS, Settings


@pytest.fixture
def pensieve():
    """Return what runs the command line in this process."""
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_show_tells_each_setting_and_its_origin(pensieve, monkeypatch):
    monkeypatch.setenv("PENSIEVE_PORT", "7788")

    shown = pensieve("config", "show")

    rows = {line.split()[0]: line for line in shown.stdout.splitlines()}
    assert shown.exit_code == 0
    assert list(rows) == [str(place(name)) for name in FIELDS]
    assert rows["server.port"].split() == ["server.port", "7788", "PENSIEVE_PORT"]
    assert rows["model.name"].split() == ["model.name", '"smollm2"', "default"]


def test_show_does_not_show_the_key(pensieve, monkeypatch):
    monkeypatch.setenv("PENSIEVE_API_KEY", "dNtb1oQ4m7w-Zk2xvYp9R3sL")

    shown = pensieve("config", "show")

    assert "dNtb1" not in shown.output
    assert "set, 24 characters" in shown.stdout


def test_what_generate_writes_holds_the_defaults_and_is_private(pensieve):
    done = pensieve("config", "generate")

    file = places.config_file()
    assert done.exit_code == 0
    assert done.stdout == f"Wrote {file}\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert pensieve("config", "validate").stdout.startswith(f"{file}: valid, 0 of ")


def test_the_lines_that_generate_writes_are_right_once_switched_on(pensieve, tmp_path):
    file = tmp_path / "own.toml"
    pensieve("config", "generate", str(file))

    lines = file.read_text().splitlines()
    switched_on = [
        line.removeprefix("# ") for line in lines if " = " in line or line[:1] == "["
    ]
    table = tomllib.loads("\n".join(switched_on))

    defaults = msgspec.structs.asdict(Settings())
    unset = {name: "…" for name, value in defaults.items() if value is None}
    assert unset.keys() >= {"api_key", "allowed_hosts"}
    expected = {section: {} for section in SECTIONS}
    for name, value in {**defaults, **unset}.items():
        expected[place(name).section][place(name).key] = value
    assert table == expected
    assert all(expected.values())


def test_generate_replaces_a_file_only_when_told_to(pensieve, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[server]\nport = 1\n")

    refused = pensieve("config", "generate", str(file))

    assert refused.exit_code == 1
    assert (
        refused.stderr
        == f"Error: {file}: there is a file already; --force replaces it\n"
    )
    assert file.read_text() == "[server]\nport = 1\n"
    assert pensieve("config", "generate", str(file), "--force").exit_code == 0
    assert file.read_text() != "[server]\nport = 1\n"


def test_validate_counts_what_is_in_force_and_tells_what_is_wrong(pensieve, tmp_path):
    file = tmp_path / "own.toml"
    file.write_text("[server]\nport = 7001\n[model]\nname = 'other'\n")
    assert "valid, 2 of" in pensieve("config", "validate", str(file)).stdout

    file.write_text("[server]\nport = 7001\n[modle]\nname = 'other'\n")
    refused = pensieve("config", "validate", str(file))

    assert refused.exit_code == 1
    assert f"{file}:3: expected a section, got modle" in refused.stderr
    assert "did you mean model?" in refused.stderr


def test_validate_without_any_file_says_so(pensieve):
    done = pensieve("config", "validate")

    assert done.exit_code == 0
    assert "no such file; `pensieve config generate` writes one" in done.stdout


def test_a_folder_that_cannot_be_written_is_one_sentence(pensieve, tmp_path):
    (tmp_path / "file").touch()

    refused = pensieve("config", "generate", str(tmp_path / "file" / "config.toml"))

    assert refused.exit_code == 1
    assert "Traceback" not in refused.output
    assert refused.stderr.startswith("Error: ")
