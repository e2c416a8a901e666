"""Which model each of Claude Code's names means, where aliases say so."""

import pytest

from pensieve.cli.claude_code import server
from pensieve.cli.claude_code.environment import Target, environment, variables
from pensieve.serve.probe import Health

BY_FAMILY = {
    "opus": "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "sonnet": "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "haiku": "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "small and fast": "ANTHROPIC_SMALL_FAST_MODEL",
    "sub-agents": "CLAUDE_CODE_SUBAGENT_MODEL",
    "all else": "ANTHROPIC_MODEL",
}


def models(aliases):
    target = Target("http://127.0.0.1:7000", "token", "main", 65_536, aliases)
    made = variables(target)
    return {family: made[name] for family, name in BY_FAMILY.items()}


@pytest.mark.parametrize(
    ("aliases", "others"),
    [
        ({}, {}),
        ({"gpt": "b"}, {}),
        ({"claude-haiku-*": "b"}, {"haiku": "b", "small and fast": "b"}),
        ({"claude-haiku-4-5": "b"}, {"haiku": "b", "small and fast": "b"}),
        ({"claude-3-5-haiku-*": "b"}, {"haiku": "b", "small and fast": "b"}),
        (
            {"claude-*": "b", "claude-haiku-*": "c"},
            {"opus": "b", "sonnet": "b", "haiku": "c", "small and fast": "c"},
        ),
        ({"claude-sonnet-*": "b"}, {"sonnet": "b"}),
    ],
)
def test_a_family_s_alias_reaches_the_names_that_claude_code_uses(aliases, others):
    assert models(aliases) == dict.fromkeys(BY_FAMILY, "main") | others


def test_a_model_that_the_users_environment_names_does_not_come_through():
    target = Target("http://x", "token", "main", 65_536, {"claude-haiku-*": "b"})

    made = environment(target, {"ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5"})

    assert made["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "b"


def test_the_server_that_runs_says_what_its_aliases_are(monkeypatch):
    told = Health("ready", model="main", context_length=9, aliases={"x": "main"})
    monkeypatch.setattr(server, "ask_health", lambda base_url: told)

    assert server.target().aliases == {"x": "main"}


def test_without_a_server_the_settings_do(monkeypatch, tiny_model_path, smollm2_path):
    aliases = f"claude-haiku-*={tiny_model_path.name}, x={smollm2_path.stem}"
    monkeypatch.setenv("PENSIEVE_MODEL", str(smollm2_path))
    monkeypatch.setenv("PENSIEVE_MORE_MODELS", str(tiny_model_path))
    monkeypatch.setenv("PENSIEVE_MODEL_ALIASES", aliases)
    monkeypatch.setattr(server, "ask_health", lambda base_url: None)

    target = server.target()

    assert target.model == smollm2_path.stem
    assert target.aliases == {
        "claude-haiku-*": tiny_model_path.name,
        "x": smollm2_path.stem,
    }
