"""Everything that can be set: one table for file, variables and flags.

A setting has one name on the command line, `--queue-size`, and in the environment,
`PENSIEVE_QUEUE_SIZE`; in the file it stands in a section, under a name that says no
more than is needed there: `level` of `[logging]` is `log_level` elsewhere.
"""

import typing
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from pensieve.config.addresses import is_loopback, local_url
from pensieve.config.model_names import alias_table, model_list
from pensieve.keys import LOCAL_TOKEN, named_keys
from pensieve.log_file import Rotation
from pensieve.memory_states import MemoryThresholds

SECTIONS = {
    "server": "Who may connect, to what, and how much is taken from them.",
    "model": "What is served.",
    "engine": "How answers are computed.",
    "cache": "What is kept of prompts, so that none is computed twice.",
    "memory": "Free memory, in bytes, below which Pensieve does with less.",
    "logging": "What is written down.",
}
"""The file's sections, and what each is about."""

SECRETS = {"api_key", "more_api_keys"}
"""Settings whose values are shown to nobody."""


class Place(NamedTuple):
    """Where a setting stands in the file."""

    section: str
    key: str

    def __str__(self) -> str:
        return f"{self.section}.{self.key}"


def _in(
    section: str,
    description: str,
    key: str = "",
    is_list: bool = False,
    **limits: typing.Any,
) -> Meta:
    """Return what is known of a setting.

    Args:
        key: its name in the file's section, where that differs.
        is_list: whether it is text with commas, for which a file may have an array.
        limits: as `msgspec.Meta` has them.
    """
    extra = {"section": section, "key": key, "is_list": is_list}
    return Meta(description=description, extra=extra, **limits)


