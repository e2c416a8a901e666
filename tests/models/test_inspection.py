"""What a header tells of a model, whatever is in it."""

import random

import pytest
from reference.gguf_bytes import INT32, STRING, array, head, key, text
from reference.small_gguf import write_gguf

from pensieve.errors import ModelError
from pensieve.models.gguf_memory import KvCache, kv_cache
from pensieve.models.inspection import ShortArray, inspect_gguf

SIZES = {
    "context_length": 4096,
    "embedding_length": 64,
    "block_count": 6,
    "attention__head_count": 4,
    "attention__head_count_kv": 2,
}


def sizes(architecture, **changes):
    return {f"{architecture}__{key}": value for key, value in (SIZES | changes).items()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.gguf"


# ----- Memory -----


def test_layers_with_a_window_keep_its_tokens_only():
    config = {"num_hidden_layers": 7, "num_key_value_heads": 2, "head_dim": 8}
    config |= {"sliding_window": 100, "sliding_window_pattern": 3}

    cache = kv_cache(config)

    assert cache == KvCache(2 * 2 * 2 * 8, 5 * 2 * 2 * 8, 100)
    assert cache.num_values(50) == 50 * 7 * 32
    assert cache.num_values(1000) == 1000 * 2 * 32 + 100 * 5 * 32


def test_gemma3_s_windows_are_counted(gemma3_path):
    memory = inspect_gguf(gemma3_path).on_cpu

    # 18 layers, each sixth without the window of 512; one head of 256.
    per_token = 2 * 256 * 4
    assert memory.kv_bytes_per_1000_tokens == per_token * (3 * 1000 + 15 * 512)
    assert memory.kv_bytes_at_context_length == per_token * (3 * 32768 + 15 * 512)


def test_the_cache_of_an_architecture_that_is_not_run_is_told_by_its_header(path):
    write_gguf(path, architecture="olmo2", **sizes("olmo2"))

    memory = inspect_gguf(path).on_cpu

    assert memory.kv_bytes_per_1000_tokens == 1000 * 6 * 2 * (16 + 16) * 4
    assert memory.kv_bytes_at_context_length == 4096 * 6 * 2 * (16 + 16) * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"block_count": None},
        {"attention__head_count": 0},
        {"attention__head_count_kv": [2, 0, 2, 0, 2, 0]},
        {"embedding_length": "64"},
    ],
)
def test_what_the_header_does_not_tell_is_not_made_up(path, changes):
    write_gguf(path, architecture="mamba", **sizes("mamba", **changes))

    assert inspect_gguf(path).on_cpu.kv_bytes_per_1000_tokens is None


# ----- Odd headers -----


def test_a_file_with_nothing_in_it_is_inspected(path):
    path.write_bytes(head(0, 0))

    told = inspect_gguf(path)

    expected = "general.architecture: expected str, got no such key"
    assert told.problems == [expected]
    assert (told.tokenizer, told.chat_template, told.tensors) == (None, None, [])
    assert told.on_cpu.weights_bytes == 0


def test_texts_that_are_not_utf8_are_told_as_such(path):
    path.write_bytes(
        head(0, 3)
        + key("bad", STRING, text(b"\xff"))
        + array("tokens", STRING, 1, text(b"a\xff"))
        + array("many", INT32, 9, bytes(36))
    )

    metadata = inspect_gguf(path).metadata

    assert metadata["bad"] == (
        f"({path}: [gguf] bad: expected UTF-8, got byte 255 at byte 0 of string 0)"
    )
    assert metadata["tokens"].startswith("([gguf] tokens: expected UTF-8")
    assert metadata["many"] == ShortArray(9, "int", [0] * 8)


def test_each_problem_is_told_once(path):
    write_gguf(path, architecture="mamba")

    [problem] = inspect_gguf(path).problems

    assert problem.startswith("general.architecture: expected one of llama")


def test_a_damaged_header_is_inspected_or_refused(path, tmp_path):
    content = write_gguf(path, **sizes("llama")).read_bytes()
    chance = random.Random(3)
    damaged, refused = tmp_path / "damaged.gguf", 0

    for _ in range(500):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        damaged.unlink(missing_ok=True)  # the last one may still be mapped
        damaged.write_bytes(changed)
        try:
            inspect_gguf(damaged)
        except ModelError:
            refused += 1

    assert 100 < refused < 450
