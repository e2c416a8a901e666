"""Settings of the server: flags, then PENSIEVE_* variables, then a file, then defaults.

One flat table, with one name in three spellings: `queue_size` in the file,
`--queue-size` on the command line, `PENSIEVE_QUEUE_SIZE` in the environment.
"""

import ipaddress
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pensieve import places
from pensieve.errors import ConfigError
from pensieve.keys import LOCAL_TOKEN, named_keys, refusal
from pensieve.memory_states import MemoryThresholds
from pensieve.written_settings import (
    PREFIX,
    Found,
    converted,
    in_environment,
    in_file,
    in_words,
)


def _threshold(what: str) -> Meta:
    return Meta(ge=0, le=1 << 50, description=f"Free memory below which {what}.")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set, in the order in which `pensieve config` shows it."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="Address to listen on. Beyond loopback, api_key must be set.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port.")] = 7777
    model: Annotated[
        str,
        Meta(
            min_length=1,
            description="An alias, a pulled model (`pensieve list`), or a path.",
        ),
    ] = "smollm2"
    api_key: Annotated[
        str | None,
        Meta(
            description="Key that clients must send. Unset: on loopback,"
            f" {LOCAL_TOKEN} or any sk-ant-… key will do."
        ),
    ] = None
    tool_format: Annotated[
        str,
        Meta(
            min_length=1,
            description="How the model writes tool calls; auto: by its chat template.",
        ),
    ] = "auto"
    max_batch_size: Annotated[
        int, Meta(ge=1, le=256, description="Answers generated together; more wait.")
    ] = 8
    queue_size: Annotated[
        int,
        Meta(
            ge=1,
            le=65536,
            description="Requests taken at all, running and waiting. More get 429.",
        ),
    ] = 64
    prefill_chunk: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 20,
            description="Prompt tokens between two decode steps; 0: engine's choice.",
        ),
    ] = 0
    prefill_target_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=60_000,
            description="What a chunk of prompt may take while other answers wait for"
            " it, in milliseconds; the engine chooses prefill_chunk by it.",
        ),
    ] = 1000
    prefix_cache_bytes: Annotated[
        int,
        Meta(
            ge=-1,
            le=1 << 50,
            description="Memory for what earlier prompts computed; 0: none, nor disk;"
            " -1: a share of what is free.",
        ),
    ] = -1
    prefix_disk_bytes: Annotated[
        int,
        Meta(
            ge=-1,
            le=1 << 50,
            description="Disk for the same, which outlives the server; 0: none; -1: a"
            " tenth of what is free, at most 20 GB.",
        ),
    ] = -1
    prefix_disk_bits: Annotated[
        int,
        Meta(
            ge=0,
            le=8,
            multiple_of=8,
            description="8: files half as large or less, whose numbers are rounded; 0:"
            " as they were computed.",
        ),
    ] = 0
    memory_caution_bytes: Annotated[
        int, _threshold("the cache of earlier prompts grows no more")
    ] = MemoryThresholds().caution_bytes
    memory_warning_bytes: Annotated[
        int, _threshold("that cache is given back, one request at a time")
    ] = MemoryThresholds().warning_bytes
    memory_critical_bytes: Annotated[int, _threshold("new requests get 429")] = (
        MemoryThresholds().critical_bytes
    )
    memory_emergency_bytes: Annotated[
        int, _threshold("the largest request is ended")
    ] = MemoryThresholds().emergency_bytes
    engine_silence_s: Annotated[
        float,
        Meta(
            ge=1,
            le=86400,
            description="Seconds in which the engine must answer that it lives; then it"
            " is killed and started again.",
        ),
    ] = 30.0
    engine_step_timeout_s: Annotated[
        float,
        Meta(
            ge=1,
            le=86400,
            description="Seconds that one step of the model may take; likewise.",
        ),
    ] = 600.0
    max_body_bytes: Annotated[
        int,
        Meta(ge=1024, le=1 << 30, description="Largest request body. More get 413."),
    ] = 32 << 20
    max_connections: Annotated[
        int, Meta(ge=1, le=65536, description="Open connections. More get 503.")
    ] = 256
    header_timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds in which a request's head must come."),
    ] = 10.0
    drain_timeout_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="Seconds that running answers get to end, at `pensieve stop`.",
        ),
    ] = 30.0
    keep_awake: Annotated[
        bool,
        Meta(description="Whether a Mac stays awake while requests run."),
    ] = True
    metrics: Annotated[
        bool,
        Meta(description="Whether GET /metrics answers, with figures for Prometheus."),
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="How much the log says."),
    ] = "info"
    log_prompts: Annotated[
        bool,
        Meta(description="Whether the log has what clients ask, marked PROMPT TEXT."),
    ] = False
    allowed_hosts: Annotated[
        str | None,
        Meta(
            description="Names that clients may know the server by, beside this"
            " machine's own and `host`, with commas between them; *: any.",
        ),
    ] = None
    allowed_origins: Annotated[
        str | None,
        Meta(
            description="Origins of web pages that may use the server, such as"
            " https://example.org, with commas between them; *: any but null.",
        ),
    ] = None
    more_api_keys: Annotated[
        str | None,
        Meta(
            description="Keys beside api_key, each with limits of its own: NAME=KEY"
            " entries with commas between them.",
        ),
    ] = None
    requests_per_minute: Annotated[
        int,
        Meta(
            ge=-1,
            le=1 << 30,
            description="Requests of one key in a minute. More get 429. 0: no limit;"
            " -1: none on loopback, 600 beyond it.",
        ),
    ] = -1
    tokens_per_minute: Annotated[
        int,
        Meta(
            ge=-1,
            le=1 << 40,
            description="Tokens of one key in a minute, computed prompts and answers"
            " together; likewise. -1: none on loopback, 2,000,000 beyond it.",
        ),
    ] = -1
    max_head_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=1 << 20,
            description="Largest head of a request, all of its headers. More get 431.",
        ),
    ] = 65536
    body_timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds in which a request's body must come."),
    ] = 120.0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def keys(self) -> dict[str, str]:
        """The keys that clients may send, by name; none: the local token will do."""
        return named_keys(self.api_key, self.more_api_keys)

    @property
    def memory(self) -> MemoryThresholds:
        """Where the states of memory begin."""
        return MemoryThresholds(
            self.memory_caution_bytes,
            self.memory_warning_bytes,
            self.memory_critical_bytes,
            self.memory_emergency_bytes,
        )

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return (
            f"[{self.host}]:{self.port}"
            if ":" in self.host
            else f"{self.host}:{self.port}"
        )

    @property
    def base_url(self) -> str:
        """Where clients on this machine reach the server."""
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return (
            f"http://[{local}]:{self.port}"
            if ":" in local
            else f"http://{local}:{self.port}"
        )


