"""The engine's process, which clients start: `python -m pensieve.engine --spec JSON`.

Exit status: 0 when told to end or left alone, 1 when the model or its thread failed,
EXIT_SOCKET_TAKEN when another engine has the socket, EXIT_MEMORY when it ended to give
its memory back.
"""

import argparse
import asyncio
import faulthandler
import logging
import os
import sys
from pathlib import Path

import msgspec

from pensieve import log_file, places
from pensieve.engine.listener import Listener, SocketTakenError
from pensieve.engine.server import Server
from pensieve.link.messages import EXIT_SOCKET_TAKEN, EngineSpec

log = logging.getLogger("pensieve.engine")

SWITCH_INTERVAL_S = 0.001
"""How long the model thread may keep the interpreter while an event waits to be sent;
Python's own 5 ms would be seen in every token's delay."""


def main() -> int:
    """Run an engine until it ends; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pensieve.engine")
    parser.add_argument("--spec", required=True, help="an EngineSpec as JSON")
    spec = msgspec.json.decode(parser.parse_args().spec, type=EngineSpec)

    faulthandler.enable()
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s engine {os.getpid()} %(levelname)s %(message)s",
        handlers=[_log_handler()],
    )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        listener = Listener(Path(spec.socket_path))
    except SocketTakenError as error:
        log.info("%s", error)
        return EXIT_SOCKET_TAKEN

    log.info("started for %s", spec.model_path)
    loop = asyncio.new_event_loop()  # not closed: the model's thread may still call it
    exit_status = loop.run_until_complete(serve(spec, listener))
    listener.withdraw()  # its lock stays until the memory is free too
    log.info("ended, exit status %d", exit_status)
    return exit_status


def _log_handler() -> logging.Handler:
    """Return what writes to the engines' log, where standard error is that."""
    path = places.engine_log()
    if not log_file.is_written_by(log_file.STDERR, path):
        return logging.StreamHandler()
    return log_file.LogFile(path, log_file.Rotation.of_environment(os.environ))


async def serve(spec: EngineSpec, listener: Listener) -> int:
    """Make a server in the running loop, and run it."""
    return await Server(spec, listener.socket).run()


if __name__ == "__main__":
    exit_status = main()
    logging.shutdown()
    # Not sys.exit: the interpreter must not be taken down under the model's thread.
    os._exit(exit_status)
