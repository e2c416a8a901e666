"""An engine without a model: real wire, scripted answers at a steady pace.

Every sequence in the batch gets a token at each step, all in one frame, as from the
real one; so that the HTTP process can be measured at rates that no model here reaches.
`max_tokens` of a request names its answer, and the answer ends with an end token. The
file that ANSWERS_FILE names says which there are, and how long a step takes.
"""

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from pensieve.engine.listener import Listener
from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    Admitted,
    Cancel,
    EngineSpec,
    EngineState,
    Event,
    Finished,
    Hello,
    Ping,
    Pong,
    Prefilled,
    Quit,
    Release,
    Request,
    Sampled,
    Submit,
)

ANSWERS_FILE = "BENCH_ANSWERS"


class Answers(msgspec.Struct):
    """What is answered, and how fast."""

    step_s: float
    token_ids: dict[int, list[int]]
    """By `max_tokens`."""


class StandIn:
    """Serves one connection."""

    def __init__(
        self, spec: EngineSpec, answers: Answers, writer: asyncio.StreamWriter
    ) -> None:
        self._spec = spec
        self._answers = answers
        self._writer = writer
        self._left: dict[int, list[int]] = {}  # by sequence, the next token last
        self._steps = asyncio.ensure_future(self._step())

    def close(self) -> None:
        """Stop stepping."""
        self._steps.cancel()

    def take(self, request: Request) -> None:
        """Do what a request asks."""
        match request:
            case Hello():
                self._send(EngineState("ready", os.getpid(), self._spec, "a stand-in"))
            case Ping():
                self._send(Pong(0.0))
            case Submit():
                size = len(request.token_ids)
                self._send(Admitted(request.sequence_id, cached_tokens=size - 1))
                self._send(Prefilled(request.sequence_id, size, size))
                answer = self._answers.token_ids[request.max_tokens]
                self._left[request.sequence_id] = answer[::-1]
            case Cancel():
                self._left.pop(request.sequence_id, None)
            case Quit() | Release():
                os._exit(0)

    def _send(self, event: Event) -> None:
        self._writer.write(encode_frame(event))

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._answers.step_s, loop.time())
            await asyncio.sleep(due - loop.time())
            ended = [each for each, left in self._left.items() if not left]
            for sequence_id in ended:
                del self._left[sequence_id]
                self._send(Finished(sequence_id, "end_token"))
            if self._left:
                token_ids = [left.pop() for left in self._left.values()]
                self._send(Sampled([*self._left], token_ids))


async def serve(spec: EngineSpec, answers: Answers) -> None:
    """Answer whoever connects, until the first of them has gone."""
    gone = asyncio.Event()

    async def attend(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        stand_in = StandIn(spec, answers, writer)
        decoder: FrameDecoder[Request] = FrameDecoder(Request)
        while received := await reader.read(1 << 16):
            for request in decoder.feed(received):
                stand_in.take(request)
        stand_in.close()
        gone.set()

    with Listener(Path(spec.socket_path)) as listener:
        await asyncio.start_unix_server(attend, sock=listener.socket)
        await gone.wait()


def spawn_stand_in(spec: EngineSpec) -> subprocess.Popen[bytes]:
    """Start one, as the HTTP process starts its engine."""
    text = msgspec.json.encode(spec).decode()
    command = [
        sys.executable,
        "-m",
        "pensieve.bench.serve.stand_in_engine",
        "--spec",
        text,
    ]
    return subprocess.Popen(command, start_new_session=True)


def main() -> None:
    """Be the engine that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="EngineSpec as JSON")
    spec = msgspec.json.decode(parser.parse_args().spec, type=EngineSpec)
    written = Path(os.environ[ANSWERS_FILE]).read_bytes()
    asyncio.run(serve(spec, msgspec.json.decode(written, type=Answers)))


if __name__ == "__main__":
    main()
