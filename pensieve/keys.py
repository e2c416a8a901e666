"""The keys that clients may send, as settings write them; and which are too weak."""

import re
from typing import NamedTuple

LOCAL_TOKEN = "pensieve-local-token"
"""The key that everybody may use on loopback; it protects nothing."""

MIN_CHARACTERS = 20
MIN_DISTINCT = 8
"""What a key needs beyond loopback; `secrets.token_urlsafe(32)` is far above both."""

FIRST_NAME = "api_key"
"""What the log and the limits call the key of the setting with that name."""

_MAKE_ONE = (
    "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_KEY = re.compile(r"[!-~]+")


class Refusal(NamedTuple):
    """What is wrong with the keys."""

    setting: str
    """To blame for it."""
    why: str
    """No key is in it."""


def named_keys(api_key: str | None, more_api_keys: str | None) -> dict[str, str]:
    """Return all keys by their names; none where there is no `api_key`.

    Args:
        more_api_keys: `NAME=KEY` entries with commas between them.

    Raises:
        ValueError: with what was expected and came, and no key in it.
    """
    if api_key is None:
        if more_api_keys is not None:
            raise ValueError("expected an api_key beside them, got none")
        return {}
    keys = {FIRST_NAME: api_key}
    for number, entry in enumerate((more_api_keys or "").split(","), 1):
        if not entry.strip():
            continue
        name, _, key = entry.strip().partition("=")
        if not key or not _NAME.fullmatch(name):
            raise ValueError(
                "expected NAME=KEY entries with commas between them, and names of up"
                " to 32 letters, digits, _ . or -, got something else in entry"
                f" {number}"
            )
        if name in keys:
            raise ValueError(
                f"expected a name of its own for each key, got {name} twice"
            )
        if key in keys.values():
            raise ValueError(f"expected different keys, got another's again for {name}")
        keys[name] = key
    return keys


def refusal(
    api_key: str | None, more_api_keys: str | None, exposed_host: str | None
) -> Refusal | None:
    """Return why a server must not start with these keys; None: it may.

    Args:
        exposed_host: the address that it listens on, where others can reach that.
    """
    try:
        keys = named_keys(api_key, more_api_keys)
    except ValueError as error:
        return Refusal("more_api_keys", f"more_api_keys: {error}")
    exposed = f"other machines can reach {exposed_host}: "
    if not keys and exposed_host is not None:
        why = f"{exposed}expected an api_key of your own beside it, got none"
        return Refusal("host", f"{why}; {_MAKE_ONE}")
    for name, key in keys.items():
        is_first = name == FIRST_NAME
        setting = "api_key" if is_first else "more_api_keys"
        where = setting if is_first else f"{setting}: {name}"
        if not _KEY.fullmatch(key):
            why = "expected printable ASCII without spaces, got something that no HTTP"
            return Refusal(setting, f"{where}: {why} header can carry")
        if exposed_host is not None and (weak := _weakness(key)):
            return Refusal(setting, f"{where}: {exposed}{weak}; {_MAKE_ONE}")
    return None


def _weakness(key: str) -> str | None:
    """Return why a key must not be all that keeps strangers out; None: it may be."""
    if key == LOCAL_TOKEN:
        return f"expected a secret, got {LOCAL_TOKEN}, which everybody knows"
    distinct = len(set(key))
    if len(key) < MIN_CHARACTERS or distinct < MIN_DISTINCT:
        return (
            f"expected at least {MIN_CHARACTERS} characters, {MIN_DISTINCT} of them"
            f" different, got {len(key)} with {distinct} different"
        )
    return None
