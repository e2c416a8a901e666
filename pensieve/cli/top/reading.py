"""A running server's figures, asked for over HTTP."""

import http.client
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from pensieve.figures.report import PATH, Report

_ANSWER_S = 2.0
"""So long a server may take, and a key that was pressed may wait."""


class Reading(NamedTuple):
    """What was found at one look."""

    base_url: str
    report: Report | None
    problem: str
    """Why there is no report; empty where there is one."""


def read_figures(base_url: str, key: str) -> Reading:
    """Ask a server for its figures."""
    address = urlsplit(base_url).netloc
    connection = http.client.HTTPConnection(address, timeout=_ANSWER_S)
    try:
        connection.request("GET", PATH, headers={"x-api-key": key})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            return Reading(base_url, None, _why_not(response.status))
        return Reading(base_url, msgspec.json.decode(body, type=Report), "")
    except TimeoutError:
        return Reading(base_url, None, "the server does not answer")
    except (OSError, http.client.HTTPException):
        return Reading(base_url, None, "nothing answers")
    except msgspec.DecodeError as error:
        return Reading(base_url, None, f"the server is of another version: {error}")
    finally:
        connection.close()


def _why_not(status: int) -> str:
    if status == 401:
        return "the server does not take the api_key of these settings"
    return f"the server answered {status}"
