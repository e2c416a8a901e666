"""GGUF files made by hand, right or wrong, one field at a time."""

import struct

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = range(10)
UINT64, INT64, FLOAT64 = range(10, 13)

F32, Q4_0, I8 = 0, 2, 24
"""Numbers of ggml's tensor types."""


def text(value: str | bytes) -> bytes:
    encoded = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def head(num_tensors: int, num_keys: int, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, num_tensors, num_keys)


def key(name: str | bytes, value_type: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", value_type) + value


def array(name: str, item_type: int, count: int, items: bytes = b"") -> bytes:
    return key(name, ARRAY, struct.pack("<IQ", item_type, count) + items)


def tensor(name: str | bytes, shape: list[int], type_number: int, offset: int = 0):
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", type_number, offset)


def padded(content: bytes, alignment: int = 32) -> bytes:
    return content + bytes(-len(content) % alignment)


def part(index: int, count: int, num_tensors: int, tensor_name: str) -> bytes:
    """Return a part of a split model, with one tensor, as gguf-split writes them."""
    content = head(1, 4 if index == 0 else 3)
    if index == 0:
        content += key("general.architecture", STRING, text("llama"))
    content += key("split.no", UINT16, struct.pack("<H", index))
    content += key("split.count", UINT16, struct.pack("<H", count))
    content += key("split.tensors.count", INT32, struct.pack("<i", num_tensors))
    return padded(content + tensor(tensor_name, [1], F32)) + struct.pack("<f", index)
