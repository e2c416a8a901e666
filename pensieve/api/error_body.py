"""An error as the Messages API words it: type, message, request id → JSON bytes.

Needs no falcon: gunicorn's side answers with it too, before there is a request.
"""

import secrets

import msgspec

from pensieve.schema.events import ErrorBody, ErrorEvent

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(error_type: str, message: str, request_id: str) -> bytes:
    """Return the body of an error answer, which is an `error` event's data as well."""
    return msgspec.json.encode(ErrorEvent(ErrorBody(error_type, message), request_id))


def error_type(status: int) -> str:
    """Return the API's name for an HTTP status from 400 to 599."""
    fallback = "api_error" if status >= 500 else "invalid_request_error"
    return _TYPES.get(status, fallback)


def new_request_id() -> str:
    """Return an id that no other request has."""
    return f"req_{secrets.token_hex(12)}"
