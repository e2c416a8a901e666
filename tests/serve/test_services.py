"""What is written for systemd and launchd, and what their own tools say of it."""

import plistlib
import shutil
import subprocess
import sys

import pytest

from pensieve.config.schema import Settings
from pensieve.errors import ConfigError
from pensieve.serve import daemon
from pensieve.serve.services import launchd, systemd

KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


@pytest.fixture
def user_home(tmp_path, monkeypatch):
    """Return a home folder whose name needs every kind of quoting."""
    home = tmp_path / 'a "quoted" 100% $HOME\\x'
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


def settings(**changes):
    return Settings(api_key=KEY, drain_timeout_s=45.5, **changes)


def lines_of(unit):
    return [line for line in unit.splitlines() if line and not line.startswith("#")]


def test_the_units_are_where_systemd_looks_and_have_no_secret(user_home):
    files = systemd.files(settings())

    folder = user_home / ".config/systemd/user"
    assert list(files) == systemd.paths()
    assert list(files) == [folder / "pensieve.service", folder / "pensieve.socket"]
    assert not any(KEY.encode() in content for content in files.values())


def test_the_server_gets_its_time_to_stop_and_the_engine_is_left_to_it():
    lines = lines_of(systemd.service_unit(settings()))

    assert "TimeoutStopSec=76" in lines  # 45.5 for answers, 30 for all else
    for line in ("KillMode=mixed", "KillSignal=SIGTERM", "Restart=on-failure"):
        assert line in lines
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert "OOMPolicy=continue" in lines


def test_pensieve_home_is_in_the_unit_only_if_it_is_set(monkeypatch):
    monkeypatch.setenv("PENSIEVE_HOME", '/a b/"c"/50%/$x\\y')
    escaped = r'Environment="PENSIEVE_HOME=/a b/\"c\"/50%%/$x\\y"'
    assert escaped in lines_of(systemd.service_unit(settings()))

    monkeypatch.delenv("PENSIEVE_HOME")
    assert "Environment" not in systemd.service_unit(settings())


def test_the_command_is_the_daemons_quoted_for_systemd(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/my $venv/100%/bin/python")

    unit = systemd.service_unit(settings())

    begins = 'ExecStart="/opt/my $$venv/100%%/bin/python" "-P" "-m" "gunicorn" '
    assert begins in unit
    assert unit.count("ExecStart") == 1


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1:7777"),
        ("0.0.0.0", "0.0.0.0:7777"),
        ("::1", "[::1]:7777"),
    ],
)
def test_the_socket_listens_where_the_settings_say(host, address):
    assert f"ListenStream={address}" in lines_of(
        systemd.socket_unit(settings(host=host))
    )


def test_a_name_becomes_an_address_as_systemd_takes_no_names():
    (line,) = [
        line
        for line in lines_of(systemd.socket_unit(settings(host="localhost")))
        if line.startswith("ListenStream=")
    ]
    assert line in ("ListenStream=127.0.0.1:7777", "ListenStream=[::1]:7777")

    with pytest.raises(ConfigError, match="expected an address of this machine"):
        systemd.socket_unit(settings(host="no-such-host.invalid"))


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)
def test_systemd_finds_nothing_wrong_with_the_units(user_home, monkeypatch):
    monkeypatch.setenv("PENSIEVE_HOME", str(user_home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(user_home))
    units = systemd.files(settings())
    for path, content in units.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    words = ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no"]
    checked = subprocess.run([*words, *units], capture_output=True, text=True)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_agent_comes_back_from_its_property_list_as_it_was(user_home, monkeypatch):
    monkeypatch.setenv("PENSIEVE_HOME", str(user_home))
    [(path, content)] = launchd.files(settings()).items()
    agent = plistlib.loads(content)

    assert [path] == launchd.paths()
    assert path == user_home / "Library/LaunchAgents/local.pensieve.plist"
    assert agent == launchd.agent(settings())
    assert agent["Label"] == path.stem
    assert agent["ProgramArguments"] == daemon.command()
    assert agent["EnvironmentVariables"] == {"PENSIEVE_HOME": str(user_home)}
    assert agent["ExitTimeOut"] == 76
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["StandardErrorPath"].endswith("/logs/server-7777.log")
    assert KEY.encode() not in content


def test_launchd_is_told_of_another_agent_only_once_it_has_forgotten_the_old_one():
    target = launchd._target()

    def commands(is_loaded, is_new):
        ran = []

        def run(command):
            ran.append(command[1])
            is_question = command == ["launchctl", "print", target]
            return launchd_said(is_loaded if is_question else True)

        launchd.take_up(is_new, run)
        return ran

    assert commands(is_loaded=False, is_new=True) == ["print", "bootstrap"]
    assert commands(is_loaded=True, is_new=False) == ["print"]
    assert commands(is_loaded=True, is_new=True) == [
        *("print", "print", "bootout", "bootstrap")
    ]


def launchd_said(is_done, said=""):
    from pensieve.serve.services.service import Ran

    return Ran(is_done, said)


@pytest.mark.parametrize(
    ("listed", "is_running"), [('{\n\t"PID" = 17;\n}', True), ("{\n}", False)]
)
def test_launchd_says_whether_the_agent_runs(listed, is_running):
    state = launchd.state(lambda command: launchd_said(True, listed))

    assert state.is_running == is_running
    assert state.told["enabled"] == "loaded"
