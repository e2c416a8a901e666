"""A request over HTTP to the running server, the events of its answer as they come."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pensieve.config.load import load_settings
from pensieve.errors import PensieveError
from pensieve.keys import LOCAL_TOKEN
from pensieve.serve import pid_file

ANY_MODEL = "claude-local"
"""Names that begin so are served by whatever model is loaded."""

_SILENCE_S = 60.0
"""The server pings every 10 s; one that is silent for longer is gone."""

_HARMLESS = frozenset("\n\t\xa0\xad\u200b\u200c\u200d\u202f\u205f\u3000") | {
    chr(code) for code in range(0x2000, 0x200B)
}
"""Lines, the spaces of all scripts, and what joins letters and emoji."""


def shown(text: str) -> str:
    """Return a model's text as a terminal may have it.

    It is not trusted: what moves a cursor, switches colours or turns the direction of
    writing becomes an escape that is read, not obeyed.
    """
    return "".join(
        character
        if character.isprintable() or character in _HARMLESS
        else character.encode("unicode_escape").decode()
        for character in text
    )


class Answer:
    """One request and its answer. Iterate once, over the events up to the last.

    Args:
        base_url: where the server is.
        key: one that it takes.
        body: of the request, which asks for a stream.
    """

    def __init__(self, base_url: str, key: str, body: dict[str, Any]) -> None:
        self._base_url = base_url
        self._key = key
        self._body = body
        self._socket: socket.socket | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """Have the answer end here, and the server stop generating. From any thread."""
        self._is_stopped = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # which has ended already
                self._socket.shutdown(socket.SHUT_RDWR)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the events of the answer; of one that is stopped, no more.

        Raises:
            PensieveError: the server is not there, refuses, breaks off, or says that
                the answer has failed.
        """
        connection = http.client.HTTPConnection(
            urlsplit(self._base_url).netloc, timeout=_SILENCE_S
        )
        try:
            yield from self._events(connection)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not self._is_stopped:
                raise PensieveError(self._why(error)) from error
        finally:
            # Closing is what tells the server to stop generating.
            connection.close()

    def _events(
        self, connection: http.client.HTTPConnection
    ) -> Iterator[dict[str, Any]]:
        connection.connect()
        self._socket = connection.sock
        if self._is_stopped:
            return
        headers = {
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "x-api-key": self._key,
        }
        connection.request("POST", "/v1/messages", json.dumps(self._body), headers)
        with connection.getresponse() as response:
            if response.status != 200:
                raise PensieveError(_refusal(response))
            while (line := response.readline()) and not self._is_stopped:
                # The server frames each event with one line of data.
                if line.startswith(b"data:"):
                    event = json.loads(line.removeprefix(b"data:"))
                    if event["type"] == "error":
                        raise PensieveError(event["error"]["message"])
                    yield event
                    if event["type"] == "message_stop":
                        return
        if not self._is_stopped:
            raise PensieveError(
                "the answer broke off: the server has ended or was killed"
            )

    def _why(self, error: Exception) -> str:
        where = self._base_url
        if isinstance(error, ConnectionRefusedError):
            return f"nothing answers at {where}: `pensieve start` starts the server"
        if isinstance(error, TimeoutError):
            return f"{where}: no sign of life for {_SILENCE_S:.0f} s"
        return f"{where}: the connection broke: {error}"


def _refusal(response: http.client.HTTPResponse) -> str:
    text = response.read().decode(errors="replace")
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = text[:200]
    return f"the server answered {response.status}: {message}"


class Asker:
    """Asks one server, with the key that the settings have.

    Args:
        port: which server; None: as the settings say.
    """

    def __init__(self, port: int | None) -> None:
        settings = load_settings({"port": port}).settings
        server = pid_file.read(settings.port)
        self.base_url = server.base_url if server else settings.base_url
        self._key = settings.api_key or LOCAL_TOKEN

    def ask(
        self, messages: list[dict[str, Any]], max_tokens: int, **optional: Any
    ) -> Answer:
        """Return the answer that is about to come.

        Args:
            optional: other fields of the request; those that are None are left out.
        """
        body = {
            "model": ANY_MODEL,
            "max_tokens": max_tokens,
            "stream": True,
            "messages": messages,
        }
        body |= {name: value for name, value in optional.items() if value is not None}
        return Answer(self.base_url, self._key, body)
