import mlx.core as mx
import psutil
import pytest

from pensieve.engine import device_memory
from pensieve.engine.prefix_cache.budget import budget_bytes, default_budget_bytes
from pensieve.machine_memory import Reading

GIB = 1 << 30


def test_two_gigabytes_are_left_alone():
    assert budget_bytes(2 * GIB) == 0
    assert budget_bytes(1 * GIB) == 0


def test_of_what_is_beyond_them_less_than_half_is_taken():
    assert 0.3 * 8 * GIB < budget_bytes(10 * GIB) < 0.5 * 8 * GIB


def test_the_default_is_within_the_machines_memory():
    assert 0 <= default_budget_bytes() < psutil.virtual_memory().total / 2


@pytest.mark.parametrize(
    ("device", "free"),
    [
        ({"device_name": "a processor"}, 20 * GIB),
        ({"max_recommended_working_set_size": 16 * GIB}, 11 * GIB),
        ({"max_recommended_working_set_size": 99 * GIB}, 20 * GIB),
        ({"free_memory": 7 * GIB, "total_memory": 80 * GIB}, 7 * GIB),
    ],
    ids=["cpu", "metal", "large metal", "cuda"],
)
def test_the_default_is_a_share_of_what_machine_and_gpu_can_give(
    monkeypatch, device, free
):
    class Memory:
        available = total = 20 * GIB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    monkeypatch.setattr(mx, "device_info", lambda: device)
    monkeypatch.setattr(mx, "get_active_memory", lambda: 5 * GIB)

    assert default_budget_bytes() == budget_bytes(free)


def test_where_memory_is_short_at_the_start_there_is_a_cache_for_later(monkeypatch):
    monkeypatch.setattr(device_memory, "read_memory", lambda: Reading(GIB, "machine"))

    assert default_budget_bytes() == psutil.virtual_memory().total // 16


def test_the_default_is_within_what_a_control_group_leaves(monkeypatch):
    reading = Reading(6 * GIB, "control group")
    monkeypatch.setattr(device_memory, "read_memory", lambda: reading)

    assert default_budget_bytes() == budget_bytes(6 * GIB)
