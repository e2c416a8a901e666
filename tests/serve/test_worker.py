"""Streams, disconnects and the end of a server, over real sockets."""

import contextlib
import os
import re
import select
import signal
import socket
import time

import pytest
from serve.gunicorn_server import PATIENCE_S, post

pytestmark = pytest.mark.slow

CLEAN_END = b"0\r\n\r\n"
"""The last chunk of an answer that is complete."""


def test_a_stream_leaves_event_by_event(server):
    with server.ask("ticks") as wire:
        assert b"tick 9" not in wire.read_until(b"tick 0")

        answer = wire.read_until(CLEAN_END)
        assert answer.count(b"event: content_block_delta") == 10
    server.wait_for_log(r"POST /v1/messages 200 \d+ ms req_\w+ in=7 out=10")


def test_events_that_are_ready_together_are_one_chunk(server):
    with server.ask("hello") as wire:
        head, _, body = wire.read_until(b"0\r\n\r\n").partition(b"\r\n\r\n")

    assert b"chunked" in head
    size, _, rest = body.partition(b"\r\n")
    assert rest[int(size, 16) :] == b"\r\n0\r\n\r\n"
    assert rest.count(b"event: ") == 7


def test_a_long_prefill_has_headers_and_pings(server):
    with server.ask("prefill") as wire:
        answer = wire.read_until(b'event: ping\ndata: {"type":"ping"}\n\n', count=3)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("script", ["prefill", "endless"])
def test_the_work_ends_when_the_client_leaves(server, script, stream):
    before = len(re.findall(f"script {script}! ended", server.log))
    with server.ask(script, stream) as wire:
        if stream:
            wire.read_until(b"event: ")
        else:
            time.sleep(0.3)
    server.wait_for_log(f"script {script}! ended", before + 1)
    server.wait_for_log(r"POST /v1/messages 499 .*end=client_left")


def test_a_burst_of_connections_waits_for_a_busy_worker(start):
    """Each would be tried again a second later only, had it no place to wait in."""
    with start() as server, contextlib.ExitStack() as stack:
        with server.ask("hello") as wire:
            wire.read_until(CLEAN_END)
        pid = server.worker_pid()
        os.kill(pid, signal.SIGSTOP)
        stack.callback(os.kill, pid, signal.SIGCONT)
        burst = [stack.enter_context(connecting(server.port)) for _ in range(300)]

        assert all(is_connected(each) for each in burst)


def connecting(port):
    """Return a socket that has begun to connect."""
    begun = socket.socket()
    begun.setblocking(False)
    begun.connect_ex(("127.0.0.1", port))
    return begun


def is_connected(begun):
    """Whether the server's system takes the connection, which needs no program."""
    _, writable, _ = select.select([], [begun], [], PATIENCE_S)
    return bool(writable) and begun.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_a_drain_lets_a_running_answer_end(start):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        server.terminate()

        assert b"event: message_stop" in wire.read_all()
        assert server.wait() == 0
    assert "script ticks ended" in server.log
    assert "service closed" in server.log


def test_a_drain_takes_no_new_connection_and_keeps_no_idle_one(start):
    with start(drain_timeout_s=20) as server, server.ask("endless") as busy:
        busy.read_until(b"tick")
        with server.connect() as idle, server.connect() as silent:
            idle.send(post("/nothing", b""))
            idle.read_answer()
            server.terminate()

            assert idle.read_all() == b""
            assert silent.read_all() == b""
        with pytest.raises(ConnectionError):
            server.connect()
        assert server.process.poll() is None


def test_the_end_of_the_drain_is_an_error_event_and_a_clean_end(start):
    with start(drain_timeout_s=0.5) as server, server.ask("endless") as wire:
        wire.read_until(b"tick")
        server.terminate()

        answer = wire.read_all()
        assert b"event: error" in answer
        assert b"overloaded_error" in answer
        assert answer.endswith(CLEAN_END)
        assert server.wait() == 0
    assert "script endless! ended" in server.log
    assert "service closed" in server.log


def test_the_end_of_the_drain_answers_one_who_waits_for_a_whole_answer(start):
    with start(drain_timeout_s=0.5) as server, server.ask("endless", False) as wire:
        time.sleep(0.3)
        server.terminate()

        status, _, body = wire.read_answer()
        assert status == 529
        assert b"overloaded_error" in body


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_ends_the_drain(start, second):
    with start(drain_timeout_s=3600) as server, server.ask("endless") as wire:
        wire.read_until(b"tick")
        server.terminate()
        server.wait_for_log("Stopping")
        server.process.send_signal(second)

        assert b"event: error" in wire.read_all()
        assert server.wait() == 0
    assert "service closed" in server.log


def test_an_interrupt_ends_streams_at_once_and_closes_the_service(start):
    with start(drain_timeout_s=3600) as server, server.ask("endless") as wire:
        wire.read_until(b"tick")
        server.process.send_signal(signal.SIGINT)

        assert wire.read_all().endswith(CLEAN_END)
        assert server.wait() == 0
    assert "service closed" in server.log


def test_a_signal_to_master_and_worker_both_still_drains(start):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        os.kill(server.worker_pid(), signal.SIGTERM)
        server.terminate()

        assert b"event: message_stop" in wire.read_all()


def test_a_killed_worker_is_replaced(start):
    with start() as server:
        first = server.worker_pid()
        os.kill(first, signal.SIGKILL)
        server.wait_for_log("ASGI server listening", 2)

        assert server.worker_pid() != first
        with server.ask("hello", stream=False) as wire:
            assert wire.read_answer()[0] == 200


def test_a_worker_ends_cleanly_when_its_master_is_killed(start):
    with start(drain_timeout_s=3600) as server, server.ask("endless") as wire:
        wire.read_until(b"tick")
        worker = server.worker_pid()
        server.process.kill()
        server.process.wait()

        assert b"event: error" in wire.read_all()
        deadline = time.monotonic() + PATIENCE_S
        while is_alive(worker):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert "service closed" in server.log


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_reload_lets_running_answers_end_in_the_old_worker(start):
    with start(drain_timeout_s=20) as server, server.ask("ticks") as wire:
        wire.read_until(b"tick 0")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("ASGI server listening", 2)

        with server.ask("hello", stream=False) as other:
            assert other.read_answer()[0] == 200
        assert b"event: message_stop" in wire.read_all()
        server.wait_for_log("service closed")
