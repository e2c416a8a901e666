"""An engine without a model, that does what its prompts say.

It speaks the real wire from a process of its own. The token at position p is
`token_at(p)`, so that a sequence that goes on elsewhere can be compared. Prompts:

    [DIE, n, …]     the process ends after n tokens of this sequence, or once it is
                    admitted if n is 0; so it is with HANG and KILL
    [KILL, n, …]    likewise, by SIGKILL
    [REFUSE, …]     refused
    [FAIL, …]       fails after one token
    [CUT, n, …]     the connection is closed after n tokens, once
    [STOP, n, …]    the process is stopped (SIGSTOP) after n tokens, once
    [HANG, n, …]    its main thread says nothing more after n tokens
    [SHORT, n, …]   after n tokens the engine ends itself to give memory back
    [SAY, s, …]     says that memory is in state s, and goes on to max_tokens
    [BUSY, …]       admitted, and then the engine says that it computes for an hour
    [WAIT, …]       admitted, and then nothing
    anything else   goes on to max_tokens

`model_path` says how it starts: "ok", "broken" (fails to load), "dead" (exits at once),
"breaks" (the second process of this socket fails to load), "stubborn" (does not end
when it is needed no more).
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from pensieve.engine.listener import Listener, SocketTakenError
from pensieve.link.frames import FrameDecoder, encode_frame
from pensieve.link.messages import (
    EXIT_MEMORY,
    EXIT_SOCKET_TAKEN,
    Admitted,
    CacheReport,
    Cancel,
    EngineSpec,
    EngineState,
    Failed,
    Finished,
    Hello,
    MemoryReport,
    Ping,
    Pong,
    Prefilled,
    Quit,
    Refused,
    Release,
    Request,
    Sampled,
    Submit,
)
from pensieve.memory_states import MemoryState

DIE, REFUSE, FAIL, WAIT = 901, 902, 903, 904
CUT, STOP, HANG, BUSY, KILL = 905, 906, 907, 908, 909
SHORT, SAY = 910, 911


def token_at(position: int) -> int:
    """Return the token that any sequence has there."""
    return position * 7 % 500


def memory_report(state, ends_engine=False):
    sizes = {"active_bytes": 3, "peak_bytes": 4, "cache_bytes": 5}
    return MemoryReport(
        MemoryState(state),
        600 << 20,
        "GPU",
        **sizes,
        done="ended the engine, to start it again empty" if ends_engine else "",
        ends_engine=ends_engine,
    )


CONNECTIONS = set()


class Connection:
    def __init__(self, spec, writer):
        CONNECTIONS.add(self)
        self._spec = spec
        self._writer = writer
        self._running = {}
        self._is_busy = False

    def send(self, message):
        self._writer.write(encode_frame(message))

    def take(self, message):
        match message:
            case Hello():
                status = "failed" if IS_BROKEN else "ready"
                self.send(EngineState(status, os.getpid(), self._spec, "as scripted"))
                if IS_BROKEN:
                    asyncio.get_running_loop().call_later(0.3, os._exit, 1)
            case Submit():
                self._running[message.sequence_id] = asyncio.ensure_future(
                    self._run(message)
                )
            case Ping():
                self.send(Pong(3600.0 if self._is_busy else 0.0))
            case Cancel():
                self._running.pop(message.sequence_id).cancel()
            case Quit():
                for other in CONNECTIONS - {self}:
                    state = EngineState("failed", os.getpid(), self._spec, "replaced")
                    other.send(state)
                os._exit(0)
            case Release():
                if self._spec.model_path == "stubborn":
                    return
                if not CONNECTIONS - {self}:
                    os._exit(0)
                self._writer.close()

    async def _run(self, submit):
        sequence_id, prompt = submit.sequence_id, submit.token_ids
        if prompt[0] == REFUSE:
            self.send(Refused(sequence_id, "refused as scripted"))
            return
        self.send(Admitted(sequence_id, cached_tokens=len(self._running)))
        self._is_busy = prompt[0] == BUSY
        if prompt[0] in (WAIT, BUSY):
            return
        if prompt[0] == SAY:
            self.send(memory_report(prompt[1]))
        elif prompt[1:2] == [0]:
            await asyncio.sleep(0.01)
            self._do(prompt[0], is_first=False)
        self.send(Prefilled(sequence_id, len(prompt), len(prompt)))
        for count in range(submit.max_tokens):
            position = len(prompt) + count
            self.send(Sampled([sequence_id], [token_at(position)]))
            await self._writer.drain()
            await asyncio.sleep(0.001)
            if prompt[0] == FAIL:
                self.send(Failed(sequence_id, "failed as scripted"))
                return
            if [count + 1] == prompt[1:2] and prompt[0] != SAY:
                self._do(prompt[0], is_first=len(prompt) == submit.prompt_size)
        self.send(CacheReport(len(prompt), 100, 7, 1000, 2, 3))
        self.send(Finished(sequence_id, "max_tokens"))

    def _do(self, what, is_first):
        if what == DIE:
            os._exit(1)
        if what == SHORT:
            for connection in CONNECTIONS:
                connection.send(memory_report(MemoryState.EMERGENCY, True))
            os._exit(EXIT_MEMORY)
        if what == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if what == HANG:
            time.sleep(3600)
        if what == CUT and is_first:
            self._writer.close()
        if what == STOP and is_first:
            os.kill(os.getpid(), signal.SIGSTOP)


def is_broken(spec):
    """Whether the model cannot be loaded, in this process's turn."""
    turn = Path(spec.socket_path + ".turn")
    count = int(turn.read_text()) if turn.exists() else 0
    turn.write_text(str(count + 1))
    return spec.model_path == "broken" or (spec.model_path == "breaks" and count == 1)


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
    IS_BROKEN = is_broken(spec)
    if spec.model_path == "dead":
        sys.exit(3)
    try:
        asyncio.run(serve(spec))
    except SocketTakenError:
        sys.exit(EXIT_SOCKET_TAKEN)
