"""Where the HTTP process spends its CPU time, on the way of an event and of a turn.

Samples (`cpu_samples`) the worker of `bench_http_cpu` while it streams, and while it
answers a conversation of 100,000 tokens. A sample counts for the innermost function
that is of a file listed in PARTS. Prints the shares of each part.

    python -m pensieve.bench.serve.profile_http [--rounds 10]
"""

import argparse
import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from .bench_http_cpu import (
    MANY_WORDS,
    NEW_WORDS,
    SIZES,
    STREAMS,
    TURN,
    played,
    served,
    stream_body,
)
from .growing_conversation import Conversation
from .http_worker import HttpWorker

NUM_STREAMS = 8
STEP_S = 0.005
PARTS = {
    "gunicorn/": "gunicorn: HTTP, the socket",
    "falcon/": "Falcon",
    "pensieve/api/event_stream": "api: frames, pings, waking",
    "pensieve/api/": "api: the rest",
    "pensieve/serve/": "serve",
    "pensieve/pipeline": "pipeline",
    "pensieve/figures/": "figures",
    "pensieve/link/": "link: frames in and out, sequences",
    "pensieve/output/detokenizer": "output: detokenizer",
    "pensieve/output/json_stream": "output: JSON of calls",
    "pensieve/output/": "output: parsers, blocks, events",
    "pensieve/schema/": "schema: decoding and checking",
    "pensieve/prompt/tokenizer": "prompt: tokenizer",
    "pensieve/prompt/segment_cache": "prompt: tokenizer",
    "pensieve/prompt/control_tokens": "prompt: control tokens",
    "pensieve/prompt/turn_keys": "prompt: keys of turns",
    "pensieve/prompt/continuity": "prompt: continuity",
    "pensieve/prompt/similar_prompts": "prompt: head and keep sizes",
    "pensieve/prompt/keep_sizes": "prompt: head and keep sizes",
    "pensieve/prompt/head_sizes": "prompt: head and keep sizes",
    "pensieve/prompt/turns": "prompt: canonical form",
    "pensieve/prompt/canonical": "prompt: canonical form",
    "pensieve/prompt/offered_tools": "prompt: canonical form",
    "pensieve/prompt/documents": "prompt: canonical form",
    "pensieve/prompt/": "prompt: template, transcript",
    "pensieve/grammar/": "grammar",
}
"""By a piece of the file's path; the first that fits. All else is the event loop."""


def main() -> None:
    """Profile and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name, max_tokens in STREAMS.items():
            bodies = [stream_body(max_tokens)] * NUM_STREAMS
            act = functools.partial(stream, bodies, arguments.rounds)
            with_samples(served(home, STEP_S), f"8 streams: {name}", home, act)
        act = functools.partial(turns, 20 * arguments.rounds)
        with_samples(served(home, 0.001), "turns of a long conversation", home, act)


def stream(bodies: list[bytes], rounds: int, worker: HttpWorker) -> None:
    """Stream answers, some rounds of them with samples."""
    worker.ask_together(bodies)
    worker.post("/samples/begin")
    for _ in range(rounds):
        worker.ask_together(bodies)


def turns(num_turns: int, worker: HttpWorker) -> None:
    """Play a conversation until it is long, then some turns with samples."""
    conversation = Conversation(1, max_tokens=TURN)
    while played(worker, conversation, MANY_WORDS)[2] < SIZES["long"]:
        pass
    worker.post("/samples/begin")
    for _ in range(num_turns):
        played(worker, conversation, NEW_WORDS)


def with_samples(
    worker: HttpWorker, title: str, home: Path, act: Callable[[HttpWorker], None]
) -> None:
    """Print where a worker's time goes from where `act` begins samples; end it."""
    try:
        act(worker)
        worker.post("/samples/end")
    finally:
        worker.stop()
    stacks = (home / "samples").read_text().splitlines()
    print(f"\n{title}")
    print_shares(stacks, part_of)


def print_shares(stacks: Iterable[str], name_of: Callable[[list[str]], str]) -> None:
    """Print how many of the samples each name has."""
    counts: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counts[name_of(stack.split(";"))] += int(count)
    for name, num_samples in counts.most_common():
        print(f"{100 * num_samples / counts.total():5.1f} %  {name}")
    print(f"of {counts.total()} samples")


def part_of(frames: list[str]) -> str:
    """Return what part of the process a stack is in."""
    for frame in reversed(frames):
        for piece, part in PARTS.items():
            if piece in frame:
                return part
    return "event loop"


if __name__ == "__main__":
    main()
