"""Tiny GGUF files, written by gguf-py: what a test needs to say is what it passes."""

from pathlib import Path

import gguf
import numpy as np

TOKENS = ["<unk>", "<s>", "</s>", "a", "b", "ab", "<|im_end|>"]
TYPES = [2, 3, 3, 1, 1, 1, 3]

METADATA = {
    "llama.context_length": 128,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": TYPES,
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
}
"""A llama whose byte-level vocabulary has seven tokens."""


def write_gguf(
    path: Path,
    *,
    architecture: str = "llama",
    tensor_type: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    tensor_name: str = "token_embd.weight",
    **changes: object,
) -> Path:
    """Write `METADATA` with `changes`, and one tensor of 256 values.

    A change's key has "__" for "."; None leaves the key out.
    """
    writer = gguf.GGUFWriter(path, architecture)
    metadata = METADATA | {
        key.replace("__", "."): value for key, value in changes.items()
    }
    for key, value in metadata.items():
        add_value(writer, key, value)
    block_values, block_bytes = gguf.GGML_QUANT_SIZES[tensor_type]
    writer.add_tensor(
        tensor_name,
        np.zeros((1, 256 // block_values * block_bytes), np.uint8),
        raw_dtype=tensor_type,
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def split_gguf(
    path: Path,
    second_type: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    **changes: object,
) -> tuple[Path, Path]:
    """Write a model in two files named after `path`, with a tensor in each."""
    first, second = (
        path.with_name(f"{path.stem}-0000{number}-of-00002.gguf") for number in (1, 2)
    )
    numbers = {"split__count": 2, "split__tensors__count": 2}
    write_gguf(first, **numbers, split__no=0, **changes)
    nothing = {key.replace(".", "__"): None for key in METADATA}
    write_gguf(
        second,
        tensor_name="output.weight",
        tensor_type=second_type,
        **(nothing | numbers),
        split__no=1,
    )
    return first, second


def add_value(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    """Write a metadata value as its Python type suggests; None leaves it out."""
    match value:
        case None:
            pass
        case bool():
            writer.add_bool(key, value)
        case int():
            (writer.add_uint32 if value >= 0 else writer.add_int32)(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)
