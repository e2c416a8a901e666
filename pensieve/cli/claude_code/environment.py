"""What points Claude Code at the local server: variables, and settings that hold them.

Of the variables only names that Claude Code 2.1.330 reads; what they do was tried with
it. The `env` of its settings files beats a process's own variables, so the same ones
go into a settings file of Pensieve's, which beats the user's: `--settings`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from pensieve import places
from pensieve.config.model_names import matches

PROMPT_TOKENS = 12_300
"""Of Claude Code's full prompt, with its tools, before anything is asked."""
BUFFER_TOKENS = 13_000
"""It summarises a conversation when less is left, beside the longest answer."""
MIN_WINDOW = 40_000
"""Tokens: both, an answer of 4,096 and some 10,000 tokens of work."""

_MIN_COMPACT_WINDOW = 100_000
"""Of CLAUDE_CODE_AUTO_COMPACT_WINDOW; Claude Code complains of less. The smaller of it
and CLAUDE_CODE_MAX_CONTEXT_TOKENS holds."""
_MAX_ANSWER = 32_000
_LONG_WAIT_MS = 3_600_000
_LONGEST_SILENCE_MS = 1_800_000
"""The most that Claude Code takes. The server pings every 10 s."""

_MODEL_VARIABLES = {
    "ANTHROPIC_MODEL": "",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "opus",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "sonnet",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "haiku",
    "ANTHROPIC_DEFAULT_FABLE_MODEL": "fable",
    "ANTHROPIC_SMALL_FAST_MODEL": "haiku",
    "CLAUDE_CODE_SUBAGENT_MODEL": "",
}
"""Which family of Anthropic's models each stands for; empty: for the main model."""

REMOVED = (
    # An API key would be asked about, in a terminal; a token is not.
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_BETAS",
    "ANTHROPIC_UNIX_SOCKET",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
)
"""What leads elsewhere, or carries somebody else's secrets."""

_USERS_OWN = (
    "API_TIMEOUT_MS",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "CLAUDE_STREAM_FIRST_BYTE_TIMEOUT_MS",
    "CLAUDE_STREAM_IDLE_TIMEOUT_MS",
)
"""A value that the user has set already stays."""

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

PERMISSIONS = {"disableAutoMode": "disable"}
"""Auto mode has Anthropic's servers judge each tool call. Without it Claude Code asks,
or does as the user's own settings and words say."""


class Target(NamedTuple):
    """The server, as a client has to know it."""

    base_url: str
    token: str
    model: str
    context_length: int
    """Of `model`: tokens, prompt and answer together."""
    aliases: Mapping[str, str] = MappingProxyType({})
    """Other names, of which one may end in "*", and the models that they mean."""

    def model_of(self, family: str) -> str:
        """Return the model that names of a family mean: `claude-haiku-…` of "haiku".

        Of several aliases the longest holds, as on the server.
        """
        name = f"claude-{family}-"
        for alias in sorted(self.aliases, key=len, reverse=True):
            if family and (family in alias or matches(alias, name)):
                return self.aliases[alias]
        return self.model


def variables(target: Target) -> dict[str, str]:
    """Return the variables that point a client at the server, whatever it has."""
    window = target.context_length
    answer = longest_answer(window)
    silence = str(_LONGEST_SILENCE_MS)
    made = {
        "ANTHROPIC_BASE_URL": target.base_url,
        "ANTHROPIC_AUTH_TOKEN": target.token,
        **{name: target.model_of(family) for name, family in _MODEL_VARIABLES.items()},
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(window),
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(max(window, _MIN_COMPACT_WINDOW)),
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(answer),
        # Else it would write `opus[1m]` for `opus` into the user's own settings.
        "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1",
        "API_TIMEOUT_MS": str(_LONG_WAIT_MS),
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": silence,
        "CLAUDE_STREAM_FIRST_BYTE_TIMEOUT_MS": silence,
        # Both would change the prompt's beginning or middle at each turn; the server
        # drops them in any case.
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_TOTAL_TOKENS_REMINDER": "off",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    if window - answer <= BUFFER_TOKENS:
        # It would summarise at each turn, and have no room for it.
        made["DISABLE_AUTO_COMPACT"] = "1"
    return made


def longest_answer(window: int) -> int:
    """Return the tokens that an answer may have: an eighth, but 4,096 where that fits.

    What it may have, Claude Code keeps free before it summarises.
    """
    return max(1, min(max(window // 8, 4096), window // 4, _MAX_ANSWER))


def environment(target: Target, theirs: Mapping[str, str]) -> dict[str, str]:
    """Return a process's environment, pointed at the server."""
    kept = {name: value for name, value in theirs.items() if name not in REMOVED}
    own = {name: kept[name] for name in _USERS_OWN if name in kept}
    return kept | variables(target) | _without_proxy(kept) | own


def changed(target: Target, theirs: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environment` that differ, or are set by it."""
    names = [*variables(target), *_without_proxy(theirs)]
    made = environment(target, theirs)
    return {name: made[name] for name in names}


def settings(target: Target, theirs: Mapping[str, str]) -> dict[str, Any]:
    """Return Claude Code settings that say the same, and beat what others say."""
    empty = dict.fromkeys(REMOVED, "")
    return {"env": changed(target, theirs) | empty, "permissions": PERMISSIONS}


def write_settings(target: Target, theirs: Mapping[str, str], port: int) -> Path:
    """Write these settings beside the server's pid file; return where.

    They are the same for all who use the server, so that each may write them anew.
    """
    folder = places.private_dir(places.run_dir())
    path = folder / f"claude-code-{port}.json"
    part = path.with_suffix(f".{os.getpid()}.part")
    text = msgspec.json.format(msgspec.json.encode(settings(target, theirs)))
    # The token is in it.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(text)
    part.replace(path)
    return path


NAMES = tuple(variables(Target("", "", "", 0)))
"""Of all variables that are ever set, but for a proxy's."""


def _without_proxy(theirs: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps a proxy out of a way that does not leave the machine."""
    if not any(theirs.get(name) or theirs.get(name.lower()) for name in _PROXIES):
        return {}
    listed = theirs.get("NO_PROXY") or theirs.get("no_proxy") or ""
    hosts = [host for host in listed.split(",") if host]
    hosts += [host for host in ("127.0.0.1", "localhost", "::1") if host not in hosts]
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(hosts))
