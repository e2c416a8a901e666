"""CPU time of the HTTP process: for an event of a stream, and for a turn.

The server runs over an engine without a model (`stand_in_engine`), beside a bare
Falcon application in the same worker (`bare_app`); both in turn, round by round.

Streams: so many at once, a token each at every step. CPU time for an event, against the
bare application that writes the same frames at the same pace; the goal is at most 2.

Turns: two conversations grow, each turn by the same number of tokens; CPU time for a
turn behind some 100,000 tokens against one behind some 1,000, less the decoding of the
request's body, which is measured here, in this process; the goal is at most 2.

CPU time is the worker's own, of all its threads, as the system counts it. Prints tables
and, last, one line of JSON.

    python -m pensieve.bench.serve.bench_http_cpu [--rounds 5] [--streams 8] \\
        [--step-ms 10]
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from pensieve.models.files import describe
from pensieve.prompt.tokenizer import Tokenizer, open_backend
from pensieve.schema.bodies import decode_request

from ..record import record
from .bare_app import FRAMES_FILE, Frames
from .cpu_samples import SAMPLES_FILE
from .growing_conversation import WORDS, Conversation
from .http_worker import HttpWorker, frames_of
from .stand_in_engine import ANSWERS_FILE, Answers

MODEL = Path(__file__).parents[2] / "tests" / "tiny_model" / "pensieve-tiny"
GOAL = 2.0
NUM_TOKENS = 600
"""Of a stream."""
TEXT, CALL, TURN = 2001, 2002, 2003
"""Answers, named by `max_tokens`."""
STREAMS = {"text": TEXT, "call": CALL}
TURN_TEXT = "I look at the files first, then at what they say."
TURN_CALL = '{"name": "Bash", "arguments": {"command": "ls -la src tests"}}'
NEW_WORDS = 40
"""Of each turn that is measured."""
MANY_WORDS = 1200
"""Of each turn on the way to a long conversation."""
SIZES = {"short": 600, "long": 100_000}
"""Prompt tokens before the turns that are measured."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--step-ms", type=float, default=10.0)
    parser.add_argument("--turns", type=int, default=5, help="measured, in each round")
    arguments = parser.parse_args()
    step_s = arguments.step_ms / 1000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        figures = {
            **streams(home, arguments.rounds, arguments.streams, step_s),
            **turns(home, arguments.rounds, arguments.turns),
        }
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):40} {value:10.5g}")
    for name in ("text_ratio", "call_ratio", "turn_ratio"):
        print(f"{name}: {'met' if figures[name] <= GOAL else 'MISSED'} (<= {GOAL:g})")
    print(record("http_cpu", dict(figures)))


def served(home: Path, step_s: float) -> HttpWorker:
    """Start the server over a stand-in."""
    answers = Answers(step_s, answer_ids())
    file = home / "answers.json"
    file.write_bytes(msgspec.json.encode(answers))
    environ = {
        ANSWERS_FILE: str(file),
        SAMPLES_FILE: str(home / "samples"),
        "PENSIEVE_MODEL": str(MODEL),
        "PENSIEVE_PREFIX_DISK_BYTES": "0",
    }
    return HttpWorker("pensieve.bench.serve.stand_in_app:app", home, environ)


def answer_ids() -> dict[int, list[int]]:
    """Return the answers' tokens."""
    description = describe(MODEL, str(MODEL))
    tokenizer = Tokenizer(open_backend(description), "<tool_call>")
    opens, closes = tokenizer.token_id("<tool_call>"), None
    assert opens is not None
    closes = tokenizer.token_id("</tool_call>") or opens + 1

    def call(text: str) -> list[int]:
        return [opens, *tokenizer.encode(f"\n{text}\n", is_start=False), closes]

    prose = " ".join(WORDS * 40)
    long = json.dumps({"command": "cat > a.py <<E\n" + "\n".join(WORDS * 40) + "\nE"})
    long_call = f'{{"name": "Bash", "arguments": {long}}}'
    return {
        TEXT: tokenizer.encode(prose)[:NUM_TOKENS],
        CALL: call(long_call)[:NUM_TOKENS],
        TURN: [*tokenizer.encode(TURN_TEXT), *call(TURN_CALL)],
    }


# ----- Streams -----


