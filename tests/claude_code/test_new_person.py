"""What somebody new does in a terminal, and what else on the machine sees of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from claude_code.command import Person
from claude_code.terminal import Terminal
from tiny_model.scripts import PLAIN_TEXT

pytestmark = [
    pytest.mark.agent,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]

ROOT = Path(__file__).parent.parent.parent
QUESTION = "Answer in one word: what is the capital of France?"
SETTINGS = {
    "permissions": {"allow": ["Bash(ls:*)"]},
    "model": "opus",
    "env": {"A": "b"},
}


def shell(person):
    """Return a shell in a terminal of its own, with no model set."""
    hidden = ("PENSIEVE_MODEL", "PENSIEVE_LOG_LEVEL")
    environ = {k: v for k, v in person.environ.items() if k not in hidden}
    return Terminal(["sh"], person.project, environ | {"PS1": "$ "})


def session(person):
    """Return `pensieve claude` in a terminal."""
    command = [sys.executable, "-m", "pensieve", "claude"]
    return Terminal(command, person.project, person.environ)


def environment(terminal, path):
    """Return what a shell says of its environment."""
    terminal.type(f"env -0 > {path}; echo written-$?")
    terminal.wait_for("written-0")
    terminal.type("clear")
    return path.read_bytes()


@pytest.fixture
def person(claude_binary, tmp_path):
    with Person(tmp_path, claude_binary, "smollm2") as person:
        yield person


@pytest.fixture
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    program = "import sys, scikit_build_core.build as b; b.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", program, folder], cwd=ROOT, check=True)
    [path] = folder.glob("*.tar.gz")
    return path


def install(terminal, sdist, folder):
    """Install Pensieve into an environment of its own, and put that on PATH."""
    terminal.type(f"{sys.executable} -m venv {folder}; echo made-$?")
    terminal.wait_for("made-0")
    terminal.type(f"{folder}/bin/pip install -q {sdist}; echo installed-$?")
    terminal.wait_for("installed-0", timeout_s=600)
    terminal.type(f"PATH={folder}/bin:$PATH")
    terminal.type("command -v pensieve")
    terminal.wait_for(f"\n{folder}/bin/pensieve")
    terminal.type("clear")


def test_install_pull_ask_interrupt_look_and_stop_change_nothing_for_others(
    person, sdist, tmp_path
):
    settings = [person.config / "settings.json"]
    for name in ("settings.json", "settings.local.json"):
        settings.append(person.project / ".claude" / name)
    for path in settings:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(SETTINGS), encoding="utf-8")
    before = [path.read_bytes() for path in settings]

    with shell(person) as first, shell(person) as second:
        variables = environment(second, tmp_path / "before")
        install(first, sdist, tmp_path / "own")
        own_variables = environment(first, tmp_path / "own-before")
        first.type("pensieve pull smollm2")
        first.wait_for("Pulled smollm2")
        first.type(f"pensieve claude --bare -p '{QUESTION}'; echo status-$?")
        first.wait_for("status-0", timeout_s=300)

        first.type("clear")
        first.type("pensieve claude --bare -p 'Tell a very long story.'; echo end-$?")
        wait_until_it_answers(person)
        first.press("C-c")
        first.wait_for("end-0")  # as Claude Code itself ends, so asked
        assert environment(second, tmp_path / "during") == variables
        first.type("pensieve top")
        assert "smollm2: ready" in first.wait_for("left by their clients")
        first.press("q")
        first.type("pensieve stop")
        first.wait_for("Stopped the server")

        assert environment(second, tmp_path / "after") == variables
        assert environment(first, tmp_path / "own-after") == own_variables
    assert [path.read_bytes() for path in settings] == before


def wait_until_it_answers(person):
    for _ in range(600):
        status = json.loads(person("status", "--json").stdout)
        if status.get("engine", {}).get("active"):
            return
    raise AssertionError(status)


def test_a_session_in_a_terminal_asks_for_no_key_and_has_no_auto_mode(
    claude_binary, tiny_model_path, tmp_path
):
    with Person(tmp_path, claude_binary, tiny_model_path) as person:
        person.skip_onboarding()
        with session(person) as terminal:
            screen = terminal.wait_for("manual mode on")
            assert "pensieve-tiny" in screen
            assert "API key" not in screen
            terminal.type("Please do tiny-task-text.")
            terminal.wait_for(PLAIN_TEXT.split()[-1])


def test_a_first_session_ever_gets_past_the_login(
    claude_binary, tiny_model_path, tmp_path
):
    """Theme and security notes are asked and told; no account is."""
    person = Person(tmp_path, claude_binary, tiny_model_path)
    with person, session(person) as terminal:
        terminal.wait_for("Choose the text style")
        terminal.press("Enter")
        terminal.wait_for("Press Enter to continue")
        terminal.press("Enter")
        terminal.wait_for("Yes, I trust this folder")
        terminal.press("Down")
        terminal.press("Enter")
        terminal.wait_for("manual mode on")
