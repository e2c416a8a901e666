"""The two real models' tokenizers, opened once."""

import pytest

from pensieve.models import gguf
from pensieve.models.files import describe
from pensieve.prompt import gguf_tokenizer
from pensieve.prompt.chat_template import open_template
from pensieve.prompt.tokenizer import Tokenizer, open_backend


@pytest.fixture(scope="session")
def smollm2_vocabulary(smollm2_path):
    return gguf.vocabulary(smollm2_path)


@pytest.fixture(scope="session")
def smollm2_backend(smollm2_vocabulary):
    return gguf_tokenizer.build(smollm2_vocabulary, "llama")


@pytest.fixture(scope="session")
def smollm2_template(smollm2_path):
    return open_template(describe(smollm2_path))


@pytest.fixture(scope="session")
def smollm2_tokenizer(smollm2_path, smollm2_template):
    backend = open_backend(describe(smollm2_path))
    return Tokenizer(backend, smollm2_template.own_text)


@pytest.fixture(scope="session")
def gemma3_vocabulary(gemma3_path):
    return gguf.vocabulary(gemma3_path)


@pytest.fixture(scope="session")
def gemma3_backend(gemma3_vocabulary):
    return gguf_tokenizer.build(gemma3_vocabulary, "gemma3")
