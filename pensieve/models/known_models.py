"""Coding models that Pensieve can name: one table.

All call tools, and have a window for Claude Code's full prompt; all but the smallest
were made for an agent's work. None of them has been run by Pensieve yet.

Sizes are of the repositories' files as others report them. The keys and values of a
token follow from each model's published configuration: 2 x layers that keep all tokens
x heads of keys and values x their size x 2 bytes. What a token reads of the weights is
computed from the active parameters at 4.5 bits. What is in `estimated` was not read
anywhere, but concluded from a sibling.
"""

import msgspec

GB = 10**9
KIB = 1 << 10
MIB = 1 << 20


class KnownModel(msgspec.Struct, frozen=True):
    """A model that `pensieve pull` can fetch."""

    name: str
    """org/repo of the Hugging Face hub."""
    summary: str
    """One line for people."""
    weights_bytes: int
    active_bytes: int
    """Of the weights, what each token of an answer reads."""
    kv_bytes_per_token: int
    context_length: int
    """Tokens."""
    state_bytes: int = 0
    """Of a sequence, whatever its length."""
    estimated: tuple[str, ...] = ()

    @property
    def is_sparse(self) -> bool:
        """Whether only some of its experts are read for a token."""
        return self.active_bytes < self.weights_bytes // 2


# The best first, as far as that can be said of a list that ages.
KNOWN_MODELS = (
    KnownModel(
        name="mlx-community/gpt-oss-120b-MXFP4-Q8",
        summary="OpenAI's larger open model, 117B with 5.1B active",
        weights_bytes=int(63.4 * GB),
        active_bytes=int(3.5 * GB),
        kv_bytes_per_token=36 * KIB,
        context_length=131_072,
        estimated=("active_bytes",),
    ),
    KnownModel(
        name="mlx-community/Qwen3-Coder-Next-4bit",
        summary="made for agents, 80B with 3B active",
        weights_bytes=int(44.8 * GB),
        active_bytes=int(1.9 * GB),
        kv_bytes_per_token=24 * KIB,
        context_length=262_144,
        state_bytes=76 * MIB,
        estimated=("kv_bytes_per_token", "state_bytes"),
    ),
    KnownModel(
        name="mlx-community/GLM-4.5-Air-4bit",
        summary="106B with 12B active; each token takes much memory",
        weights_bytes=int(60.2 * GB),
        active_bytes=int(6.8 * GB),
        kv_bytes_per_token=184 * KIB,
        context_length=131_072,
    ),
    KnownModel(
        name="mlx-community/Qwen3.6-35B-A3B-4bit",
        summary="35B with 3B active: the usual choice from 32 GB on",
        weights_bytes=20 * GB,
        active_bytes=int(1.9 * GB),
        kv_bytes_per_token=20 * KIB,
        context_length=262_144,
        state_bytes=63 * MIB,
    ),
    KnownModel(
        name="mlx-community/Qwen3.6-27B-4bit",
        summary="dense: better than its size, and slow",
        weights_bytes=16 * GB,
        active_bytes=15 * GB,
        kv_bytes_per_token=64 * KIB,
        context_length=262_144,
        state_bytes=151 * MIB,
    ),
    KnownModel(
        name="mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit",
        summary="made for agents, 30B with 3.3B active",
        weights_bytes=int(17.2 * GB),
        active_bytes=int(1.86 * GB),
        kv_bytes_per_token=96 * KIB,
        context_length=262_144,
    ),
    KnownModel(
        name="mlx-community/Devstral-Small-2507-4bit",
        summary="Mistral's for agents, 24B, dense",
        weights_bytes=int(13.3 * GB),
        active_bytes=int(13.3 * GB),
        kv_bytes_per_token=160 * KIB,
        context_length=131_072,
        estimated=("weights_bytes", "active_bytes"),
    ),
    KnownModel(
        name="mlx-community/gpt-oss-20b-MXFP4-Q8",
        summary="OpenAI's smaller open model, 21B with 3.6B active",
        weights_bytes=int(12.1 * GB),
        active_bytes=int(2.4 * GB),
        kv_bytes_per_token=24 * KIB,
        context_length=131_072,
        estimated=("active_bytes",),
    ),
    KnownModel(
        name="mlx-community/Qwen3.5-9B-4bit",
        summary="dense, for machines with 16 GB",
        weights_bytes=int(5.6 * GB),
        active_bytes=int(5.1 * GB),
        kv_bytes_per_token=32 * KIB,
        context_length=262_144,
        state_bytes=48 * MIB,
        estimated=("kv_bytes_per_token", "state_bytes"),
    ),
    KnownModel(
        name="mlx-community/Qwen3-4B-Instruct-2507-4bit",
        summary="small: simple tasks, for machines with 16 GB",
        weights_bytes=int(2.26 * GB),
        active_bytes=int(2.26 * GB),
        kv_bytes_per_token=144 * KIB,
        context_length=262_144,
    ),
)
