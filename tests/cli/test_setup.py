"""`pensieve setup claude-code` and --undo, on a project's settings."""

import json
import stat

import pytest
from click.testing import CliRunner

from pensieve.cli import main
from pensieve.cli.claude_code.environment import Target

TARGET = Target("http://127.0.0.1:7000", "token", "model", 65_536)

THEIRS = (
    b'{\n\t"env": {"ANTHROPIC_MODEL": "opus", "MINE": "1"},\n'
    b'\t"permissions": {"allow": ["Bash(ls:*)"]}, "model": "caf\xc3\xa9" }\n\n'
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr("pensieve.cli.claude_code.project.target", lambda: TARGET)
    (tmp_path / ".claude").mkdir()
    return tmp_path


def setup(project, *words, **environ):
    command = ["setup", "claude-code", "--project", str(project), *words]
    return CliRunner().invoke(main, command, env=environ)


def there(project):
    return {path.name: path.read_bytes() for path in (project / ".claude").iterdir()}


def test_what_was_there_comes_back_byte_for_byte(project):
    file = project / ".claude" / "settings.local.json"
    file.write_bytes(THEIRS)
    file.chmod(0o640)
    assert setup(project).exit_code == 0

    made = json.loads(file.read_bytes())
    assert made["env"]["ANTHROPIC_BASE_URL"] == TARGET.base_url
    assert made["env"]["ANTHROPIC_MODEL"] == "model"
    assert made["env"]["MINE"] == "1"
    assert made["permissions"]["allow"] == ["Bash(ls:*)"]
    assert made["permissions"]["disableAutoMode"] == "disable"
    assert made["model"] == "café"

    assert setup(project, "--undo").exit_code == 0
    assert there(project) == {"settings.local.json": THEIRS}
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_where_nothing_was_nothing_is_left(project):
    assert setup(project).exit_code == 0
    assert setup(project, "--undo").exit_code == 0

    assert there(project) == {}


def test_twice_set_up_is_once_undone(project):
    file = project / ".claude" / "settings.local.json"
    file.write_bytes(THEIRS)
    setup(project)
    setup(project)
    setup(project, "--undo")

    assert there(project) == {"settings.local.json": THEIRS}


def test_what_was_changed_since_stays(project):
    file = project / ".claude" / "settings.local.json"
    file.write_bytes(THEIRS)
    setup(project)
    now = json.loads(file.read_bytes())
    now["permissions"]["allow"].append("Edit")
    file.write_text(json.dumps(now))
    setup(project, "--undo")

    theirs = json.loads(THEIRS)
    theirs["permissions"]["allow"].append("Edit")
    assert json.loads(file.read_bytes()) == theirs
    assert list(there(project)) == ["settings.local.json"]


def test_a_file_that_was_removed_since_comes_back(project):
    file = project / ".claude" / "settings.local.json"
    file.write_bytes(THEIRS)
    setup(project)
    file.unlink()
    setup(project, "--undo")

    assert there(project) == {"settings.local.json": THEIRS}


def test_nothing_to_undo_is_told(project):
    undone = setup(project, "--undo")

    assert undone.exit_code == 1
    assert "settings.local.json.before-pensieve" in undone.output


@pytest.mark.parametrize("text", [b"{", b"[1]", b"\xff"])
def test_a_damaged_file_is_left_alone(project, text):
    file = project / ".claude" / "settings.local.json"
    file.write_bytes(text)
    tried = setup(project)

    assert tried.exit_code == 1
    assert f"{file}: expected" in tried.output
    assert there(project) == {"settings.local.json": text}


def test_the_shared_file_gets_no_secret(project):
    assert setup(project, "--shared").exit_code == 0
    assert set(there(project)) == {
        "settings.json",
        "settings.json.absent-before-pensieve",
    }
    assert setup(project, "--shared", "--undo").exit_code == 0

    refused = setup(project, "--shared", PENSIEVE_API_KEY="a-secret-of-mine")

    assert refused.exit_code == 1
    assert "checked in" in refused.output
    assert there(project) == {}
