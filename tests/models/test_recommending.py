import re

import msgspec
import pytest

from pensieve.machine import Machine
from pensieve.models.known_models import GB, KNOWN_MODELS, KnownModel
from pensieve.models.names import parse_repository
from pensieve.models.recommending import WORK_TOKENS, advice, best


def mac(memory_gb, bandwidth=400):
    return Machine(
        system="Darwin",
        release="macOS 26.2",
        os_version=(26, 2),
        architecture="arm64",
        chip="Apple",
        num_cores=10,
        memory_bytes=memory_gb << 30,
        device="Metal",
        gpu_bytes=(memory_gb << 30) * 3 // 4,
        wired_limit_mb=0,
        bandwidth=bandwidth,
    )


def test_more_memory_never_gives_a_worse_model():
    places = [
        KNOWN_MODELS.index(best(mac(memory_gb)))
        for memory_gb in (16, 24, 32, 48, 64, 96, 128, 512)
    ]

    assert places == sorted(places, reverse=True)
    assert len(set(places)) >= 4


def test_where_nothing_fits_there_is_no_best():
    assert best(mac(4)) is None


def test_what_fits_holds_a_conversation_and_what_does_not_cannot():
    for each in advice(mac(32)):
        assert each.fits == (each.needed_bytes <= mac(32).usable_bytes)
        assert each.fits == (each.max_tokens >= WORK_TOKENS)
        assert each.max_tokens <= each.model.context_length


def test_a_cpu_holds_weights_unpacked():
    cpu = msgspec.structs.replace(mac(128), device="CPU", gpu_bytes=None)
    for on_cpu, on_gpu in zip(advice(cpu), advice(mac(128)), strict=True):
        assert on_cpu.needed_bytes > 2 * on_gpu.needed_bytes
        assert on_cpu.tokens_per_s < on_gpu.tokens_per_s / 7


def test_speed_follows_the_bandwidth():
    slow, fast = advice(mac(128, 100)), advice(mac(128, 800))
    for one, other in zip(slow, fast, strict=True):
        assert other.tokens_per_s == pytest.approx(8 * one.tokens_per_s)

    assert {each.speed for each in advice(mac(128, None))} == {"not known"}


def test_published_speeds_are_met_within_a_half():
    """Tokens/s of mlx-lm's own table and of Rapid-MLX, on an M4 Max and an M4 Pro."""
    published = {
        ("Qwen3-4B-Instruct-2507-4bit", 546): 134.5,
        ("Qwen3.5-9B-4bit", 273): 43.4,
        ("Qwen3-Coder-30B-A3B-Instruct-4bit", 546): 113,
    }
    for (name, bandwidth), tokens_per_s in published.items():
        (found,) = (
            each
            for each in advice(mac(128, bandwidth))
            if each.model.name.endswith("/" + name)
        )
        assert tokens_per_s / 1.5 < found.tokens_per_s < tokens_per_s * 1.5


@pytest.mark.parametrize("model", KNOWN_MODELS, ids=lambda model: model.name)
def test_a_known_model_can_be_pulled_and_holds_claude_codes_prompt(model):
    assert parse_repository(model.name) is not None
    assert model.context_length >= WORK_TOKENS
    assert 0 < model.active_bytes <= model.weights_bytes < 500 * GB
    assert model.kv_bytes_per_token > 0
    assert set(model.estimated) <= set(KnownModel.__struct_fields__)
    assert re.search(r"\w", model.summary)
