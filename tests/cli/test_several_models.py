"""Several models, as `pensieve start` takes them and `pensieve status` tells them."""

import pytest

from pensieve.cli.asked_models import with_models
from pensieve.cli.server import _as_text
from pensieve.config.schema import Settings
from pensieve.errors import ModelError
from pensieve.serve.pid_file import Server
from pensieve.serve.probe import Health

SERVER = Server(1, 0.0, 7777, "127.0.0.1", "http://127.0.0.1:7777", "a", 30, None, {})
READY = {"status": "ready", "memory_bytes": 5e8, "active": 1, "queued": 2}
MODELS = [
    {"name": "a", "unused_s": 0.0, "engine": READY},
    {"name": "b", "unused_s": 300.0, "engine": {"status": "unloaded"}},
    {"name": "c", "unused_s": 9.0, "engine": {"status": "failed", "message": "why"}},
]


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (1, []),
        (
            3,
            [
                "  models   a: ready, 500 MB, 1 running, 2 waiting, unused for 0 s",
                "           b: unloaded",
                "           c: failed: why",
            ],
        ),
    ],
)
def test_each_of_several_models_has_a_line(count, lines):
    text = _as_text(SERVER, Health("ready", models=MODELS[:count]))

    shown = text.splitlines()
    at = 4 if lines else 0
    assert shown[at : at + len(lines)] == lines
    assert ("models" in text) == bool(lines)


def test_paths_become_absolute_and_aliases_go_with_them(
    monkeypatch, smollm2_path, tiny_model_path
):
    monkeypatch.chdir(tiny_model_path.parent)
    settings = Settings(
        model=str(smollm2_path),
        more_models=f"./{tiny_model_path.name}",
        model_aliases=f"claude-haiku-*={tiny_model_path.name}, x={smollm2_path.stem}",
    )

    found = with_models(settings)

    assert found.models == [str(smollm2_path), str(tiny_model_path)]
    assert found.aliases == {
        "claude-haiku-*": str(tiny_model_path),
        "x": str(smollm2_path),
    }


def test_a_model_beside_the_main_one_that_is_not_there_is_told(smollm2_path):
    settings = Settings(model=str(smollm2_path), more_models="no/such")

    with pytest.raises(ModelError, match="pensieve pull no/such"):
        with_models(settings)
