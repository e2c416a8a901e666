"""For all tests of the engine: MLX with a fast BLAS, as the engine process has it."""

import sys

import pytest

from pensieve.engine import blas

if "mlx.core" not in sys.modules:
    blas.preload()

from engine.character_vocabulary import save_tokenizer
from engine.engine_process import engine_spec, running_engine
from engine.tiny_models import (
    BY_CHECKPOINT,
    BY_TOKEN,
    name,
    save_tiny_llama,
    tiny_llama,
)


@pytest.fixture(scope="session")
def tiny_llama_path(tmp_path_factory):
    folder = save_tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def engine(tiny_llama_path, tmp_path_factory):
    """Start an engine for the whole module; gives its spec and its process."""
    folder = tmp_path_factory.mktemp("engine")
    spec = engine_spec(tiny_llama_path, folder / "engine.sock")
    with running_engine(spec, folder / "engine.log") as process:
        yield spec, process


@pytest.fixture(scope="module", params=[*BY_TOKEN, *BY_CHECKPOINT], ids=name)
def model(request):
    return request.param()


@pytest.fixture(scope="module", params=BY_TOKEN, ids=name)
def model_by_token(request):
    return request.param()


@pytest.fixture(scope="module", params=BY_CHECKPOINT, ids=name)
def model_by_checkpoint(request):
    return request.param()


@pytest.fixture(scope="module")
def llama():
    return tiny_llama()
