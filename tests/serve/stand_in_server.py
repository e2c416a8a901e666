"""Stands in for gunicorn: `stand_in_server.py MODE pensieve.serve:app`.

It answers /health on PENSIEVE_PORT as MODE wants it, and prints its environment's
settings first. No model, no engine: what is tested is the one who starts and stops it.
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODE = sys.argv[1]
STATES = {
    "ready": [("loading", "reading weights"), ("ready", "")],
    "failed": [("loading", "reading weights"), ("failed", "no such tensor")],
}


class Health(BaseHTTPRequestHandler):
    """Goes one state on with each answer, and stays in the last."""

    states = iter(())

    def do_GET(self):
        Health.current = next(Health.states, getattr(Health, "current", None))
        status, message = Health.current
        body = json.dumps(
            {
                "status": status,
                "message": message,
                "pid": os.getpid(),
                "version": "0",
                "engine": {},
            }
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments):
        pass


def end(number, frame):
    raise SystemExit(0)


def main():
    if MODE == "dies":
        print("a reason to die", flush=True)
        raise SystemExit(3)
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, end)
    if MODE == "forks" and os.fork() == 0:
        time.sleep(600)
    Health.states = iter(STATES.get(MODE, STATES["ready"]))
    server = ThreadingHTTPServer(
        ("127.0.0.1", int(os.environ["PENSIEVE_PORT"])), Health
    )
    for name in sorted(os.environ):
        if name.startswith(("PENSIEVE_", "GUNICORN_")):
            print(f"{name}={os.environ[name]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.pause()
    while True:  # a stubborn one comes back from the signal that it ignores
        time.sleep(600)


main()
