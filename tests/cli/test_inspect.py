"""`pensieve inspect` as a person meets it, on a terminal and off it."""

import json
import os
import subprocess
import sys

import gguf
import pytest
from click.testing import CliRunner
from reference.small_gguf import split_gguf, write_gguf

from pensieve.cli import main
from pensieve.cli.inspection_view import ranges

RUNNABLE = {
    "llama__embedding_length": 256,
    "llama__block_count": 1,
    "llama__feed_forward_length": 32,
    "llama__attention__head_count": 4,
    "llama__attention__layer_norm_rms_epsilon": 1e-5,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.gguf"


def inspect(*arguments):
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def rows(told):
    assert told.exit_code == 0, told.output
    return [line.split("\t") for line in told.stdout.splitlines()]


def inspected(path):
    told = inspect(path, "--json")
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def on_terminal(*arguments):
    """Run the verb in a process that writes to a terminal; return what it wrote."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pensieve", "inspect", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "200"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # how Linux says that nobody is at the other end any more
            break
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


# ----- Real files -----


def test_smollm2_is_told_as_it_is(smollm2_path):
    told = rows(inspect(smollm2_path))

    assert ["size", "98.4 MB"] in told
    assert ["runs", "by mlx-lm's llama, as far as headers tell"] in told
    assert ["Q4_1", "210", "106,168,320", "66.4 MB", "5", "repacked exactly"] in told
    assert ["CPU", "538 MB", "46.1 MB", "377 MB", "float32"] in told
    assert ["GPU", "98.3 MB", "23 MB", "189 MB", "float16"] in told
    [tokenizer] = [row[1] for row in told if row[0] == "tokenizer"]
    assert tokenizer == (
        "byte-level BPE, pre-tokenizer smollm; 49,152 tokens (49,135 normal, "
        "17 control), 48,900 merges"
    )
    assert ["end tokens", "<|endoftext|>, <|im_end|>"] in told
    up = ["blk.{0-29}.ffn_up.weight", "Q4_1", "1536 x 576", "16.6 MB", "1"]
    assert up in told
    [tokens] = [row[1] for row in told if row[0] == "tokenizer.ggml.tokens"]
    assert tokens.startswith("49,152 str: ['<|endoftext|>', '<|im_start|>'")


def test_each_tensor_is_listed_when_asked_for(smollm2_path):
    told = rows(inspect(smollm2_path, "--tensors"))

    assert ["blk.7.ffn_up.weight", "Q4_1", "1536 x 576", "553 kB", "1"] in told
    assert sum(row[0].startswith("blk.") for row in told) == 270


def test_the_template_is_printed_as_it_is(smollm2_path):
    told = inspect(smollm2_path, "--template")

    reader = gguf.GGUFReader(smollm2_path)
    template = reader.get_field("tokenizer.chat_template").contents()
    assert told.stdout == template + "\n"


# ----- As JSON -----


def test_json_has_every_fact(path):
    write_gguf(path, tokenizer__chat_template="{{ messages }}", **RUNNABLE)

    told = inspected(path)

    assert told["problems"] == []
    assert told["mlx_lm_model"] == "llama"
    assert told["parts"] == [{"path": str(path), "num_bytes": path.stat().st_size}]
    assert told["metadata"]["tokenizer.ggml.merges"] == ["a b"]
    assert told["metadata"]["llama.block_count"] == 1
    assert told["chat_template"] == "{{ messages }}"
    assert told["template"]["num_characters"] == 14
    assert told["template"]["shows_tools"] is False
    [tensor] = told["tensors"]
    assert (tensor["name"], tensor["shape"]) == ("token_embd.weight", [1, 256])
    assert told["on_cpu"]["weights_bytes"] == 1024
    assert told["on_cpu"]["kv_bytes_per_1000_tokens"] == 1000 * 2 * 256 * 4


def test_long_arrays_are_shortened_and_numbers_that_are_none_are_null(path):
    write_gguf(
        path, odd__list=list(range(9)), odd__nan=float("nan"), odd__eight=[1] * 8
    )

    metadata = inspected(path)["metadata"]

    short = {"count": 9, "item_type": "int", "first": [0, 1, 2, 3, 4, 5, 6, 7]}
    assert metadata["odd.list"] == short
    assert metadata["odd.nan"] is None
    assert metadata["odd.eight"] == [1] * 8


# ----- What does not run -----


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"architecture": "mamba"}, "general.architecture: expected one of llama, "),
        ({"tokenizer__ggml__pre": "other"}, "tokenizer.ggml.pre: expected one of "),
        ({"tokenizer__ggml__model": "bert"}, "tokenizer.ggml.model: expected gpt2 or"),
        ({"tokenizer__chat_template": "{% if %}"}, "chat template"),
        ({"llama__expert_count": 8}, "llama.expert_count: expected 0 or nothing"),
        (
            {"tensor_type": gguf.GGMLQuantizationType.IQ4_XS},
            "tensor token_embd.weight: expected one of the types F32, ",
        ),
    ],
)
def test_why_a_model_does_not_run_is_told(path, changes, problem):
    write_gguf(path, **(RUNNABLE | changes))

    told = rows(inspect(path))

    [reason] = [row[1] for row in told if row[0] == "does not run"]
    assert problem in reason
    assert not any(row[0] == "runs" for row in told)
    assert inspected(path)["problems"] == [reason]


def test_a_type_that_does_not_run_is_counted_and_not_on_the_gpu(path):
    write_gguf(path, tensor_type=gguf.GGMLQuantizationType.IQ4_XS, **RUNNABLE)

    told = rows(inspect(path))

    assert ["IQ4_XS", "1", "256", "136 bytes", "4.25", "does not run"] in told
    assert [row[0] for row in told if row[0] in ("CPU", "GPU")] == ["CPU"]


# ----- Other forms -----


def test_a_split_model_is_told_part_by_part(path):
    first, second = split_gguf(path, **RUNNABLE)

    told = rows(inspect(first))

    assert [row[1] for row in told if row[0] == "part"] == [
        f"{part}, {part.stat().st_size / 1000:.3g} kB" for part in (first, second)
    ]
    assert ["output.weight", "F32", "1 x 256", "1.02 kB", "2"] in told


def test_a_model_is_named_as_elsewhere(path):
    write_gguf(path)
    CliRunner().invoke(main, ["pull", str(path)], catch_exceptions=False)

    assert ["path", str(path)] in rows(inspect("small"))


def test_a_folder_is_told_as_far_as_it_is_read(tiny_model_path):
    told = rows(inspect(tiny_model_path))

    assert ["architecture", "llama"] in told
    assert ["context", "131072 tokens"] in told
    assert inspected(tiny_model_path)["format"] == "folder"
    assert "<|im_start|>" in inspect(tiny_model_path, "--template").stdout


# ----- Failures -----


def test_a_bad_file_is_told_in_the_reader_s_words(path):
    path.write_bytes(b"PK\3\4" * 10)

    told = inspect(path)

    assert told.exit_code == 1
    assert told.stderr == (
        f"Error: {path}: [gguf] magic: expected GGUF in the first 4 bytes, "
        "got another kind of file\n"
    )


def test_a_name_that_stands_for_nothing_is_told():
    told = inspect("nonsense")

    assert told.exit_code == 1
    assert "'nonsense': expected an alias" in told.stderr


def test_a_template_that_is_not_there_is_told(path):
    told = inspect(write_gguf(path), "--template")

    assert told.exit_code == 1
    assert told.stderr == f"Error: {path}: expected a chat template, got none\n"


# ----- On a terminal -----


def test_a_terminal_gets_tables(path):
    write_gguf(path, **RUNNABLE)

    shown = on_terminal(path)

    assert "Quantisation" in shown
    assert "Bits/weight" in shown
    assert "KV, whole context" in shown


def test_nothing_in_a_file_reaches_the_terminal_but_text(path):
    evil = "\x1b[2J\x9b[red]\r\nname\tof \u202e it"
    write_gguf(path, general__name=evil, tokenizer__chat_template=evil, **RUNNABLE)

    table, template = on_terminal(path), on_terminal(path, "--template")

    assert "\\x1b[2J\\x9b[red]\\r\\nname\\tof \\u202e it" in table
    assert "\\x1b[2J\\x9b[red]\\r\r\nname" in template
    for shown in (table, template):
        assert "\x1b[2J" not in shown
        assert "\u202e" not in shown


def test_a_file_s_text_off_a_terminal_breaks_no_row(path):
    write_gguf(path, general__name="a\tb\nc")

    assert ["general.name", "a\\tb\\nc"] in rows(inspect(path))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([0], "0"), ([0, 1, 2], "0-2"), ([0, 1, 3, 5, 6], "0-1,3,5-6")],
)
def test_layers_are_told_in_ranges(numbers, expected):
    assert ranges(numbers) == expected
