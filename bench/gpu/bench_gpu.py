r"""A model of 8B's size on a GPU: over HTTP, beside mlx-lm's own loop on its weights.

Decode tokens a second of 1, 4 and 16 streams, in turn with mlx-lm's `stream_generate`
and `BatchGenerator`; seconds to the first token of a 20,000-token prompt: cold, with a
new question behind what is known in memory, the same after a restart from disk, and
mlx-lm's cold; the GPU's memory in use. The weights are random and greedy (see
`random_model`). Each part is written to OUT as soon as it is done, and one that fails
or takes too long leaves its reason there and the others alone. Prints the parts and,
last, one line of JSON.

    python -m pensieve.bench.gpu.bench_gpu OUT \
        [--sizes 8b] [--long 20000] [--limit 560] [--streams 1 4 16]
"""

import argparse
import contextlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pensieve.models import files
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_request

from ..serve.bench_serve import Baseline, figures
from ..serve.served import Served
from .parts import Report

NUM_STREAMS = (1, 4, 16)
SHORT_BYTES = 200
QUESTION_BYTES = 60
DISK_BYTES = 16 << 30
"""Room for all that is asked: some 130 KB a token."""
DISK_QUIET_S = 1.0
"""So long nothing more comes to disk before all is taken to be written."""


class GpuMemory(threading.Thread):
    """Reads how much of the first GPU's memory is in use, and keeps the peak."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._has_tool = shutil.which("nvidia-smi") is not None
        self._peak_bytes = 0

    def run(self) -> None:
        """Read for ever."""
        while self._has_tool:
            with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
                self._peak_bytes = max(self._peak_bytes, self.now())
            time.sleep(0.3)

    def now(self) -> int:
        """Return the bytes in use; 0 without a GPU."""
        return int(self._asked("memory.used")) << 20 if self._has_tool else 0

    def name(self) -> str:  # type: ignore[override]
        """Return what the GPU is called."""
        return self._asked("name") if self._has_tool else "none"

    def take_peak(self) -> int:
        """Return the most that was in use since the last time."""
        peak, self._peak_bytes = max(self._peak_bytes, self.now()), 0
        return peak

    def _asked(self, what: str) -> str:
        asked = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10)
        return told.stdout.splitlines()[0].strip()


def text(size: int, seed: int) -> str:
    """Return so many bytes of words, no two seeds alike from the start on."""
    rng = random.Random(seed)
    words = ["harbour", "lamp", "quay", "boat", "rope", "tide", "wind", "gull"]
    made = f"{seed} "
    while len(made) < size:
        made += rng.choice(words) + " "
    return made[:size]


def body(prompt: str, max_tokens: int) -> bytes:
    """Return a request that streams."""
    message = {"role": "user", "content": prompt}
    asked = {"model": "claude-bench", "max_tokens": max_tokens, "stream": True}
    return json.dumps({**asked, "temperature": 0, "messages": [message]}).encode()


def _median(asked: list[dict[str, Any]]) -> float:
    return float(statistics.median(each["first_token_s"] for each in asked))


class Bench:
    """The server, mlx-lm's process, and what is asked of them."""

    def __init__(self, work: Path, long_bytes: int, num_tokens: int) -> None:
        self.model = work / "model"
        self.memory = GpuMemory()
        self.memory.start()
        self._home = work / "home"
        self._long_bytes = long_bytes
        self._num_tokens = num_tokens
        self._seeds = iter(range(1, 1 << 30))
        self.served = Served(
            str(self.model),
            self._home,
            max_batch_size=max(NUM_STREAMS),
            prefix_disk_bytes=DISK_BYTES,
        )
        self._long_seeds = [next(self._seeds) for _ in range(2)]
        self._baseline: Baseline | None = None
        self._prompts: PromptBuilder | None = None

    # ----- Parts -----

    def build(self, sizes: str) -> dict[str, Any]:
        """Make the model; return what its process told of the device."""
        command = [sys.executable, "-m", f"{__package__}.random_model", str(self.model)]
        told = subprocess.run(
            [*command, "--sizes", sizes], capture_output=True, text=True, check=True
        )
        built: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
        self._prompts = PromptBuilder.open(files.describe(self.model))
        return {"gpu": self.memory.name(), "sizes": sizes, **built}

    def start(self) -> dict[str, float]:
        """Start the server."""
        before = self.memory.now()
        seconds = self.served.start()
        loaded = self.memory.now() - before
        return {"start_to_ready_s": round(seconds, 2), "gpu_memory_bytes": loaded}

    def start_baseline(self) -> dict[str, float]:
        """Start mlx-lm's process."""
        began = time.perf_counter()
        self._baseline = Baseline(self.model)
        return {"seconds": round(time.perf_counter() - began, 2)}

    def decode(self, num_streams: int, rounds: int) -> dict[str, Any]:
        """Run both in turn and return the medians, tokens a second of all streams."""
        assert self._baseline is not None

        def ours() -> float:
            self._await_disk()
            return figures(self.served.token_times(self._requests(num_streams)))[0]

        def mlx_lm() -> float:
            assert self._baseline is not None
            prompts = [self._ids(each) for each in self._requests(num_streams)]
            return figures(self._baseline.token_times(prompts, self._num_tokens))[0]

        ours(), mlx_lm()
        self.memory.take_peak()
        rows = []
        for turn in range(rounds):
            if turn % 2:  # either goes first in half of the rounds
                base, mine = mlx_lm(), ours()
            else:
                mine, base = ours(), mlx_lm()
            rows.append((mine, base))
        return {
            "decode_tokens_per_s": statistics.median(row[0] for row in rows),
            "mlx_lm_decode_tokens_per_s": statistics.median(row[1] for row in rows),
            "ratio": statistics.median(row[0] / row[1] for row in rows),
            "rounds": rows,
            "gpu_memory_of_both_bytes": self.memory.take_peak(),
        }

    def long_by_mlx_lm(self) -> dict[str, Any]:
        """Return mlx-lm's seconds to the first token of long prompts."""
        assert self._baseline is not None
        times = []
        for _ in range(2):
            prompt = self._ids(body(self._long(next(self._seeds)), 2))
            times.append(self._baseline.token_times([prompt], 2)[0][0])
        return {"first_token_s": min(times), "all_s": times}

    def close_baseline(self) -> str:
        """End mlx-lm's process, if there is one."""
        baseline, self._baseline = self._baseline, None
        if baseline is not None:
            baseline.close()
        return "ended"

    def long_from_memory(self) -> dict[str, Any]:
        """Return the seconds to long prompts' first tokens, new and known ones'."""
        self.memory.take_peak()
        seeds = self._long_seeds
        cold = [self._first_token(seed) for seed in seeds]
        warm = [self._first_token(seed) for seed in [*seeds, *seeds]]
        return {
            "cold_first_token_s": _median(cold),
            "warm_first_token_s": _median(warm),
            "cold": cold,
            "warm": warm,
            "gpu_memory_peak_bytes": self.memory.take_peak(),
        }

    def long_from_disk(self, restarts: int) -> dict[str, Any]:
        """Return the same of known ones after restarts."""
        disk, ready = [], []
        for _ in range(restarts):
            self._await_disk()
            self.served.stop()
            ready.append(self.served.start())
            self.served.token_times(self._requests(1))  # a first one has more to load
            disk += [self._first_token(seed) for seed in self._long_seeds]
        return {
            "disk_first_token_s": _median(disk),
            "disk": disk,
            "start_to_ready_s": ready,
            "disk_bytes": self._disk_bytes(),
        }

    # ----- What is asked -----

    def _requests(self, num_streams: int) -> list[bytes]:
        prompts = [text(SHORT_BYTES, next(self._seeds)) for _ in range(num_streams)]
        return [body(prompt, self._num_tokens) for prompt in prompts]

    def _long(self, seed: int) -> str:
        question = text(QUESTION_BYTES, next(self._seeds))
        return text(self._long_bytes, seed) + question

    def _ids(self, request: bytes) -> list[int]:
        assert self._prompts is not None
        return [*self._prompts.build(decode_request(request)).token_ids]

    def _first_token(self, seed: int) -> dict[str, Any]:
        """Ask something new behind a long text, and say what of it was cached."""
        usage: dict[str, Any] = {}
        first_s = 0.0
        for time_s, event in self.served.events(body(self._long(seed), 4)):
            if event["type"] == "message_start":
                usage = event["message"]["usage"]
            elif event["type"] == "content_block_delta" and not first_s:
                first_s = time_s
        names = ("input_tokens", "cache_creation_input_tokens")
        return {
            "first_token_s": round(first_s, 4),
            "read_tokens": usage.get("cache_read_input_tokens"),
            "new_tokens": sum(usage.get(name) or 0 for name in names),
        }

    # ----- The disk -----

    def _disk_bytes(self) -> int:
        kept = [p for p in self._home.rglob("*") if p.suffix in (".kv", ".state")]
        return sum(path.stat().st_size for path in kept)

    def _await_disk(self) -> None:
        """Wait until nothing more is written."""
        before = -1
        while before != (before := self._disk_bytes()):
            time.sleep(DISK_QUIET_S)

    def logs(self) -> list[Path]:
        """Return the server's log files."""
        return [*self._home.rglob("*.log")]


