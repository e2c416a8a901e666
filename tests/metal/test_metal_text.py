"""The Metal source that MLX makes of the sampling kernels: what a Mac would compile.

Tracing for export needs no Metal, and `verbose` prints the source.
"""

import re

import mlx.core as mx
import pytest

from pensieve.engine.sampling.gpu_kernels import Needs, SamplingKernels, Sizes
from pensieve.engine.sampling.kernel_texts import (
    LOGITS,
    SIGNATURES,
    text,
    texts,
    without_comments,
)

VOCAB_SIZE = 151_936
NOT_IN_METAL = {
    r"\bdouble\b|\d\.\d+(?!\d*f)\b": "a number that is not float32",
    r"\blog1p\b|\bexpm1\b|\blgamma\b|\berf\b": "a function that Metal lacks",
    r"\batomic": "an atomic: 64-bit ones are few, and results must not depend on order",
    r"\[[&=]?\]\s*\(": "a lambda",
    r"\bnew\b|\bdelete\b|\bvirtual\b|\bthrow\b|\btry\b|\bgoto\b": "not in the language",
    r"\bstatic\b": "storage that Metal wants in an address space",
    r"\bstd::|#include": "a standard library",
    r"\b(sampler|texture|vertex|fragment|kernel|half|mesh|visible)\b": "a keyword",
    r"\b__\w+": "CUDA's own",
    r"(?<!const )\b(float|uint|int|bool)\s*[*&]\s*\w": "a pointer anywhere",
    r"\binfinity\b(?!\()|\bINFINITY\b|\bNAN\b": "a macro that may not be there",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The source of each kernel, by its name and logits' type."""
    folder = tmp_path_factory.mktemp("exported")

    others = [
        mx.zeros((1, VOCAB_SIZE), mx.uint32),
        mx.zeros((1, VOCAB_SIZE), mx.uint32),
        mx.zeros((1, VOCAB_SIZE // 32), mx.uint32),
    ]

    def exported(dtype, batch_size, capfd, needs, num_others) -> dict[str, str]:
        def draw(logits, params, *others):
            sampler = SamplingKernels("metal", verbose=True)
            drawn, next_params = sampler(logits, params, *others, needs=needs)
            return [*drawn, next_params]

        mx.export_function(
            str(folder / "draw.mlxfn"),
            draw,
            mx.zeros((batch_size, VOCAB_SIZE), dtype),
            mx.zeros((batch_size, 16), mx.uint32),
            *others[:num_others],
        )
        parts = re.split(r"Generated source code for `(\w+)`:", capfd.readouterr().out)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    return exported


SELECTING = ("select_split", "select_row")
SAMPLING = ("sample_split", "sample_mass", "sample_row")
BATCHES = [
    (Needs.SELECTIONS, 0, SELECTING),
    (Needs.SELECTIONS, 1, SAMPLING[::2]),
    (Needs.CHAINS, 0, SAMPLING[::2]),
    (Needs.MASSES, 3, SAMPLING),
]
"""What they need, how many other arrays their rows have, and the kernels."""


def test_each_kernel_serves_a_batch():
    assert {name for _, _, names in BATCHES for name in names} == {*SIGNATURES}


@pytest.mark.parametrize(("needs", "num_others", "names"), BATCHES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_mlx_writes_a_function_around_each_body(
    sources, capfd, dtype, needs, num_others, names
):
    made = sources(getattr(mx, dtype), 1, capfd, needs, num_others)

    for name, (title, source) in zip(names, made.items(), strict=True):
        signature = SIGNATURES[name]
        assert title.startswith(f"{name}_{LOGITS[getattr(mx, dtype)]}_")
        function = re.search(r"\[\[kernel\]\] void (\w+)\(", source)[1]
        assert len(function) < 230  # MLX has files of these names, with an ending
        assert texts("metal", name) in source
        assert without_comments(text(f"{name}.metal")) in source
        arrays = signature.inputs + signature.outputs
        numbers = [
            int(re.search(rf"\b{array} \[\[buffer\((\d+)\)\]\]", source)[1])
            for array in arrays
        ]
        assert numbers == [*range(len(arrays))]
        for array in signature.outputs:
            assert re.search(rf"device (float|uint32_t)\* {array} ", source)
        logits = {"float32": "float"}.get(dtype, f"{dtype}_t")
        if "logits" in signature.inputs:
            assert f"const device {logits}* logits [[buffer(0)]]" in source
        for place in (
            "uint3 thread_position_in_threadgroup [[thread_position_in_threadgroup]]",
            "uint3 threadgroup_position_in_grid [[threadgroup_position_in_grid]]",
            "uint thread_index_in_simdgroup [[thread_index_in_simdgroup]]",
            "uint simdgroup_index_in_threadgroup [[simdgroup_index_in_threadgroup]]",
        ):
            assert place in source


def test_a_source_does_not_depend_on_the_batch(sources, capfd):
    """MLX compiles a kernel again whose text has changed since its last call."""
    for needs, num_others, _ in BATCHES:
        one = sources(mx.float32, 1, capfd, needs, num_others)
        assert one == sources(mx.float32, 64, capfd, needs, num_others)


@pytest.mark.parametrize("what", NOT_IN_METAL)
def test_the_texts_have_nothing_that_metal_has_not(what):
    for name in (*SIGNATURES, ""):
        written = text(f"{name}.metal") if name else texts(None)
        code = re.sub(r"//.*", "", written)
        found = re.search(what, code)
        assert found is None, (NOT_IN_METAL[what], code[found.start() - 80 :][:160])


@pytest.mark.parametrize("vocab_size", [1, VOCAB_SIZE, 262_144, 900_000])
def test_threadgroup_memory_fits_the_smallest_gpu(vocab_size):
    """32 KB, by Metal's feature set tables."""
    sizes = Sizes()
    known = sizes.constants(vocab_size)
    share = -(-sizes.num_splits(vocab_size) * sizes.slots // sizes.threads)
    lists = {"split": sizes.split_size // sizes.threads, "row": share}
    for name in SIGNATURES:
        length = max(sizes.slots * lists.get(name.split("_")[1], 0), sizes.threads)
        body = text(f"{name}.metal")
        arrays = re.findall(r"ARRAY\((?:float|uint), \w+, (.+)\)", body)
        held = [eval(each, {"LIST_SIZE": length, **known}) for each in arrays]
        assert len(held) == body.count("THREADGROUP_ARRAY")
        assert 4 * sum(held) <= 32 * 1024
