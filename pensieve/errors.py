"""Errors a person or a client can meet.

Those below ApiError are answered over HTTP as the Messages API names them:

* PensieveError                       exit status 1 of the command line
  - ConfigError                       a setting: where it is, expected, got
  - ModelError                        a model file, or a model that is not there
  - ApiError                 500      api_error
    - InvalidRequestError    400      invalid_request_error
    - AuthenticationError    401      authentication_error
    - PermissionDeniedError  403      permission_error
    - NotFoundError          404      not_found_error
    - RequestTimeoutError    408      timeout_error
    - RequestTooLargeError   413      request_too_large
    - RateLimitError         429      rate_limit_error (queue, memory, a key's limits)
    - OverloadedError        529      overloaded_error (the model cannot be served)

Messages say where, what was expected and what came, in one sentence.
"""


class PensieveError(Exception):
    """A failure with a sentence for the person who meets it."""


class ConfigError(PensieveError):
    """A setting that cannot be used."""


class ModelError(PensieveError):
    """A model that is missing, damaged or of a kind that Pensieve does not run."""


class ApiError(PensieveError):
    """A failure that a client is told of, in the API's error body."""

    status = 500
    type = "api_error"
    headers: dict[str, str] = {}  # noqa: RUF012  (read-only; subclasses replace it)


class InvalidRequestError(ApiError):
    """400: the request is not one that the API takes."""

    status = 400
    type = "invalid_request_error"


class AuthenticationError(ApiError):
    """401: no key, or one that this server does not know.

    Claude Code retries a 401 for three minutes unless told not to.
    """

    status = 401
    type = "authentication_error"
    headers = {"x-should-retry": "false"}  # noqa: RUF012


class PermissionDeniedError(ApiError):
    """403: a web page that may not use the server, or a name that is not its own."""

    status = 403
    type = "permission_error"
    headers = {"x-should-retry": "false"}  # noqa: RUF012


class NotFoundError(ApiError):
    """404: no such route or model."""

    status = 404
    type = "not_found_error"


class RequestTimeoutError(ApiError):
    """408: the request did not come in whole, or not in time."""

    status = 408
    type = "timeout_error"


class RequestTooLargeError(ApiError):
    """413: the body is over the limit."""

    status = 413
    type = "request_too_large"


class RateLimitError(ApiError):
    """429: a limit is reached for now, or memory short; clients come again later."""

    status = 429
    type = "rate_limit_error"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.headers = {"retry-after": str(retry_after_s)}


class OverloadedError(ApiError):
    """529: the model cannot be served now."""

    status = 529
    type = "overloaded_error"
