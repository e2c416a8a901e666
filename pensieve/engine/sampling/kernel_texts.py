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
    "adjusted_row.h",
    "tokens.h",
    "select_top.h",
    "winner_chain.h",
    "split_results.h",
    "whole_row.h",
    "sample_split.h",
    "sample_mass.h",
    "sample_row.h",
)
"""What the kernels call, in the order in which it is said; a prelude comes first."""
NOT_CALLED = {
    "sample_split": {"whole_row.h", "sample_mass.h", "sample_row.h"},
    "sample_mass": {"select_top.h", "whole_row.h", "sample_split.h", "sample_row.h"},
    "sample_row": {"sample_split.h", "sample_mass.h"},
}
"""Of these, for each kernel."""

LOGITS = {mx.float32: "f32", mx.float16: "f16", mx.bfloat16: "bf16"}
"""Types of logits, and what the kernels' names have of them."""

ADJUSTMENTS = ("histories", "biases", "masks")
ROWS = ("logits", "params")
CONSTANTS = ("VOCAB_SIZE", "SPLIT_SIZE", "THREADS", "SLOTS", "CHAIN")


@dataclass(frozen=True)
class Signature:
    """A kernel's arrays, in the order of its arguments, and its constants.

    Args:
        results: inputs that other kernels leave, after the rows' own.
    """

    results: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: tuple[str, ...]

    def inputs(self, is_adjusted: bool) -> tuple[str, ...]:
        """Return the names of all inputs."""
        return ROWS + (ADJUSTMENTS if is_adjusted else ()) + self.results


SIGNATURES = {
    "sample_split": Signature((), ("results",), CONSTANTS),
    "sample_mass": Signature(("results",), ("masses",), (*CONSTANTS, "MEASURED")),
    "sample_row": Signature(
        ("results", "masses"),
        ("tokens", "errors", "log_probs"),
        (*CONSTANTS, "MEASURED"),
    ),
}
DTYPES = {
    "params": mx.uint32,
    "histories": mx.uint32,
    "biases": mx.uint32,
    "masks": mx.uint32,
    "results": mx.uint32,
    "masses": mx.uint32,
    "tokens": mx.uint32,
    "errors": mx.uint32,
    "log_probs": mx.float32,
}
"""Of all arrays but the logits."""


def kernel(
    backend: Backend, name: str, dtype: mx.Dtype, is_adjusted: bool
) -> Callable[..., list[mx.array]]:
    """Return a kernel for logits of a type. Building it does not compile it.

    Args:
        is_adjusted: whether rows have histories, biases or masks.
    """
    make = mx.fast.metal_kernel if backend == "metal" else mx.fast.cuda_kernel
    header, body = texts(backend, name, is_adjusted), text(f"{name}.metal")
    # MLX finds compiled kernels by their names, on CUDA from one run to the next.
    digest = hashlib.sha256((header + body).encode()).hexdigest()[:8]
    signature = SIGNATURES[name]
    return cast(  # MLX's stub says object
        Callable[..., list[mx.array]],
        make(
            name=f"{name}_{LOGITS[dtype]}_{digest}",
            input_names=[*signature.inputs(is_adjusted)],
            output_names=[*signature.outputs],
            header=header,
            source=without_comments(body),
        ),
    )


def texts(backend: Backend | None, name: str = "", is_adjusted: bool = True) -> str:
    """Return what goes before a body.

    Args:
        backend: whose prelude comes first, and nothing that its compiler does not
            read; None: all of it, without a prelude.
        name: the kernel's; empty: for all kernels in one program.
        is_adjusted: whether rows have histories, biases or masks.
    """
    names = [each for each in HEADERS if each not in NOT_CALLED.get(name, ())]
    if not is_adjusted:
        names[names.index("adjusted_row.h")] = "plain_row.h"
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
