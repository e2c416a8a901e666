"""`pensieve top` in a terminal and without one, on figures of a stand-in server."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest
from cli.pty_session import PtySession, plain
from cli.stand_in_server import StandIn
from cli.top.reports import report
from click.testing import CliRunner

from pensieve.cli import main
from pensieve.figures.report import PATH

LEAVES_SCREEN, SHOWS_CURSOR = "\x1b[?1049l", "\x1b[?25h"


@contextlib.contextmanager
def serving(found, port=0):
    """Serve figures; give the port."""
    stand_in = StandIn(port=port)
    stand_in.pages[PATH] = msgspec.json.encode(found).decode()
    with stand_in.running():
        yield stand_in.port


def once(port):
    return CliRunner().invoke(main, ["top", "--once", "--port", str(port)])


def in_terminal(home, port, **size):
    """Return `pensieve top` in a pseudo-terminal."""
    environ = {"PATH": os.environ["PATH"], "PENSIEVE_HOME": str(home)}
    words = ["top", "--port", str(port), "--interval", "0.2"]
    return PtySession([sys.executable, "-m", "pensieve", *words], environ, **size)


def test_once_prints_a_frame_without_escape_sequences():
    with serving(report()) as port:
        ran = once(port)

    assert (ran.exit_code, ran.stderr) == (0, "")
    assert f"http://127.0.0.1:{port}" in ran.stdout
    assert "smollm2: ready" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_once_without_a_server_fails(unused_tcp_port):
    ran = once(unused_tcp_port)

    assert (ran.exit_code, ran.stdout) == (1, "")
    told = f"Error: http://127.0.0.1:{unused_tcp_port}: nothing answers\n"
    assert ran.stderr == told


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ({}, "the server answered 404"),
        ({PATH: "{}"}, "the server is of another version"),
        ({PATH: "<html>"}, "the server is of another version"),
    ],
)
def test_what_is_no_report_is_told(pages, why):
    stand_in = StandIn()
    stand_in.pages = pages
    with stand_in.running():
        ran = once(stand_in.port)

    assert ran.exit_code == 1
    assert why in ran.stderr


@pytest.mark.parametrize("key", ["q", "\x03"], ids=["q", "Ctrl-C"])
def test_a_key_ends_it_and_the_screen_is_as_before(own_home, key):
    with serving(report()) as port, in_terminal(own_home, port) as session:
        session.wait_for("Ended")
        session.type(key)

        assert session.end() == 0
    _, _, ending = session.written.rpartition("Ended")
    assert LEAVES_SCREEN in ending
    assert SHOWS_CURSOR in ending


def test_a_server_that_goes_away_and_comes_back_is_shown_again(own_home):
    with contextlib.ExitStack() as stack:
        with serving(report(model="first")) as port:
            session = stack.enter_context(in_terminal(own_home, port))
            session.wait_for("first")
        session.wait_for("looking again")
        stack.enter_context(serving(report(model="second"), port))
        session.wait_for("second")
        session.type("q")

        assert session.end() == 0


def test_it_takes_the_size_that_the_terminal_gets(own_home):
    name = "org/a-model-name-that-is-cut"
    with (
        serving(report(model=name)) as port,
        in_terminal(own_home, port, columns=30) as session,
    ):
        session.wait_for("Ended")
        assert name not in plain(session.written)
        session.resize(24, 120)
        session.wait_for(name)
        session.type("q")

        assert session.end() == 0


def test_where_stdout_is_no_terminal_looks_are_printed_until_ctrl_c(own_home):
    with serving(report()) as port:
        words = ["top", "--port", str(port), "--interval", "0.2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "pensieve", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen = 0
        deadline = time.monotonic() + 60
        while seen < 2 and time.monotonic() < deadline:
            seen += process.stdout.readline().startswith("server ")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)

    assert seen == 2
    assert (process.returncode, errors) == (0, "")
    assert "\x1b" not in rest
