"""An inspected GGUF model as tables for people."""

import re
from collections.abc import Iterator
from typing import Any

from pensieve.cli.tables import Row, show_table
from pensieve.models.gguf_memory import Memory
from pensieve.models.inspection import Inspection, ShortArray, TensorRow
from pensieve.models.sizes import size_text

MAX_TEXT = 72
"""Characters of a value that are shown."""

TYPE_HEADERS = ("Type", "Tensors", "Weights", "Size", "Bits/weight", "On a GPU")
MEMORY_HEADERS = ("On a", "Weights", "KV, 1,000 tokens", "KV, whole context", "Numbers")
TENSOR_HEADERS = ("Tensor", "Type", "Shape", "Size", "Part")

_LAYER = re.compile(r"(blk\.)(\d+)(\..+)")


def show(inspection: Inspection, template: str, each_tensor: bool) -> None:
    """Print all of it.

    Args:
        inspection: the model.
        template: its chat template in one line.
        each_tensor: otherwise tensors that differ in their layer only are one row.
    """
    show_table((), _model(inspection, template), "Model")
    show_table((), _verdict(inspection), "\nWith Pensieve")
    show_table(TYPE_HEADERS, _types(inspection), "\nQuantisation")
    show_table(MEMORY_HEADERS, _memory(inspection), "\nMemory")
    show_table(("Key", "Value"), _metadata(inspection), "\nMetadata")
    rows = inspection.tensors if each_tensor else collapsed(inspection.tensors)
    show_table(TENSOR_HEADERS, [_tensor(row) for row in rows], "\nTensors")


def collapsed(tensors: list[TensorRow]) -> list[TensorRow]:
    """Make one row of tensors that are the same but for their layer.

    Its name has all their numbers, "blk.{0-2,5}.ffn_up.weight"; the size is that of all
    of them, the part that of the first.
    """
    groups: dict[tuple[Any, ...], list[TensorRow]] = {}
    for tensor in tensors:
        match = _LAYER.fullmatch(tensor.name)
        name = match[1] + match[3] if match else tensor.name
        groups.setdefault((name, tensor.type, tensor.shape), []).append(tensor)
    return [_one_row(group) for group in groups.values()]


def _one_row(group: list[TensorRow]) -> TensorRow:
    match = _LAYER.fullmatch(group[0].name)
    if match is None or len(group) == 1:
        return group[0]
    layers = sorted(int(found[2]) for found in map(_layer_of, group))
    name = f"{match[1]}{{{ranges(layers)}}}{match[3]}"
    num_bytes = sum(tensor.num_bytes for tensor in group)
    return TensorRow(name, group[0].type, group[0].shape, num_bytes, group[0].part)


def _layer_of(tensor: TensorRow) -> re.Match[str]:
    match = _LAYER.fullmatch(tensor.name)
    assert match is not None  # as of the others in its group
    return match


def ranges(numbers: list[int]) -> str:
    """Return ascending numbers shortly: "0-2,5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ",".join("-".join(map(str, run)) for run in runs)


# ----- Rows -----


def _model(inspection: Inspection, template: str) -> Iterator[Row]:
    yield "path", inspection.path
    yield (
        "format",
        f"GGUF version {inspection.version}, alignment {inspection.alignment}",
    )
    files = len(inspection.parts)
    yield "size", size_text(inspection.num_bytes) + (f" in {files} files" * (files > 1))
    if files > 1:
        for part in inspection.parts:
            yield "part", f"{part.path}, {size_text(part.num_bytes)}"
    yield "architecture", inspection.architecture or "not said"
    context = inspection.context_length
    yield "context", "not said" if context is None else f"{context:,} tokens"
    yield "tokenizer", _tokenizer(inspection)
    yield "end tokens", ", ".join(inspection.end_tokens) or "none known"
    yield "chat template", template


def _tokenizer(inspection: Inspection) -> str:
    tokenizer = inspection.tokenizer
    if tokenizer is None:
        return "none"
    pre = f", pre-tokenizer {tokenizer.pre}" if tokenizer.pre else ""
    merges = f", {tokenizer.num_merges:,} merges" if tokenizer.num_merges else ""
    types = ", ".join(f"{n:,} {name}" for name, n in tokenizer.token_types.items())
    shown = f" ({types})" if types else ""
    return f"{tokenizer.family}{pre}; {tokenizer.num_tokens:,} tokens{shown}{merges}"


def _verdict(inspection: Inspection) -> Iterator[Row]:
    if not inspection.problems:
        yield "runs", f"by mlx-lm's {inspection.mlx_lm_model}, as far as headers tell"
    for problem in inspection.problems:
        yield "does not run", problem
    for note in inspection.notes:
        yield "note", note


def _types(inspection: Inspection) -> Iterator[Row]:
    for row in inspection.types:
        fate = row.on_gpu or "does not run"
        size, bits = size_text(row.num_bytes), f"{row.bits_per_weight:.3g}"
        yield row.type, str(row.num_tensors), f"{row.num_weights:,}", size, bits, fate


def _memory(inspection: Inspection) -> Iterator[Row]:
    for device, memory in (("CPU", inspection.on_cpu), ("GPU", inspection.on_gpu)):
        if memory is not None:
            yield device, *_memory_cells(memory)


def _memory_cells(memory: Memory) -> Row:
    kv = (memory.kv_bytes_per_1000_tokens, memory.kv_bytes_at_context_length)
    sizes = ["not said" if each is None else size_text(each) for each in kv]
    return size_text(memory.weights_bytes), *sizes, memory.form


def _metadata(inspection: Inspection) -> Iterator[Row]:
    for key, value in inspection.metadata.items():
        yield key, _value(value)


def _value(value: Any) -> str:
    if isinstance(value, ShortArray):
        return f"{value.count:,} {value.item_type}: {_cut(repr(value.first)[:-1])}, …"
    return _cut(value if isinstance(value, str) else repr(value))


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}… ({len(text):,} characters)"


def _tensor(row: TensorRow) -> Row:
    shape = " x ".join(map(str, row.shape)) or "one number"
    return row.name, row.type, shape, size_text(row.num_bytes), str(row.part)