class LoadedSettings(msgspec.Struct, frozen=True):
    """Settings, and where each came from."""

    settings: Settings
    sources: dict[str, str]
    """Name → "--port", "PENSIEVE_PORT", "/…/config.toml:3" or "default"."""


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}
_TYPES = typing.get_type_hints(Settings, include_extras=True)


def load_settings(
    flags: Mapping[str, object] | None = None, file: Path | None = None
) -> LoadedSettings:
    """Return the settings that hold.

    Args:
        flags: by setting's name; None stands for a flag that was not given.
        file: read instead of `places.config_file()`, and must exist.

    Raises:
        ConfigError: a setting is unknown, or has a value that it cannot have.
    """
    path = file or places.config_file()
    found = in_file(path, FIELDS, must_exist=file is not None)
    found |= in_environment(os.environ, {variable_name(name): name for name in FIELDS})
    for name, value in (flags or {}).items():
        if value is not None:
            found[name] = Found(value, flag_name(name), is_text=True)

    values = {name: converted(name, each, _TYPES[name]) for name, each in found.items()}
    sources = {
        name: found[name].source if name in found else "default" for name in FIELDS
    }
    loaded = LoadedSettings(Settings(**values), sources)  # type: ignore[arg-type]
    _check_keys(loaded)
    _check_memory(loaded)
    return loaded


def flag_name(name: str) -> str:
    """Return the setting's flag, `--max-batch-size`."""
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """Return the setting's environment variable, `PENSIEVE_MAX_BATCH_SIZE`."""
    return PREFIX + name.upper()


def description(name: str) -> str:
    """Return what the setting is, for people."""
    meta = typing.get_args(_TYPES[name])[1]
    return str(meta.description)


def expected(name: str) -> str:
    """Return what the setting takes: "a whole number from 1 to 65535"."""
    return in_words(_TYPES[name])


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give another process these settings."""
    values = msgspec.structs.asdict(settings)
    return {variable_name(k): str(v) for k, v in values.items() if v is not None}


def is_loopback(host: str) -> bool:
    """Whether the address is one that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_keys(loaded: LoadedSettings) -> None:
    """Refuse a key that cannot be sent, and a weak one where strangers can connect."""
    settings = loaded.settings
    exposed_host = None if settings.is_loopback else settings.host
    refused = refusal(settings.api_key, settings.more_api_keys, exposed_host)
    if refused is not None:
        raise ConfigError(f"{loaded.sources[refused.setting]}: {refused.why}")


def _check_memory(loaded: LoadedSettings) -> None:
    """Refuse thresholds of which a worse state would begin before a milder one."""
    pair = loaded.settings.memory.misplaced()
    if pair is None:
        return
    upper, lower = (f"memory_{state}_bytes" for state in pair)
    bound, got = (getattr(loaded.settings, name) for name in (upper, lower))
    source = loaded.sources[lower]
    if source == "default":
        source = loaded.sources[upper]
    raise ConfigError(
        f"{source}: {lower}: expected less than {upper}, which is {bound}, got {got}"
    )
