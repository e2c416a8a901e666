"""A loopback server that says what a test wants said, and keeps what it was asked."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEALTH = {
    "status": "ready",
    "version": "0",
    "engine": {},
    "model": "stand-in",
    "context_length": 8192,
}


def event(name, **fields):
    """Return one framed event."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n"


def block_start(kind):
    """Return the event that opens a block of text or thinking."""
    return event("content_block_start", index=0, content_block={"type": kind, kind: ""})


def text_delta(text):
    """Return the event of a piece of text."""
    return delta("text", text)


def delta(kind, text):
    """Return the event of a piece of text, thinking or a signature."""
    added = {"type": f"{kind}_delta", kind: text}
    return event("content_block_delta", index=0, delta=added)


def message_delta(stop_reason):
    """Return the event that says why the answer ended."""
    return event("message_delta", delta={"stop_reason": stop_reason}, usage={})


def answer(*texts, stop_reason="end_turn"):
    """Return the events of a whole answer."""
    pieces = "".join(map(text_delta, texts))
    ending = message_delta(stop_reason) + event("message_stop")
    return block_start("text") + pieces + ending


class StandIn:
    """Gives its answers in turn, the last one again and again.

    Args:
        answers: (status, body) each; for one that never comes to its end the body is
            (what comes, False).
        port: 0: a free one.
    """

    def __init__(self, answers=(), port=0):
        self.requests = []
        """(headers, body) of each POST."""
        self.pages = {"/health": json.dumps(HEALTH)}
        """What GET answers, by path."""
        self._answers = list(answers)
        self._is_over = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port = self._http.server_port

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self._http.serve_forever, args=[0.02])
        thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def _handler(self):
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                page = stand_in.pages.get(self.path)
                self._answer(404, "") if page is None else self._answer(200, page)

            def do_POST(self):
                length = int(self.headers["content-length"])
                body = json.loads(self.rfile.read(length))
                stand_in.requests.append((self.headers, body))
                answers = stand_in._answers
                self._answer(*(answers.pop(0) if len(answers) > 1 else answers[0]))

            def _answer(self, status, body):
                self.send_response(status)
                self.end_headers()
                begun, is_whole = (body, True) if isinstance(body, str) else body
                self.wfile.write(begun.encode())
                self.wfile.flush()
                if not is_whole:
                    stand_in._is_over.wait()

            def log_message(self, *arguments):
                pass

        return Handler
