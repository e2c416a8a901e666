"""How a long Write call reaches the client: the first of its input, and the gaps after.

A client waits for a tool call of thousands of tokens; servers that send its input only
when it is whole look dead meanwhile, and clients give them up. The tiny model of the
tests writes a file of 4,000 tokens over HTTP. Times are counted in decode steps of the
same answer (its duration by its tokens), so that they can be compared between machines.
Prints a table and, last, one line of JSON.

    python -m pensieve.bench.serve.bench_long_write [--rounds 3]
"""

import argparse
import itertools
import json
import statistics
import tempfile
from pathlib import Path

from ..record import record
from .served import Served

MODEL = Path(__file__).parents[2] / "tests" / "tiny_model" / "pensieve-tiny"
BODY = {
    "model": "claude-bench",
    "max_tokens": 8000,
    "stream": True,
    "messages": [{"role": "user", "content": "Please do tiny-task-long."}],
    "tools": [
        {
            "name": "Write",
            "description": "Writes a file.",
            "input_schema": {
                "type": "object",
                "properties": {
                    "file_path": {"type": "string"},
                    "content": {"type": "string"},
                },
                "required": ["file_path", "content"],
            },
        }
    ],
}


def measure(served: Served) -> dict[str, float]:
    """Return one answer's figures, times in decode steps."""
    opened_at, num_tokens, thinking_s = 0.0, 0, 0.0
    input_times = []
    size = 0
    for time_s, event in served.events(json.dumps(BODY).encode()):
        match event:
            case {"type": "message_start"}:
                thinking_s = time_s
            case {"type": "content_block_start", "content_block": {"type": "tool_use"}}:
                opened_at = time_s
            case {"delta": {"type": "input_json_delta", "partial_json": piece}}:
                input_times.append(time_s)
                size += len(piece)
            case {"type": "message_delta"}:
                num_tokens = event["usage"]["output_tokens"]
    step_s = (input_times[-1] - thinking_s) / num_tokens
    gaps = [
        (after - before) / step_s for before, after in itertools.pairwise(input_times)
    ]
    gaps.sort()
    return {
        "output_tokens": num_tokens,
        "input_characters": size,
        "input_deltas": len(input_times),
        "decode_step_ms": 1000 * step_s,
        "first_delta_after_opening_steps": (input_times[0] - opened_at) / step_s,
        "gap_median_steps": statistics.median(gaps),
        "gap_p99_steps": gaps[int(0.99 * len(gaps))],
        "gap_longest_steps": gaps[-1],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as home:
        served = Served(str(MODEL), Path(home))
        served.start()
        try:
            measure(served)
            rows = [measure(served) for _ in range(rounds)]
        finally:
            served.stop()
    figures = {
        name: round(statistics.median(row[name] for row in rows), 3) for name in rows[0]
    }
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):35} {value:10g}")
    print(record("long_write", {"rounds": rounds, **figures}))


if __name__ == "__main__":
    main()