def streams(
    home: Path, rounds: int, num_streams: int, step_s: float
) -> dict[str, float]:
    """Return the figures of streams."""
    ours = served(home, step_s)
    try:
        frames = {
            name: frames_of(ours.ask(stream_body(name))) for name in STREAMS.values()
        }
        file = home / "frames.json"
        file.write_bytes(msgspec.json.encode(Frames(step_s, frames)))
        environ = {FRAMES_FILE: str(file)}
        bare = HttpWorker("pensieve.bench.serve.bare_app:make_app()", home, environ)
        try:
            return compared(ours, bare, rounds, num_streams)
        finally:
            bare.stop()
    finally:
        ours.stop()


def compared(
    ours: HttpWorker, bare: HttpWorker, rounds: int, num_streams: int
) -> dict[str, float]:
    """Run both in turn and return the medians."""
    figures: dict[str, float] = {}
    for name, max_tokens in STREAMS.items():
        bodies = [stream_body(max_tokens)] * num_streams
        rows = []
        for turn in range(rounds + 1):
            workers = [ours, bare] if turn % 2 else [bare, ours]
            costs = {worker: event_us(worker, bodies) for worker in workers}
            rows.append((costs[ours], costs[bare]))
        del rows[0]  # to warm up
        figures |= {
            f"{name}_event_us": statistics.median(row[0] for row in rows),
            f"{name}_bare_event_us": statistics.median(row[1] for row in rows),
            f"{name}_ratio": statistics.median(row[0] / row[1] for row in rows),
        }
    return figures


def event_us(worker: HttpWorker, bodies: list[bytes]) -> float:
    """Return the CPU time of an event."""
    before_s = worker.cpu_s()
    answers = worker.ask_together(bodies)
    spent_s = worker.cpu_s() - before_s
    return 1e6 * spent_s / sum(answer.count(b"event: ") for answer in answers)


def stream_body(max_tokens: int) -> bytes:
    """Return a short request for a long answer."""
    conversation = Conversation(seed=max_tokens, max_tokens=max_tokens)
    return conversation.ask(num_words=50)


# ----- Turns -----


def turns(home: Path, rounds: int, num_turns: int) -> dict[str, float]:
    """Return the figures of turns."""
    worker = served(home, step_s=0.001)
    try:
        rows = [
            {
                name: measured_turns(worker, 100 * turn + place, size, num_turns)
                for place, (name, size) in enumerate(SIZES.items())
            }
            for turn in range(rounds)
        ]
    finally:
        worker.stop()
    figures: dict[str, float] = {}
    for name in SIZES:
        for key in rows[0][name]:
            values = [row[name][key] for row in rows]
            figures[f"{name}_{key}"] = statistics.median(values)
    figures["turn_ratio"] = statistics.median(
        row["long"]["turn_less_decoding_ms"] / row["short"]["turn_less_decoding_ms"]
        for row in rows
    )
    return figures


def measured_turns(
    worker: HttpWorker, seed: int, size: int, num_turns: int
) -> dict[str, float]:
    """Play a conversation to a size, then some turns more; return these turns' medians.

    Args:
        size: prompt tokens.
    """
    conversation = Conversation(seed, max_tokens=TURN)
    num_tokens = 0
    while num_tokens < size:
        words = min(MANY_WORDS, (size - num_tokens) // 2)
        num_tokens = played(worker, conversation, max(words, NEW_WORDS))[2]
    rows = [played(worker, conversation, NEW_WORDS) for _ in range(num_turns)]
    turn_ms = statistics.median(row[0] for row in rows)
    decoding_ms = statistics.median(row[1] for row in rows)
    return {
        "prompt_tokens": rows[-1][2],
        "body_bytes": rows[-1][3],
        "turn_ms": turn_ms,
        "decoding_ms": decoding_ms,
        "turn_less_decoding_ms": turn_ms - decoding_ms,
    }


def played(
    worker: HttpWorker, conversation: Conversation, num_words: int
) -> tuple[float, float, int, int]:
    """Play one turn.

    Returns:
        Milliseconds of CPU time for the turn, and for decoding its body; tokens of its
        prompt; bytes of its body.
    """
    body = conversation.ask(num_words)
    before_s = worker.cpu_s()
    answer = worker.ask(body, conversation.headers)
    time.sleep(0.01)  # what is left to do behind the last byte
    spent_s = worker.cpu_s() - before_s
    usage = conversation.take(answer)
    prompt_tokens = usage["input_tokens"] + usage["cache_read_input_tokens"]
    return 1000 * spent_s, 1000 * decoding_s(body), prompt_tokens, len(body)


def decoding_s(body: bytes) -> float:
    """Return the least CPU time that the decoding of a body takes."""
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        decode_request(body)
        best = min(best, time.process_time() - begun)
    return best


if __name__ == "__main__":
    main()
