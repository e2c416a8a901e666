"""An engine without a model, that does what its prompts say.

It speaks the real wire from a process of its own. The token at position p is
`token_at(p)`, so that a sequence that goes on elsewhere can be compared. Prompts:

    [DIE, n, …]     the process ends after n tokens of this sequence, or once it is
                    admitted if n is 0
    [REFUSE, …]     refused
    [FAIL, …]       fails after one token
    [WAIT, …]       admitted, and then nothing
    anything else   goes on to max_tokens

`model_path` says how it starts: "ok", "broken" (fails to load), "dead" (exits at once).
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from pensieve.engine.listener import Listener, SocketTakenError
from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    EXIT_SOCKET_TAKEN,
    Admitted,
    CacheReport,
    Cancel,
    EngineSpec,
    EngineState,
    Failed,
    Finished,
    Hello,
    Prefilled,
    Quit,
    Refused,
    Request,
    Sampled,
    Submit,
)

DIE, REFUSE, FAIL, WAIT = 901, 902, 903, 904


def token_at(position: int) -> int:
    """Return the token that any sequence has there."""
    return position * 7 % 500


CONNECTIONS = set()


class Connection:
    def __init__(self, spec, writer):
        CONNECTIONS.add(self)
        self._spec = spec
        self._writer = writer
        self._running = {}

    def send(self, message):
        self._writer.write(encode_frame(message))

    def take(self, message):
        match message:
            case Hello():
                status = "failed" if self._spec.model_path == "broken" else "ready"
                self.send(EngineState(status, os.getpid(), self._spec, "as scripted"))
            case Submit():
                self._running[message.sequence_id] = asyncio.ensure_future(
                    self._run(message)
                )
            case Cancel():
                self._running.pop(message.sequence_id).cancel()
            case Quit():
                for other in CONNECTIONS - {self}:
                    state = EngineState("failed", os.getpid(), self._spec, "replaced")
                    other.send(state)
                os._exit(0)

    async def _run(self, submit):
        sequence_id, prompt = submit.sequence_id, submit.token_ids
        if prompt[0] == REFUSE:
            self.send(Refused(sequence_id, "refused as scripted"))
            return
        self.send(Admitted(sequence_id, cached_tokens=len(self._running)))
        if prompt[0] == WAIT:
            return
        if prompt[:2] == [DIE, 0]:
            await asyncio.sleep(0.01)
            os._exit(1)
        self.send(Prefilled(sequence_id, len(prompt), len(prompt)))
        for count in range(submit.max_tokens):
            position = len(prompt) + count
            self.send(Sampled([sequence_id], [token_at(position)]))
            await self._writer.drain()
            await asyncio.sleep(0.001)
            if prompt[0] == FAIL:
                self.send(Failed(sequence_id, "failed as scripted"))
                return
            if prompt[0] == DIE and count + 1 == prompt[1]:
                os._exit(1)
        self.send(CacheReport(len(prompt), 100, 7, 1000))
        self.send(Finished(sequence_id, "max_tokens"))


async def serve(spec):
    async def attend(reader, writer):
        connection = Connection(spec, writer)
        decoder = FrameDecoder(Request)
        while received := await reader.read(65536):
            for message in decoder.feed(received):
                connection.take(message)
        CONNECTIONS.discard(connection)
        writer.close()

    # The real one: two engines that are started together must not both listen.
    with Listener(Path(spec.socket_path)) as listener:
        await asyncio.start_unix_server(attend, sock=listener.socket)
        await asyncio.sleep(60)


if __name__ == "__main__":
    spec = msgspec.json.decode(sys.argv[1], type=EngineSpec)
    if spec.model_path == "dead":
        sys.exit(3)
    try:
        asyncio.run(serve(spec))
    except SocketTakenError:
        sys.exit(EXIT_SOCKET_TAKEN)
