"""`pensieve ask`: one question over HTTP, the answer streamed to the terminal."""

import http.client
import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import click

from pensieve.config.load import load_settings
from pensieve.errors import PensieveError
from pensieve.keys import LOCAL_TOKEN
from pensieve.serve import pid_file

_SILENCE_S = 60.0
"""The server pings every 10 s; one that is silent for longer is gone."""

_ANY_MODEL = "claude-local"
"""Names that begin so are served by whatever model is loaded."""

_CONTROLS = {
    code: None for code in [*range(32), *range(127, 160)] if code not in (9, 10)
}
"""What a model may not send to a terminal: escape sequences above all."""


@click.command()
@click.argument("question")
@click.option("--system", help="System prompt.")
@click.option(
    "--max-tokens", type=click.IntRange(min=1), default=1024, show_default=True
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, 1),
    help="How freely to draw; 0 always takes the likeliest. [default: the model's]",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Which server to ask.")
def ask(
    question: str,
    system: str | None,
    max_tokens: int,
    temperature: float | None,
    port: int | None,
) -> None:
    """Ask the running server one QUESTION ("-" reads it from stdin)."""
    settings = load_settings({"port": port}).settings
    server = pid_file.read(settings.port)
    base_url = server.base_url if server else settings.base_url
    if question == "-":
        question = sys.stdin.read()
    body: dict[str, Any] = {
        "model": _ANY_MODEL,
        "max_tokens": max_tokens,
        "stream": True,
        "messages": [{"role": "user", "content": question}],
    }
    optional = {"system": system, "temperature": temperature}
    body |= {name: value for name, value in optional.items() if value is not None}
    stop_reason = _print_answer(base_url, settings.api_key or LOCAL_TOKEN, body)
    if stop_reason == "max_tokens":
        click.echo(f"(Cut at {max_tokens} tokens; --max-tokens allows more.)", err=True)


def _print_answer(base_url: str, key: str, body: dict[str, Any]) -> str | None:
    """Print the text of the answer as it comes, and return its stop reason."""
    stop_reason = None
    is_mid_line = False
    try:
        for event in _events(base_url, key, body):
            if event["type"] == "error":
                raise PensieveError(event["error"]["message"])
            if event["type"] == "content_block_delta":
                text = event["delta"].get("text", "")
                click.echo(text.translate(_CONTROLS), nl=False)
                is_mid_line = True
            if event["type"] == "message_delta":
                stop_reason = event["delta"]["stop_reason"]
    finally:
        if is_mid_line:
            click.echo()
    return stop_reason


def _events(base_url: str, key: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of the answer, up to its last.

    Raises:
        PensieveError: the server is not there, refuses, or breaks off.
    """
    connection = http.client.HTTPConnection(
        urlsplit(base_url).netloc, timeout=_SILENCE_S
    )
    try:
        stream = _answer(connection, key, body)
        while line := stream.readline():
            # The server frames each event with one line of data.
            if line.startswith(b"data:"):
                event = json.loads(line.removeprefix(b"data:"))
                yield event
                if event["type"] in ("message_stop", "error"):
                    return
        raise PensieveError("the answer broke off: the server has ended or was killed")
    except ConnectionRefusedError:
        raise PensieveError(
            f"nothing answers at {base_url}: `pensieve start` starts the server"
        ) from None
    except TimeoutError:
        raise PensieveError(
            f"{base_url}: no sign of life for {_SILENCE_S:.0f} s"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise PensieveError(f"{base_url}: the connection broke: {error}") from error
    finally:
        # Closing is what tells the server to stop generating.
        connection.close()


def _answer(
    connection: http.client.HTTPConnection, key: str, body: dict[str, Any]
) -> http.client.HTTPResponse:
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": key,
    }
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status == 200:
        return response
    text = response.read().decode(errors="replace")
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = text[:200]
    raise PensieveError(f"the server answered {response.status}: {message}")
