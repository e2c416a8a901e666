"""Whether an engine more fits, on machines with and without a GPU."""

import pytest
from hosting.scripted_host import LEFT_MB, PROCESSES_MB, Host

from pensieve.errors import OverloadedError
from pensieve.hosting.memory_room import MemoryRoom
from pensieve.models.files import describe
from pensieve.models.memory_estimate import PROCESSES_BYTES, estimate

SIZES = {"a": 500, "b": 500}
NEEDED_MB = 500 + PROCESSES_MB + LEFT_MB


@pytest.mark.parametrize(("memory_mb", "fits"), [(NEEDED_MB, True), (NEEDED_MB - 1, 0)])
async def test_a_model_needs_its_weights_its_process_and_something_left(
    memory_mb, fits
):
    host = Host(SIZES, memory_mb)

    if fits:
        await host.use("b")
    else:
        with pytest.raises(OverloadedError):
            await host.use("b")


@pytest.mark.parametrize(("arrays_mb", "fits"), [(0, True), (801, False)])
async def test_a_gpu_has_what_its_engines_do_not_say_that_they_have(arrays_mb, fits):
    gpu_mb = 2 * (500 + PROCESSES_MB) + LEFT_MB
    host = Host(SIZES, 0, gpu_mb=gpu_mb)
    await host.models.start()
    host.engines["a"].arrays_mb = arrays_mb

    if fits:
        await host.use("b")
    else:
        with pytest.raises(OverloadedError, match=r"\(CUDA\)"):
            await host.use("b")
    await host.models.close()


def test_what_a_model_needs_is_estimated_by_its_files(smollm2_path):
    room = MemoryRoom(0)
    description = describe(smollm2_path)

    room.learn([description])

    (need,) = room._needs.values()
    weights = estimate(smollm2_path, on_gpu=False).weights_bytes
    assert need == weights + PROCESSES_BYTES > description.size_bytes