def measure(
    bench: Bench, report: Report, sizes: str, streams: list[int], rounds: int
) -> None:
    """Measure all parts, as far as those before them went well."""
    if not report.part("model", 150, lambda: bench.build(sizes)):
        return
    if not report.part("start", 240, bench.start):
        return
    beside_mlx_lm: dict[str, Callable[[], Any]] = {
        f"streams_{n}": partial(bench.decode, n, rounds) for n in streams
    }
    beside_mlx_lm["long_mlx_lm"] = bench.long_by_mlx_lm
    went_well = False
    for name, run in beside_mlx_lm.items():
        # What broke off may have left mlx-lm's process in the middle of an answer.
        if not went_well:
            report.part("mlx_lm_end", 70, bench.close_baseline)
            report.part("mlx_lm_start", 90, bench.start_baseline)
        went_well = report.part(name, 150, run)
    report.part("mlx_lm_end", 70, bench.close_baseline)
    report.part("long_from_memory", 150, bench.long_from_memory)
    report.part("long_from_disk", 240, partial(bench.long_from_disk, 2))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", default="8b")
    parser.add_argument("--long", type=int, default=20_000)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--streams", type=int, nargs="*", default=NUM_STREAMS)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--limit", type=float, default=560)
    parser.add_argument("--commit", default="")
    options = parser.parse_args()

    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    report = Report("gpu", out, options.limit, options.commit)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        bench = Bench(Path(work), options.long, options.tokens)
        try:
            measure(bench, report, options.sizes, options.streams, options.rounds)
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                bench.served.stop()
            for path in bench.logs():
                said = path.read_bytes()[-200_000:]
                (out / path.name).write_bytes(said)
    print(report.save())


if __name__ == "__main__":
    main()
