"""A stand-in for the Hugging Face hub on loopback: real bytes, and all its bad days.

Answers what the hub answers for public models: GET /api/models/{repo_id}, and HEAD and
GET of /{repo_id}/resolve/{revision}/{file} with ETag, ranges and, for large files, a
redirect to another path, as the hub sends clients to its CDN.
"""

import hashlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE_FILE_BYTES = 10_000
"""From this size on a file is in large file storage."""


class StandInHub:
    """The server; its attributes are set by tests, and read while it answers."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        """Method, path and Range header of each request, in order."""
        self.cuts: list[int] = []
        """For each body of a large file to come: bytes after which the line breaks."""
        self.resets = False
        """Whether a line breaks by a reset, else by an orderly close."""
        self.busy = 0
        """How many requests for files to come are answered with 503."""
        self.gated: set[str] = set()
        """Repositories that open to `token` only."""
        self.token = "hf_stand_in"
        self.goes_on: threading.Event | None = None
        """If set, a line does not break but is silent until this happens."""
        self.ignores_ranges = False
        self.damages_large_files = False
        self.listing: bytes | None = None
        """What to answer in place of a repository's listing."""
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        if self.goes_on:
            self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def commit(self, repo_id: str) -> str:
        digest = hashlib.sha1(repo_id.encode())
        for name, content in sorted(self.repositories[repo_id].items()):
            digest.update(name.encode() + content)
        return digest.hexdigest()

    def ranges(self, file: str) -> list[str | None]:
        """Return the Range header of each GET of a large file's bytes, in order."""
        path = f"/cdn/{file}"
        return [asked for method, at, asked in self.requests if at.endswith(path)]


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def log_message(self, *arguments: object) -> None:
        """Tests read `hub.requests` instead."""

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path, self.headers.get("Range")))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.answer_listing("/".join(parts[2:]))
        else:
            repo_id, way, file = "/".join(parts[:2]), parts[2], parts[3:]
            if way == "resolve":
                file = file[1:]  # the revision; there is one only
            self.answer_file(repo_id, "/".join(file), way)

    def answer_listing(self, repo_id: str) -> None:
        if self.refuses(repo_id):
            return
        siblings = [
            _sibling(name, content)
            for name, content in self.hub.repositories[repo_id].items()
        ]
        listing = {
            "id": repo_id,
            "sha": self.hub.commit(repo_id),
            "siblings": siblings,
            "tags": [],
        }
        self.send(200, self.hub.listing or json.dumps(listing).encode())

    def answer_file(self, repo_id: str, file: str, way: str) -> None:
        if self.refuses(repo_id):
            return
        content = self.hub.repositories[repo_id].get(file)
        if content is None:
            self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        if self.hub.busy:
            self.hub.busy -= 1
            self.send(503, b"busy")
            return
        headers = {"ETag": f'"{_sha256(content)}"', "Accept-Ranges": "bytes"}
        headers["X-Repo-Commit"] = self.hub.commit(repo_id)
        if way == "resolve" and len(content) >= LARGE_FILE_BYTES:
            headers["X-Linked-ETag"] = headers["ETag"]
            headers["X-Linked-Size"] = str(len(content))
            headers["Location"] = f"{self.hub.url}/{repo_id}/cdn/{file}"
            self.send(302, b"", headers)
            return
        if self.hub.damages_large_files and way == "cdn":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_range(content, headers, way == "cdn")

    def send_range(
        self, content: bytes, headers: dict[str, str], may_break: bool
    ) -> None:
        status, start = 200, 0
        if (asked := self.headers.get("Range")) and not self.hub.ignores_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            status = 206
            end = len(content) - 1
            headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        body = content[start:]
        if may_break and self.hub.cuts and (cut := self.hub.cuts.pop(0)) < len(body):
            self.send(status, body, headers, cut)
            self.break_line()
            return
        self.send(status, body, headers)

    def refuses(self, repo_id: str) -> bool:
        asked_with = self.headers.get("Authorization")
        if repo_id in self.hub.gated and asked_with != f"Bearer {self.hub.token}":
            self.send(401, b"", {"X-Error-Code": "GatedRepo"})
        elif repo_id not in self.hub.repositories:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})
        else:
            return False
        return True

    def send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        """Send an answer; with `cut`, no more than that of the announced body."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])

    def break_line(self) -> None:
        if self.hub.goes_on:
            self.wfile.flush()
            self.hub.goes_on.wait(30)
        if self.hub.resets:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            # The makefile objects hold the socket too: it closes with the last.
            self.rfile.close()
        self.close_connection = True


def _sibling(name: str, content: bytes) -> dict[str, object]:
    sibling: dict[str, object] = {"rfilename": name, "size": len(content)}
    if len(content) >= LARGE_FILE_BYTES:
        sibling["lfs"] = {"sha256": _sha256(content), "size": len(content)}
    return sibling


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