def _threshold(state: str, what: str) -> Meta:
    about = f"Free memory below which {what}."
    return _in("memory", about, f"{state}_bytes", ge=0, le=1 << 50)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings, in the order in which `pensieve config` shows them."""

    host: Annotated[
        str,
        _in(
            "server",
            "Address to listen on. Beyond loopback, api_key must be set.",
            min_length=1,
        ),
    ] = "127.0.0.1"
    port: Annotated[int, _in("server", "TCP port.", ge=1, le=65535)] = 7777
    api_key: Annotated[
        str | None,
        _in(
            "server",
            "Key that clients must send. Unset: on loopback,"
            f" {LOCAL_TOKEN} or any sk-ant-… key will do.",
        ),
    ] = None
    more_api_keys: Annotated[
        str | None,
        _in(
            "server",
            "Keys beside api_key, each with limits of its own: NAME=KEY entries with"
            " commas between them.",
            is_list=True,
        ),
    ] = None
    requests_per_minute: Annotated[
        int,
        _in(
            "server",
            "Requests of one key in a minute. More get 429. 0: no limit; -1: none on"
            " loopback, 600 beyond it.",
            ge=-1,
            le=1 << 30,
        ),
    ] = -1
    tokens_per_minute: Annotated[
        int,
        _in(
            "server",
            "Tokens of one key in a minute, computed prompts and answers together;"
            " likewise. -1: none on loopback, 2,000,000 beyond it.",
            ge=-1,
            le=1 << 40,
        ),
    ] = -1
    allowed_hosts: Annotated[
        str | None,
        _in(
            "server",
            "Names that clients may know the server by, beside this machine's own and"
            " `host`, with commas between them; *: any.",
            is_list=True,
        ),
    ] = None
    allowed_origins: Annotated[
        str | None,
        _in(
            "server",
            "Origins of web pages that may use the server, such as"
            " https://example.org, with commas between them; *: any but null.",
            is_list=True,
        ),
    ] = None
    queue_size: Annotated[
        int,
        _in(
            "server",
            "Requests of a model taken at all, running and waiting. More get 429.",
            ge=1,
            le=65536,
        ),
    ] = 64
    max_connections: Annotated[
        int, _in("server", "Open connections. More get 503.", ge=1, le=65536)
    ] = 256
    max_body_bytes: Annotated[
        int,
        _in("server", "Largest request body. More get 413.", ge=1024, le=1 << 30),
    ] = 32 << 20
    max_head_bytes: Annotated[
        int,
        _in(
            "server",
            "Largest head of a request, all of its headers. More get 431.",
            ge=1024,
            le=1 << 20,
        ),
    ] = 65536
    header_timeout_s: Annotated[
        float,
        _in("server", "Seconds in which a request's head must come.", gt=0, le=3600),
    ] = 10.0
    body_timeout_s: Annotated[
        float,
        _in("server", "Seconds in which a request's body must come.", gt=0, le=3600),
    ] = 120.0
    drain_timeout_s: Annotated[
        float,
        _in(
            "server",
            "Seconds that running answers get to end, at `pensieve stop`.",
            ge=0,
            le=3600,
        ),
    ] = 30.0
    keep_awake: Annotated[
        bool, _in("server", "Whether a Mac stays awake while requests run.")
    ] = True
    metrics: Annotated[
        bool,
        _in("server", "Whether GET /metrics answers, with figures for Prometheus."),
    ] = True
    model: Annotated[
        str,
        _in(
            "model",
            "An alias, a pulled model (`pensieve list`), or a path.",
            "name",
            min_length=1,
        ),
    ] = "smollm2"
    more_models: Annotated[
        str | None,
        _in(
            "model",
            "Models beside it, with commas between them: each is loaded when a request"
            " names it.",
            "more",
            is_list=True,
        ),
    ] = None
    model_aliases: Annotated[
        str | None,
        _in(
            "model",
            "Other names for them: NAME=MODEL entries with commas between them; a NAME"
            " may end in *, as in claude-haiku-*=smollm2.",
            "aliases",
            is_list=True,
        ),
    ] = None
    model_idle_s: Annotated[
        float,
        _in(
            "model",
            "Seconds without a request after which a model of `more` is unloaded, and"
            " its memory given back; 0: never.",
            "idle_s",
            ge=0,
            le=1 << 30,
        ),
    ] = 900.0
    keep_model: Annotated[
        bool,
        _in(
            "model",
            "Whether the model of `name` stays loaded, however long unused and whatever"
            " others need; false: it is as those of `more`.",
            "keep",
        ),
    ] = True
    tool_format: Annotated[
        str,
        _in(
            "model",
            "How the main model writes tool calls; auto: by its chat template.",
            min_length=1,
        ),
    ] = "auto"
    max_batch_size: Annotated[
        int, _in("engine", "Answers generated together; more wait.", ge=1, le=256)
    ] = 8
    prefill_chunk: Annotated[
        int,
        _in(
            "engine",
            "Prompt tokens between two decode steps; 0: engine's choice.",
            ge=0,
            le=1 << 20,
        ),
    ] = 0
    prefill_target_ms: Annotated[
        int,
        _in(
            "engine",
            "What a chunk of prompt may take while other answers wait for it, in"
            " milliseconds; the engine chooses prefill_chunk by it.",
            ge=1,
            le=60_000,
        ),
    ] = 1000
    engine_silence_s: Annotated[
        float,
        _in(
            "engine",
            "Seconds in which the engine must answer that it lives; then it is killed"
            " and started again.",
            "silence_s",
            ge=1,
            le=86400,
        ),
    ] = 30.0
    engine_step_timeout_s: Annotated[
        float,
        _in(
            "engine",
            "Seconds that one step of the model may take; likewise.",
            "step_timeout_s",
            ge=1,
            le=86400,
        ),
    ] = 600.0
    prefix_cache_bytes: Annotated[
        int,
        _in(
            "cache",
            "Memory for what earlier prompts computed; 0: none, nor disk; -1: a share"
            " of what is free.",
            "memory_bytes",
            ge=-1,
            le=1 << 50,
        ),
    ] = -1
    prefix_disk_bytes: Annotated[
        int,
        _in(
            "cache",
            "Disk for the same, which outlives the server; 0: none; -1: a tenth of"
            " what is free, at most 20 GB.",
            "disk_bytes",
            ge=-1,
            le=1 << 50,
        ),
    ] = -1
    prefix_disk_bits: Annotated[
        int,
        _in(
            "cache",
            "8: files half as large or less, whose numbers are rounded; 0: as they"
            " were computed.",
            "disk_bits",
            ge=0,
            le=8,
            multiple_of=8,
        ),
    ] = 0
    memory_caution_bytes: Annotated[
        int, _threshold("caution", "the cache of earlier prompts grows no more")
    ] = MemoryThresholds().caution_bytes
    memory_warning_bytes: Annotated[
        int, _threshold("warning", "that cache is given back, one request at a time")
    ] = MemoryThresholds().warning_bytes
    memory_critical_bytes: Annotated[
        int, _threshold("critical", "new requests get 429")
    ] = MemoryThresholds().critical_bytes
    memory_emergency_bytes: Annotated[
        int, _threshold("emergency", "the largest request is ended")
    ] = MemoryThresholds().emergency_bytes
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _in("logging", "How much the log says.", "level"),
    ] = "info"
    log_prompts: Annotated[
        bool,
        _in(
            "logging",
            "Whether the log has what clients ask, marked PROMPT TEXT.",
            "prompts",
        ),
    ] = False
    log_max_bytes: Annotated[
        int,
        _in("logging", "Size of a full log file.", "max_bytes", ge=4096, le=1 << 40),
    ] = Rotation().max_bytes
    log_files: Annotated[
        int,
        _in("logging", "Old log files that are kept.", "files", ge=1, le=1000),
    ] = Rotation().files

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def keys(self) -> dict[str, str]:
        """The keys that clients may send, by name; none: the local token will do."""
        return named_keys(self.api_key, self.more_api_keys)

    @property
    def models(self) -> list[str]:
        """The models that are known, as they are written: the main one first."""
        return model_list(self.model, self.more_models)

    @property
    def aliases(self) -> dict[str, str]:
        """Other names, and the models as `models` has them; a name may end in "*"."""
        return alias_table(self.model_aliases, self.models)

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
    def log_rotation(self) -> Rotation:
        """When a log is put aside, and how many are kept."""
        return Rotation(self.log_max_bytes, self.log_files)

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
        return local_url(self.host, self.port)
