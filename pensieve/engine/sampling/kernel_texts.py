"""The texts of the sampling kernels, and MLX's kernels made of them.

Their algorithm is in `metal/`; a kernel's body is after a prelude, which says in the
words of Metal or CUDA what the others use, and after the functions that it calls.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Literal, cast

import mlx.core as mx

Backend = Literal["metal", "cuda"]

HEADERS = (
    "philox.h",
    "gumbel_noise.h",
    "threadgroup.h",
    "params.h",
    "tokens.h",
    "split_results.h",
    "plain_row.h",
    "adjusted_row.h",
    "row_tokens.h",
    "select_top.h",
    "race.h",
    "winner_chain.h",
    "chain_results.h",
    "select_split.h",
    "select_row.h",
    "whole_row.h",
    "sample_split.h",
    "sample_mass.h",
    "sample_row.h",
)
"""What the kernels call, in the order in which it is said; a prelude comes first."""

_NOISE = {"philox.h", "gumbel_noise.h", "race.h"}
_CHAINS = {"adjusted_row.h", "row_tokens.h", "winner_chain.h", "chain_results.h"}
_SPLIT = {"select_top.h", "select_split.h"}
_ROW = {"select_top.h", "select_row.h"}
_CALLED = {
    "select_split": _SPLIT | {"plain_row.h", "row_tokens.h"},
    "select_row": _ROW | _NOISE,
    "sample_split": _SPLIT | _NOISE | _CHAINS,
    "sample_mass": _NOISE | _CHAINS,
    "sample_row": _ROW | _NOISE | _CHAINS | {"whole_row.h"},
}
"""Of these by each kernel, beside its own and what all call."""
_CALLED_BY_ALL = {"threadgroup.h", "params.h", "tokens.h", "split_results.h"}

LOGITS = {mx.float32: "f32", mx.float16: "f16", mx.bfloat16: "bf16"}
"""Types of logits, and what the kernels' names have of them."""

PLAIN = ("logits", "params")
ROWS = (*PLAIN, "histories", "biases", "masks")
DRAWN = ("tokens", "errors", "log_probs", "next_params")
SIZES = ("VOCAB_SIZE", "SPLIT_SIZE", "THREADS", "SLOTS")


@dataclass(frozen=True)
class Signature:
    """A kernel's arrays, in the order of its arguments, and its constants."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[str, ...]


SIGNATURES = {
    "select_split": Signature(PLAIN, ("results",), SIZES),
    "select_row": Signature(("params", "results"), DRAWN, SIZES),
    "sample_split": Signature(ROWS, ("results",), (*SIZES, "CHAIN")),
    "sample_mass": Signature(
        (*ROWS, "results"), ("before",), (*SIZES, "CHAIN", "MEASURED")
    ),
    "sample_row": Signature(
        (*ROWS, "results", "before"), DRAWN, (*SIZES, "CHAIN", "MEASURED")
    ),
}
DTYPES = {
    "params": mx.uint32,
    "histories": mx.uint32,
    "biases": mx.uint32,
    "masks": mx.uint32,
    "results": mx.uint32,
    "before": mx.uint32,
    "tokens": mx.uint32,
    "errors": mx.uint32,
    "log_probs": mx.float32,
    "next_params": mx.uint32,
}
"""Of all arrays but the logits."""


def kernel(
    backend: Backend, name: str, dtype: mx.Dtype
) -> Callable[..., list[mx.array]]:
    """Return a kernel for logits of a type. Building it does not compile it."""
    make = mx.fast.metal_kernel if backend == "metal" else mx.fast.cuda_kernel
    header, body = texts(backend, name), without_comments(text(f"{name}.metal"))
    # MLX finds compiled kernels by their names, on CUDA from one run to the next.
    digest = hashlib.sha256((header + body).encode()).hexdigest()[:8]
    signature = SIGNATURES[name]
    return cast(  # MLX's stub says object
        Callable[..., list[mx.array]],
        make(
            name=f"{name}_{LOGITS[dtype]}_{digest}",
            input_names=[*signature.inputs],
            output_names=[*signature.outputs],
            header=header,
            source=body,
        ),
    )


def texts(backend: Backend | None, name: str = "") -> str:
    """Return what goes before a body.

    Args:
        backend: whose prelude comes first, and nothing that its compiler does not
            read; None: all of it, without a prelude.
        name: the kernel's; empty: for all kernels in one program.
    """
    names = [*HEADERS]
    if name:
        called = _CALLED[name] | _CALLED_BY_ALL | {f"{name}.h"}
        names = [each for each in HEADERS if each in called]
    if backend is not None:
        names = [f"prelude_{backend}.h", *names]
    whole = "".join(map(text, names))
    return whole if backend is None else without_comments(whole)


def without_comments(text: str) -> str:
    """Return a text without comments, indentation and empty lines.

    PERF: MLX hashes the whole text of a kernel each time that it runs.
    """
    lines = (re.sub(r"//.*", "", line).strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def text(name: str) -> str:
    """Return a text of `metal/` as it is installed."""
    return (resources.files("pensieve") / "metal" / name).read_text()
