"""NVIDIA's compiler as a library: CUDA texts compiled without a GPU."""

import ctypes
from pathlib import Path


def libraries(folder: Path) -> list[Path]:
    """Return NVRTC's, what it needs first, in a folder that pip has installed to."""
    found = sorted(folder.rglob("libnvrtc*.so*"), key=lambda path: path.name)
    return [path for path in found if ".alt." not in path.name]


def compiled(folder: Path, source: str, architecture: str) -> tuple[bytes, str]:
    """Return machine code and what the compiler has to say.

    Raises:
        ValueError: the text is not CUDA C++; says why.
    """
    nvrtc = [ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL) for path in libraries(folder)]
    nvrtc = next(library for library in nvrtc if hasattr(library, "nvrtcVersion"))
    header = next(folder.rglob("cuda_fp16.h")).parent
    options = [
        "--device-as-default-execution-space",
        "--std=c++17",
        f"--gpu-architecture={architecture}",
        f"--include-path={header}",
        f"--include-path={header / 'cccl'}",
        "--ptxas-options=-v",
    ]
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None
    )
    words = (ctypes.c_char_p * len(options))(*[word.encode() for word in options])
    status = nvrtc.nvrtcCompileProgram(program, len(options), words)
    log = _bytes(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
    said = log.rstrip(b"\0").decode()
    if status:
        raise ValueError(said)
    code = _bytes(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return code, said


def _bytes(get_size, get, program) -> bytes:
    size = ctypes.c_size_t()
    get_size(program, ctypes.byref(size))
    held = ctypes.create_string_buffer(max(1, size.value))
    get(program, held)
    return held.raw[: size.value]
