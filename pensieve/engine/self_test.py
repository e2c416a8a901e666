"""What MLX runs on, and whether the sampler agrees with its specification here.

`python -m pensieve.engine.self_test` prints one JSON object: "mlx", its version;
"device"; "sampler", the one that would be used; "problems", what was switched off and
why. Loads no model.
"""

import importlib.metadata
import json
import logging
import platform
import sys

import mlx.core as mx

from pensieve.engine.sampling.best_sampler import best_sampler

VOCABULARY = 151_936
"""Tokens: Qwen3's, as large as most. Logits are bfloat16 on a GPU, float32 on a CPU."""


class _Problems(logging.Handler):
    """Keeps what is warned of: kernels that are switched off are told so."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's text."""
        self.texts.append(record.getMessage())


def main() -> int:
    """Print what was found; return the exit status."""
    problems = _Problems()
    logging.getLogger("pensieve").addHandler(problems)
    mx.eval(mx.ones((8, 8)) @ mx.ones((8, 8)))
    on_gpu = mx.default_device().type == mx.gpu
    choice = best_sampler(VOCABULARY, mx.bfloat16 if on_gpu else mx.float32)
    found = {
        "mlx": importlib.metadata.version("mlx"),
        "device": device_name(),
        "sampler": str(choice),
        "problems": problems.texts,
    }
    print(json.dumps(found))
    return 0


def device_name() -> str:
    """Return for example "Metal: Apple M4 Max" or "CPU: x86_64"."""
    if mx.default_device().type != mx.gpu:
        return f"CPU: {platform.machine()}"
    backend = "Metal" if mx.metal.is_available() else "CUDA"
    return f"{backend}: {mx.device_info().get('device_name', 'not named')}"


if __name__ == "__main__":
    sys.exit(main())
