"""What a folder's weights take in memory, by the headers of its files.

A GPU holds them as they are; a CPU as float32, packed ones unpacked
(`engine/weights/folder_weights.py`).
"""

from math import prod
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pensieve.errors import ModelError

MAX_HEADER_BYTES = 100 << 20
"""As the format's own library has it."""
FLOAT32_BYTES = 4
DEFAULT_BITS = 4
"""Of a packed layer of which config.json says nothing."""

_PACKED = {"U32": 32, "U8": 8}
"""Types of packed weights: bits of one number."""
_BESIDE = (".scales", ".biases")

Size = Annotated[int, Meta(ge=0, le=1 << 40)]


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: list[Size]


def weights_bytes(files: list[Path], quantization: dict[str, Any], packed: bool) -> int:
    """Return what the weights in these .safetensors files take.

    Args:
        quantization: of config.json: `bits`, and by layer's name such an object.
        packed: whether they stay as they are.

    Raises:
        ModelError: a file is damaged.
        OSError: one cannot be read.
    """
    if packed:
        return sum(file.stat().st_size for file in files)
    tensors: dict[str, _Tensor] = {}
    for file in files:
        tensors |= _header(file)
    return sum(
        _float32_bytes(name, tensor, quantization)
        for name, tensor in tensors.items()
        if not _is_beside_packed(name, tensors)
    )


def _float32_bytes(name: str, tensor: _Tensor, quantization: dict[str, Any]) -> int:
    count = prod(tensor.shape)
    width = _PACKED.get(tensor.dtype)
    if width is not None and name.endswith(".weight"):
        count = count * width // _bits(name.removesuffix(".weight"), quantization)
    return count * FLOAT32_BYTES


def _bits(layer: str, quantization: dict[str, Any]) -> int:
    own = quantization.get(layer)
    for stated in (own if isinstance(own, dict) else {}, quantization):
        bits = stated.get("bits")
        if type(bits) is int and 1 <= bits <= 8:
            return bits
    return DEFAULT_BITS


def _is_beside_packed(name: str, tensors: dict[str, _Tensor]) -> bool:
    """Whether a tensor is of the scales, which are gone once weights are unpacked."""
    for end in _BESIDE:
        weight = tensors.get(name.removesuffix(end) + ".weight")
        if name.endswith(end) and weight is not None and weight.dtype in _PACKED:
            return True
    return False


def _header(file: Path) -> dict[str, _Tensor]:
    # SPEC: https://github.com/huggingface/safetensors#format: 8 bytes of length,
    # little-endian, then JSON.
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > MAX_HEADER_BYTES:
            raise ModelError(f"{file}: expected a header, got one of {length} bytes")
        text = opened.read(length)
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        found.pop("__metadata__", None)
        return {
            name: msgspec.json.decode(raw, type=_Tensor) for name, raw in found.items()
        }
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{file}: expected a header in JSON: {error}") from error
