"""`pensieve claude` with the real Claude Code: all that it promises."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
from claude_code.agents import check_all_went_well, check_prompts_extend
from claude_code.command import Person
from tiny_model.scripts import PLAIN_TEXT, REPORT, REPORT_PATH

from pensieve.cli.claude_code.environment import longest_answer

pytestmark = pytest.mark.agent

TOOLS = ["--allowedTools", "Bash,Read,Write,Edit"]
WINDOWS = {"new": 49_152, "old": 65_536}
"""Of tiny models with smaller ones: Claude Code summarises before they are full. The
older one's prompt is longer."""


@pytest.fixture
def person(claude_binary, tiny_model_path, tmp_path):
    with Person(tmp_path, claude_binary, tiny_model_path) as person:
        yield person


@pytest.fixture
def model_with_window(tiny_model_path, tmp_path):
    """Return what makes the tiny model with another window."""

    def make(num_tokens):
        path = tmp_path / f"model-{num_tokens}"
        shutil.copytree(tiny_model_path, path)
        config = json.loads((path / "config.json").read_text())
        config["max_position_embeddings"] = num_tokens
        (path / "config.json").write_text(json.dumps(config))
        return path

    return make


def test_a_tool_task_is_done_with_no_configuration_by_hand(
    either_claude, tiny_model_path, tmp_path
):
    with Person(tmp_path, either_claude, tiny_model_path) as person:
        start, *_, result = person.events("Please do tiny-task-files.", *TOOLS)

        assert start["model"] == "pensieve-tiny"
        assert start["permissionMode"] == "default"
        assert result["subtype"] == "success"
        assert result["num_turns"] >= 6
        assert (person.project / REPORT_PATH).read_text(encoding="utf-8") == REPORT
        assert check_all_went_well(person.log) >= 6
        assert check_prompts_extend(person.log) >= 5
        (usage,) = result["modelUsage"].values()
        assert usage["contextWindow"] == 131_072
        assert not (person.project / ".claude").exists()
        assert not (person.config / "settings.json").exists()


@pytest.mark.parametrize("age", ["new", "old"])
def test_a_conversation_is_summarised_at_the_models_own_window(
    request, age, model_with_window, tmp_path
):
    fixture = "claude_binary" if age == "new" else "old_claude_binary"
    window = WINDOWS[age]
    claude, model = request.getfixturevalue(fixture), model_with_window(window)
    with Person(tmp_path, claude, model) as person:
        ballast = "The river carried it past the mill. " * 1600
        first = person.events(f"{ballast}\nNow do tiny-task-two, please.", *TOOLS)
        more = person.events("And now tiny-task-text.", "--continue", *TOOLS)

    events = first + more
    summaries = [each for each in events if each.get("subtype") == "compact_boundary"]
    assert summaries
    for each in summaries:
        told = each["compact_metadata"]
        assert told["trigger"] == "auto"
        # The window less the longest answer and 13,000 tokens; the request that went
        # over it was answered.
        assert window - longest_answer(window) - 13_000 <= told["pre_tokens"] <= window
    assert more[-1]["subtype"] == "success"
    assert more[-1]["result"] == PLAIN_TEXT
    check_all_went_well(person.log)


@pytest.mark.parametrize("window", [40_960, 262_144, 1_048_576])
def test_other_windows_are_claude_codes_too(
    claude_binary, model_with_window, tmp_path, window
):
    with Person(tmp_path, claude_binary, model_with_window(window)) as person:
        *_, result = person.events("Please do tiny-task-text.")

    assert result["result"] == PLAIN_TEXT
    (usage,) = result["modelUsage"].values()
    assert usage["contextWindow"] == window


@pytest.mark.parametrize("model", ["opus", "sonnet", "haiku", "opusplan", "fable"])
def test_the_users_choice_of_a_model_stays_as_it_is(person, model):
    user = person.config / "settings.json"
    user.write_text(json.dumps({"model": model}), encoding="utf-8")
    before = user.read_bytes()
    *_, result = person.events("Please do tiny-task-text.")

    assert result["result"] == PLAIN_TEXT
    assert user.read_bytes() == before


def test_settings_that_lead_elsewhere_are_beaten_and_stay_as_they_are(person):
    theirs = {
        "env": {
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
            "ANTHROPIC_API_KEY": "sk-ant-api03-theirs",
            "ANTHROPIC_AUTH_TOKEN": "theirs",
            "ANTHROPIC_CUSTOM_HEADERS": "x-secret: theirs",
            "CLAUDE_CODE_USE_BEDROCK": "1",
            "ANTHROPIC_DEFAULT_OPUS_MODEL": "claude-opus-9",
        },
        "model": "opus",
        "permissions": {"defaultMode": "auto"},
    }
    user = person.config / "settings.json"
    user.write_text(json.dumps(theirs), encoding="utf-8")
    project = person.project / ".claude" / "settings.json"
    project.parent.mkdir()
    project.write_text(json.dumps({"env": theirs["env"]}), encoding="utf-8")
    before = user.read_bytes(), project.read_bytes()

    start, *_, result = person.events("Please do tiny-task-text.")

    assert result["result"] == PLAIN_TEXT
    assert start["model"] == "pensieve-tiny"
    assert start["permissionMode"] == "default"
    assert (user.read_bytes(), project.read_bytes()) == before


def test_a_claude_code_beside_it_is_not_pointed_at_the_server(person):
    person.events("Please do tiny-task-text.")
    asked = person.log.count(" POST /v1/messages")
    ran = person.run(
        ["claude", "-p", "Please do tiny-task-text."],
        ANTHROPIC_API_KEY="sk-ant-api03-theirs",
        ANTHROPIC_BASE_URL="http://127.0.0.1:9",
        CLAUDE_CODE_MAX_RETRIES="0",
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
    )

    assert ran.returncode == 1
    assert person.log.count(" POST /v1/messages") == asked


def test_a_project_that_is_set_up_needs_no_more_until_it_is_undone(person):
    assert person("setup", "claude-code").returncode == 0
    person("start")
    ran = person.run(["claude", "-p", "Please do tiny-task-text."])

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.strip() == PLAIN_TEXT
    assert person("setup", "claude-code", "--undo").returncode == 0
    assert list((person.project / ".claude").iterdir()) == []


def test_variables_in_a_shell_point_at_the_server_too(person):
    person("start")
    script = f'eval "$({sys.executable} -m pensieve env)"; claude -p'
    ran = person.run(["sh", "-c", script], stdin="Please do tiny-task-text.")

    assert ran.stdout.strip() == PLAIN_TEXT, ran.stderr


def test_ctrl_c_ends_claude_code_and_the_server_runs_on(person):
    person("start")
    words = ["claude", "-p", "Please do tiny-task-endless."]
    command = [sys.executable, "-m", "pensieve", *words]
    process = subprocess.Popen(
        command,
        cwd=person.project,
        env=person.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: active(person) == 1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode in (0, 130, -signal.SIGINT)
    wait_until(lambda: active(person) == 0)
    assert person("status").returncode == 0


def active(person):
    status = json.loads(person("status", "--json").stdout)
    return status["engine"]["active"]


def wait_until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
