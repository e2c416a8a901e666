"""Models beside the main one, and other names, as settings write them."""

import pytest

from pensieve import places
from pensieve.config.load import load_settings
from pensieve.config.model_names import alias_table, matches, model_list
from pensieve.config.schema import Settings
from pensieve.errors import ConfigError


def test_the_main_model_comes_first():
    assert model_list("a", None) == ["a"]
    assert model_list("a", "c, b ,./d.gguf") == ["a", "c", "b", "./d.gguf"]


def test_an_alias_stands_for_a_model_by_its_name_or_by_its_path_s_file():
    models = ["a", "org/repo", "/there/gemma.gguf", "./folder.of/qwen3.5"]
    text = "x=a, claude-haiku-* = org/repo,y=gemma, z=/there/gemma.gguf, q*=qwen3.5"

    assert alias_table(text, models) == {
        "x": "a",
        "claude-haiku-*": "org/repo",
        "y": "/there/gemma.gguf",
        "z": "/there/gemma.gguf",
        "q*": "./folder.of/qwen3.5",
    }
    assert alias_table(None, models) == {}


@pytest.mark.parametrize(
    ("alias", "name", "does"),
    [
        ("claude-haiku-*", "claude-haiku-5", True),
        ("claude-haiku-*", "claude-haiku", False),
        ("claude", "claude-haiku", False),
        ("*", "anything", True),
    ],
)
def test_a_star_stands_for_any_rest(alias, name, does):
    assert matches(alias, name) is does


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("more = 'b, b'", "2: more_models: expected each model once, got b twice"),
        ("more = ['a']", "2: more_models: expected each model once, got a twice"),
        ("more = 'b,,c'", "2: more_models: expected models with commas between them"),
        ("more = 5", "2: model.more: expected text, not empty, got 5"),
        (
            "aliases = 'x=b'",
            "2: model_aliases: x: expected one of the models a, got b",
        ),
        (
            "more = ['b']\naliases = ['y', 'x=b']",
            "3: model_aliases: expected NAME=MODEL entries with commas between them,"
            " got 'y'",
        ),
        ("aliases = 'x='", "2: model_aliases: expected NAME=MODEL entries"),
        ("aliases = '=a'", "2: model_aliases: expected NAME=MODEL entries"),
        ("aliases = 'x=a, x=a'", "2: model_aliases: expected each name once, got x"),
        ("aliases = '*-x=a'", "2: model_aliases: expected * at the end of a name"),
        ("aliases = 'a=a'", "2: model_aliases: expected names that no model has, got"),
        ("idle_s = -1", "2: model.idle_s: expected a number from 0 to"),
        ("keep = 'yes'", "2: model.keep: expected true or false, got 'yes'"),
    ],
)
def test_what_is_wrong_is_told_where_the_settings_are_checked(own_home, lines, message):
    file = places.config_file()
    where, _, rest = message.partition(":")
    file.write_text(f"[model]\n{lines}\nname = 'a'\n")

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert str(raised.value).startswith(f"{file}:{where}:{rest}")


def test_another_process_gets_the_same_models(monkeypatch):
    settings = Settings(
        model="a",
        more_models="b, c",
        model_aliases="claude-haiku-*=b, x=c",
        model_idle_s=0.5,
        keep_model=False,
    )
    for name in ("model", "more_models", "model_aliases", "model_idle_s", "keep_model"):
        monkeypatch.setenv(f"PENSIEVE_{name.upper()}", str(getattr(settings, name)))

    assert load_settings().settings == settings
    assert settings.models == ["a", "b", "c"]
    assert settings.aliases == {"claude-haiku-*": "b", "x": "c"}
