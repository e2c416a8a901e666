"""The kernels' CUDA form, compiled as MLX would, with NVIDIA's compiler and no GPU."""

import os
from pathlib import Path

import pytest

from metal import nvrtc
from pensieve.engine.sampling.gpu_kernels import Sizes
from pensieve.engine.sampling.kernel_texts import DTYPES, SIGNATURES, text, texts

FOLDER = Path(os.environ.get("PENSIEVE_TEST_NVRTC") or "build/nvidia")
C_TYPES = {"float32": "float", "float16": "__half", "bfloat16": "__nv_bfloat16"}
C_TYPES |= {"uint32": "uint32_t"}

pytestmark = pytest.mark.skipif(
    not nvrtc.libraries(FOLDER),
    reason="NVIDIA's compiler is not installed: `make test-cuda-text` does that",
)


def source(name: str, dtype: str) -> str:
    """Write around a body what MLX's CUDA backend writes (custom_kernel.cpp)."""
    signature = SIGNATURES[name]
    arguments = []
    for array in signature.inputs + signature.outputs:
        of = dtype if array == "logits" else str(DTYPES[array]).split(".")[-1]
        const = "const " if array in signature.inputs else ""
        arguments.append(f"{const}{C_TYPES[of]}* {array}")
    constants = Sizes().constants(151_936)
    return "\n".join(
        [
            "#include <cuda_bf16.h>",
            "#include <cuda_fp16.h>",
            "#include <cuda/std/array>",
            "#include <cuda/std/limits>",
            "#include <cooperative_groups.h>",
            "#define inf cuda::std::numeric_limits<float>::infinity()",
            texts("cuda", name),
            "namespace mlx::core::cu {",
            "namespace cg = cooperative_groups;",
            f"__global__ void {name}({', '.join(arguments)}) {{",
            *(
                f"constexpr int {each} = {constants[each]};"
                for each in signature.constants
            ),
            text(f"{name}.metal"),
            "}",
            "}",
        ]
    )


@pytest.mark.parametrize(
    ("dtype", "architecture"),
    [
        ("float32", "sm_90"),
        ("float16", "sm_90"),
        ("bfloat16", "sm_90"),
        ("float32", "sm_75"),  # has no reductions of words over a simdgroup
    ],
)
@pytest.mark.parametrize("name", SIGNATURES)
def test_it_compiles_into_registers_alone(name, dtype, architecture):
    code, said = nvrtc.compiled(FOLDER, source(name, dtype), architecture)

    assert code.startswith(b"\x7fELF"), said
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in said
    assert "warning" not in said, said
