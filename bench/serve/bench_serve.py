r"""Tokens a second and time to first token over HTTP, beside mlx-lm on its weights.

Starts the server and a process of mlx-lm's own loops, warms both, then runs them in
turn, round by round, at 1 and at 4 streams: greedy, the same token ids and length.
Prints a table and, last, one line of JSON. The ratios are medians over the rounds of
(Pensieve / mlx-lm in the same round): a machine may be noisy, and neighbours in time
share its noise. Also: seconds from `pensieve start` to ready, and the HTTP process's
resident memory.

    python -m pensieve.bench.serve.bench_serve \
        [--model smollm2] [--rounds 5] [--tokens 64]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from pensieve.models import files, store
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_request

from ..record import record
from ..stream_rates import decode_rate
from .served import Served

TOPICS = ["a lighthouse keeper", "the sea in winter", "an old clock", "a lost map"]
NUM_STREAMS = (1, 4)
PADDING = "The harbour was quiet and the lamps along the quay were lit one by one. "


def bodies(num_streams: int, max_tokens: int) -> list[bytes]:
    """Return a request of some 200 prompt tokens for each stream."""
    return [
        json.dumps(
            {
                "model": "claude-bench",
                "max_tokens": max_tokens,
                "temperature": 0,
                "stream": True,
                "messages": [
                    {
                        "role": "user",
                        "content": PADDING * 10 + f"Write a long story about {topic}.",
                    }
                ],
            }
        ).encode()
        for topic in TOPICS[:num_streams]
    ]


class Baseline:
    """The process of `mlx_lm_baseline`."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.mlx_lm_baseline", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert json.loads(self._line())["ready"]

    def token_times(
        self, prompts: list[list[int]], max_tokens: int
    ) -> list[list[float]]:
        """Return, for each prompt, the seconds until each token."""
        assert self._process.stdin is not None
        request = {"prompts": prompts, "max_tokens": max_tokens}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        times: list[list[float]] = json.loads(self._line())["token_times_s"]
        return times

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            if self._process.stdout:
                self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def figures(token_times: list[list[float]]) -> tuple[float, float]:
    """Return (decode tokens/s of all streams together, mean seconds to first token).

    Raises:
        ValueError: as `decode_rate`.
    """
    first = statistics.mean(times[0] for times in token_times)
    return decode_rate(token_times), first


def compare(
    served: Served,
    baseline: Baseline,
    prompts: PromptBuilder,
    num_streams: int,
    rounds: int,
    max_tokens: int,
) -> dict[str, float]:
    """Run both in turn and return the medians."""
    requests = bodies(num_streams, max_tokens)
    token_ids = [prompts.build(decode_request(body)).token_ids for body in requests]
    served.token_times(requests)
    baseline.token_times(token_ids, max_tokens)
    rows = []
    for turn in range(rounds):
        runs = [
            lambda: figures(served.token_times(requests)),
            lambda: figures(baseline.token_times(token_ids, max_tokens)),
        ]
        if turn % 2:  # either goes first in half of the rounds
            base, ours = runs[1](), runs[0]()
        else:
            ours, base = runs[0](), runs[1]()
        rows.append((*ours, *base))
    return {
        "prompt_tokens": statistics.mean(map(len, token_ids)),
        "decode_tokens_per_s": statistics.median(row[0] for row in rows),
        "mlx_lm_decode_tokens_per_s": statistics.median(row[2] for row in rows),
        "decode_ratio": statistics.median(row[0] / row[2] for row in rows),
        "first_token_s": statistics.median(row[1] for row in rows),
        "mlx_lm_first_token_s": statistics.median(row[3] for row in rows),
        "first_token_ratio": statistics.median(row[1] / row[3] for row in rows),
        "first_token_over_1_1_ratio_s": statistics.median(
            row[1] - 1.1 * row[3] for row in rows
        ),
    }


def goals(results: dict[str, object]) -> dict[str, bool]:
    """Return the project's goals for these figures, and whether each was met."""
    start_s, http_bytes = results["start_to_ready_s"], results["http_memory_bytes"]
    assert isinstance(start_s, float)
    assert isinstance(http_bytes, int)
    met = {
        "start to ready under 12 s": start_s < 12,
        "HTTP process under 150 MB": http_bytes < 150 << 20,
    }
    for num_streams in NUM_STREAMS:
        each = results[f"streams_{num_streams}"]
        assert isinstance(each, dict)
        name = f"{num_streams} streams" if num_streams > 1 else "1 stream"
        met[f"{name}: decode at least 0.95 of mlx-lm"] = each["decode_ratio"] >= 0.95
        met[f"{name}: first token within 1.1 of mlx-lm, plus 30 ms"] = (
            each["first_token_over_1_1_ratio_s"] <= 0.030
        )
    return met


def main() -> None:
    """Measure, and print the table, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args()

    path = store.resolve(options.model)
    prompts = PromptBuilder.open(files.describe(path))
    results: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as home:
        # Each round asks the same again: what it takes is to be computed, not found.
        served = Served(str(path), Path(home), prefix_cache_bytes=0)
        results["start_to_ready_s"] = served.start()
        baseline = Baseline(path)
        try:
            for num_streams in NUM_STREAMS:
                results[f"streams_{num_streams}"] = compare(
                    served,
                    baseline,
                    prompts,
                    num_streams,
                    options.rounds,
                    options.tokens,
                )
            results["http_memory_bytes"] = served.http_memory_bytes()
        finally:
            baseline.close()
            served.stop()
    for name, value in results.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for row, figure in rows:
            print(f"{name:20} {row:32} {figure:14.3f}")
    for goal, is_met in goals(results).items():
        print(f"{'met' if is_met else 'NOT MET':8} {goal}")
    print(record("serve", {"model": options.model, **results}))


if __name__ == "__main__":
    main()
