"""What the machine and its GPU can still give, and what MLX has of it."""

import mlx.core as mx

from pensieve.machine_memory import Reading, read_memory


def read_device_memory() -> Reading:
    """Return what arrays can still be made of. Any thread; does not raise."""
    readings = [read_memory()]
    device = mx.device_info()
    if "max_recommended_working_set_size" in device:  # Metal
        limit = int(device["max_recommended_working_set_size"])
        room = max(0, limit - int(mx.get_active_memory()))
        readings.append(Reading(room, "GPU's working set"))
    if "free_memory" in device:  # CUDA, read anew with each call
        readings.append(Reading(int(device["free_memory"]), "GPU"))
    return min(readings)


def give_back_buffers() -> None:
    """Give back the buffers that MLX keeps for later arrays, if it has any."""
    if mx.get_cache_memory():
        mx.clear_cache()
