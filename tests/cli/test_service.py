"""`pensieve service`, with a stand-in for systemctl that notes what it is told."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pensieve import places
from pensieve.cli import main
from pensieve.serve import pid_file

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="it is systemd's")

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$0.calls"
case "$2 $3" in
  "is-enabled pensieve.socket") echo enabled ;;
  "is-active pensieve.socket") echo active ;;
  "is-active pensieve.service") echo inactive; exit 3 ;;
esac
if [ -e "$0.broken" ]; then echo "no bus" >&2; exit 1; fi
"""


class Systemctl:
    """The stand-in, and what it was called with."""

    def __init__(self, folder):
        self.program = folder / "systemctl"
        self.program.write_text(SYSTEMCTL)
        self.program.chmod(0o755)

    def calls(self):
        calls = Path(f"{self.program}.calls")
        said = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return said

    def break_down(self):
        Path(f"{self.program}.broken").touch()


@pytest.fixture(autouse=True)
def units(tmp_path, monkeypatch):
    """Have units in a folder of the test's own, and return it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "systemd" / "user"


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Systemctl(folder)


@pytest.fixture(autouse=True)
def model(tiny_model_path):
    configure(f'[model]\nname = "{tiny_model_path}"\n')


def configure(text):
    places.config_file().write_text(text)


def service(*words):
    """Return the exit status and the output of the verb."""
    result = CliRunner().invoke(main, ["service", *words])
    return result.exit_code, result.output


def test_install_writes_private_units_and_has_systemd_take_them_up(units, systemctl):
    status, said = service("install")

    assert status == 0, said
    files = [units / "pensieve.service", units / "pensieve.socket"]
    assert sorted(units.iterdir()) == files
    for file in files:
        assert f"Wrote {file}" in said
        assert file.stat().st_mode & 0o777 == 0o600
    assert f"PENSIEVE_HOME={os.environ['PENSIEVE_HOME']}" in files[0].read_text()
    assert "it is at http://127.0.0.1:7777" in said
    assert systemctl.calls() == [
        "--user daemon-reload",
        "--user enable --now pensieve.socket",
    ]


def test_a_second_install_changes_nothing(units, systemctl):
    service("install")
    before = {file: file.stat().st_mtime_ns for file in units.iterdir()}

    status, said = service("install")

    assert status == 0
    assert said.count("There already: ") == 2
    assert {file: file.stat().st_mtime_ns for file in units.iterdir()} == before


def test_an_install_for_other_settings_writes_and_says_what_is_left_to_do(
    units, systemctl, tiny_model_path
):
    service("install")
    configure(f'[server]\nport = 7001\n[model]\nname = "{tiny_model_path}"\n')
    assert "for other settings" in service("status")[1]

    status, said = service("install")

    assert status == 0
    assert "ListenStream=127.0.0.1:7001" in (units / "pensieve.socket").read_text()
    assert f"There already: {units / 'pensieve.service'}" in said
    assert "goes on as it was started until a restart" in said


def test_without_systemctl_it_says_what_to_type(units, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    status, said = service("install")

    assert status == 0
    assert "systemctl --user enable --now pensieve.socket" in said
    assert (units / "pensieve.service").exists()
    assert service("status") == (3, service("status")[1])
    assert "not known: there is no systemctl" in service("status")[1]
    assert service("uninstall")[0] == 0
    assert list(units.iterdir()) == []


def test_a_systemctl_that_fails_is_told_of(units, systemctl):
    systemctl.break_down()

    status, said = service("install")

    assert status == 1
    assert "Error: `systemctl --user daemon-reload` failed: no bus" in said


def test_uninstall_undoes_all_of_it(units, systemctl):
    service("install")
    systemctl.calls()

    status, said = service("uninstall")

    assert status == 0
    assert said.count("Removed ") == 2
    assert list(units.iterdir()) == []
    assert systemctl.calls() == [
        "--user disable --now pensieve.socket pensieve.service",
        "--user daemon-reload",
    ]
    assert service("uninstall") == (0, "Nothing to remove: no service is installed.\n")


def test_uninstall_removes_the_units_where_systemctl_fails(units, systemctl):
    service("install")
    systemctl.break_down()

    status, said = service("uninstall")

    assert status == 1
    assert "the server may still run" in said
    assert list(units.iterdir()) == []


def test_status_tells_what_systemd_says(units, systemctl):
    assert "installed  no" in service("status")[1]
    service("install")

    status, said = service("status")

    assert status == 3  # the stand-in's service is inactive
    lines = dict(line.split(maxsplit=1) for line in said.splitlines())
    assert lines["installed"].endswith("pensieve.socket")
    assert (lines["enabled"], lines["listening"]) == ("enabled", "active")
    assert lines["running"] == "inactive"


def test_settings_of_this_shell_alone_are_refused(units, monkeypatch):
    monkeypatch.setenv("PENSIEVE_PORT", "7002")

    status, said = service("install")

    assert status == 1
    assert "PENSIEVE_PORT: a service does not see this shell's variables" in said
    assert not units.exists()


def test_a_model_that_is_not_there_is_told_of_before_anything_is_written(units):
    configure('[model]\nname = "no-such-model"\n')

    status, said = service("install")

    assert status == 1
    assert "no-such-model" in said
    assert not units.exists()


def test_a_server_that_runs_on_the_port_is_told_of(units, monkeypatch):
    monkeypatch.setattr(pid_file.Server, "is_running", lambda self: True)
    server = pid_file.Server(
        pid=1,
        started_at=0,
        port=7777,
        host="127.0.0.1",
        base_url="",
        model="",
        drain_timeout_s=1,
        log=None,
        flags={},
    )
    pid_file.write(server)

    status, said = service("install")

    assert status == 1
    assert "`pensieve stop` ends it" in said
