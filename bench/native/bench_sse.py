"""Nanoseconds that the frame of one delta takes, beside what it could be.

DeltaFramer against `joined`, which allocates and copies as many bytes and does nothing
else, and against orjson's encoding of the event's dict with the frame around it. All in
turn, round by round; each figure is the median of the rounds, a round's the least of
its runs. Goals: for deltas of up to 200 bytes at most 2 times `joined`, and at least 4
times as fast as orjson; above, at least 1 GB of text a second. Prints a table and,
last, one line of JSON. Needs orjson (`pip install orjson`), which Pensieve does not.

    python -m pensieve.bench.native.bench_sse [--rounds 15]
"""

import argparse
import statistics
import timeit
from collections.abc import Callable

from pensieve._native.sse import DeltaFramer, joined

from ..record import record

SIZES = (1, 5, 20, 50, 100, 200, 1_000, 10_000, 100_000)
SMALL = 200
"""Bytes; as far as the deltas of streams go."""
TEXTS = {
    "prose": "The harbour was quiet and lamps along its quay were lit one by one. ",
    "code": 'def text_of(self, key):\n    return self._texts.get(key, "none")\n\n',
    "chinese": "\u6e2f\u53e3\u5f88\u5b89\u9759\u3002",
}
BEFORE = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"'
)
AFTER = b'"}}\n\n'
REPEATS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'text':8}{'bytes':>8}{'frame':>9}{'joined':>9}{'orjson':>9}")
    figures: dict[str, object] = {}
    misses = []
    for kind, pattern in TEXTS.items():
        for size in SIZES:
            text = sized(pattern, size)
            row = compared(text, rounds)
            num_bytes = len(text.encode())
            figures[f"{kind}_{size}"] = row
            print(
                f"{kind:8}{num_bytes:8}{row['frame_ns']:9.0f}{row['joined_ns']:9.0f}"
                f"{row['orjson_ns']:9.0f}   {row['of_joined']:5.2f} of joined,"
                f" {row['of_orjson']:5.1f} times orjson,"
                f" {num_bytes / row['frame_ns']:5.2f} GB/s"
            )
            if size <= SMALL:
                is_met = row["of_joined"] <= 2 and row["of_orjson"] >= 4
            else:
                is_met = num_bytes / row["frame_ns"] >= 1
            misses += [] if is_met else [f"{kind} {size}"]
    print(f"goals: {'met' if not misses else 'MISSED at ' + ', '.join(misses)}")
    print(record("sse", {"rounds": rounds, **figures}))


def sized(pattern: str, num_bytes: int) -> str:
    """Return text of at most so many bytes, and of one character at least."""
    times = 1 + num_bytes // len(pattern.encode())
    text = (pattern * times).encode()[:num_bytes].decode(errors="ignore")
    return text or pattern[0]


def compared(text: str, rounds: int) -> dict[str, float]:
    """Return the three times in nanoseconds, and what the first is of the others."""
    framer = DeltaFramer(0, "text_delta", "text")
    event = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": text},
    }

    import orjson

    def by_orjson() -> bytes:
        event["delta"] = {"type": "text_delta", "text": text}
        data: bytes = orjson.dumps(event)
        return b"event: content_block_delta\ndata: " + data + b"\n\n"

    calls: list[Callable[[], bytes]] = [
        lambda: framer.frame(text),
        lambda: joined(BEFORE, text, AFTER),
        by_orjson,
    ]
    assert calls[0]() == by_orjson()
    number = max(5, 20_000 // (1 + len(text) // 100))
    rows = [
        [min(timeit.repeat(call, number=number, repeat=REPEATS)) for call in calls]
        for _ in range(rounds)
    ]
    frame, copied, others = (
        1e9 * statistics.median(column) / number for column in zip(*rows, strict=True)
    )
    return {
        "frame_ns": round(frame, 1),
        "joined_ns": round(copied, 1),
        "orjson_ns": round(others, 1),
        "of_joined": round(statistics.median(row[0] / row[1] for row in rows), 3),
        "of_orjson": round(statistics.median(row[2] / row[0] for row in rows), 2),
    }


if __name__ == "__main__":
    main()
