"""The requests of attacks that are done with one request, as bytes."""

import json

KEY = "pensieve-local-token"
DEPTH = 100_000

SECRET = "a private question that no log may have"
"""In every prompt here."""

BODY = {
    "model": "claude-hello",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": SECRET}],
}


def request(
    method="GET", path="/v1/models", body=b"", host="localhost", key=KEY, **headers
):
    """Return one request that ends its connection."""
    fields = {"Host": host, "X-Api-Key": key, "Connection": "close", **headers}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post(body, length):
    """Return the beginning of a request to /v1/messages.

    Args:
        length: what it says of the body's; None: chunks, and says nothing.
    """
    framing = "Transfer-Encoding: chunked"
    if length is not None:
        framing = f"Content-Length: {length}"
    lines = ["POST /v1/messages HTTP/1.1", "Host: localhost", f"X-Api-Key: {KEY}"]
    return "\r\n".join([*lines, framing, "", ""]).encode() + body


def ask(**changes):
    return request("POST", "/v1/messages", json.dumps(BODY).encode(), **changes)


def rebinding():
    hosts = ["evil.example", "evil.example:7777", "127.0.0.1.evil.example", "0.0.0.0"]
    paths = ["/", "/health", "/metrics", "/v1/models", "/nothing"]
    return [
        *(ask(host=host) for host in hosts),
        *(request(path=path, host=host) for path in paths for host in hosts),
    ]


def cross_origin():
    origins = ["https://evil.example", "http://localhost:3000", "null"]
    plain = {"Content-Type": "text/plain"}  # needs no preflight
    preflight = {"Access-Control-Request-Method": "POST"}
    return [
        each
        for origin in origins
        for each in (
            ask(Origin=origin, **plain),
            request(Origin=origin, path="/health"),
            request("OPTIONS", "/v1/messages", Origin=origin, **preflight),
        )
    ]


def deep_json():
    deep = [
        b"[" * DEPTH,
        b"[" * DEPTH + b"]" * DEPTH,
        b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
        json.dumps(BODY)[:-1].encode()
        + b', "metadata": '
        + b'{"a":' * DEPTH
        + b"1"
        + b"}" * DEPTH
        + b"}",
        json.dumps(BODY)[:-1].encode()
        + b', "tools": [{"name": "t", "input_schema": {"type": "object", "x": '
        + b"[" * DEPTH
        + b"]" * DEPTH
        + b"}}]}",
        json.dumps(BODY)[:-1].encode() + b', "unknown": ' + b"[" * DEPTH,
    ]
    return [request("POST", "/v1/messages", body) for body in deep]


def path_tricks():
    paths = [
        *("/../../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc"),
        *("//etc/passwd", "/v1/models/../../etc/passwd", "/v1/models/%00", "/%ff%fe"),
        *(
            "/v1/models/..%5c..%5cwindows",
            "/v1/messages/",
            "/v1//messages",
            "/V1/models",
        ),
        *("/v1/messages/batches/..", "/v1/messages/batches/..%2f..%2fconfig.toml"),
        *("/v1/messages/batches/x/results/../../..", "/.git/config", "/config.toml"),
        *("/v1/models;x=1", "/" + "a/" * 2000, "/v1/models/%0d%0aSet-Cookie:%20a=b"),
        "/v1/messages/batches/' OR 1=1 --".replace(" ", "%20"),
        "http://evil.example/v1/models",
    ]
    return [request(path=path) for path in paths]


def key_guesses():
    guesses = ["", "a", KEY, f"sk-ant-{'a' * 90}", "x" * 4000, "dNtb1oQ4m7w-Zk2x"]
    return [ask(key=guess) for guess in guesses]
