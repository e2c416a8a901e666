"""The hub on loopback, and models small enough to pull many times."""

import json
import random

import pytest
from huggingface_hub import close_session
from reference.hub import StandInHub
from reference.small_gguf import split_gguf, write_gguf

from pensieve.models.pulling import transfer

FOLDER = {
    "config.json": {"model_type": "qwen3", "max_position_embeddings": 4096},
    "tokenizer.json": {"added_tokens": [{"id": 2, "content": "</s>"}]},
    "tokenizer_config.json": {"eos_token": "</s>", "chat_template": "{{ messages }}"},
}


@pytest.fixture
def hub(monkeypatch):
    """Start a hub that HF_ENDPOINT names, and try it again without waiting."""
    stand_in = StandInHub()
    monkeypatch.setenv("HF_ENDPOINT", stand_in.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfer, "RETRY_WAITS_S", (0.0,) * 3)
    yield stand_in
    close_session()
    stand_in.close()


@pytest.fixture
def folder_files():
    """Return a repository's files: a model folder, 300 kB of weights."""
    files = {name: json.dumps(content).encode() for name, content in FOLDER.items()}
    return files | {"model.safetensors": random.Random(1).randbytes(300_000)}


@pytest.fixture
def gguf_bytes(tmp_path):
    """Return a GGUF model large enough for large file storage."""
    path = write_gguf(tmp_path / "made.gguf", general__description="x" * 100_000)
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture
def split_bytes(tmp_path):
    """Return the two files of a GGUF model that is split."""
    files = {}
    for path in split_gguf(tmp_path / "big.gguf"):
        files[path.name] = path.read_bytes()
        path.unlink()
    return files
