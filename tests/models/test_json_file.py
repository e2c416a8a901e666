"""Files that are no JSON, no text, or no files: each a ModelError with a sentence."""

import os

import msgspec
import pytest

from pensieve.errors import ModelError
from pensieve.models.json_file import read_json, read_text, read_tokenizer_json


class Named(msgspec.Struct):
    name: str


@pytest.fixture(params=[read_json, read_tokenizer_json])
def read(request):
    return request.param


def test_unknown_fields_are_left_out(tmp_path, read):
    path = tmp_path / "a.json"
    path.write_text('{"name": "x", "other": [1e999, 123456789012345678901234567890]}')

    assert read(path, Named) == Named("x")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"name": "x"} {}',
        b"\xff\xfe{}",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"name": ' * 100_000,
        b"<!DOCTYPE html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_not_json_is_an_error_that_names_the_file(tmp_path, read, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)

    with pytest.raises(ModelError) as caught:
        read(path, Named)

    assert str(caught.value).startswith(f"{path}: ")


def test_an_integer_of_ten_thousand_digits_is_an_error(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"name": ' + "1" * 10_000 + "}")

    with pytest.raises(ModelError):
        read_json(path, Named)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"name": "x"}')

    assert read_json(path, Named) == Named("x")


def test_a_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(11))

    assert len(read_text(path, max_bytes=11)) == 11
    with pytest.raises(ModelError, match="expected at most 10 bytes, got more"):
        read_text(path, max_bytes=10)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "a.json")

    with pytest.raises(ModelError, match="expected a file, got none"):
        read(tmp_path / "a.json", Named)


def test_a_file_that_is_not_there_is_refused(tmp_path, read):
    with pytest.raises(ModelError, match="expected a file, got none"):
        read(tmp_path / "a.json", Named)
