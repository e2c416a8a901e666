"""describe: any path in, a description or a ModelError out."""

import os
from pathlib import Path

import pytest
from reference.small_gguf import write_gguf

from pensieve.errors import ModelError
from pensieve.models.description import GenerationDefaults
from pensieve.models.files import describe


def test_a_model_is_named_as_the_person_called_it(tmp_path):
    path = write_gguf(tmp_path / "small-q4.gguf")

    assert describe(path).name == "small-q4"
    assert describe(path, "org/small").name == "org/small"


def test_a_model_called_by_its_path_is_named_by_its_file(tmp_path, monkeypatch):
    path = write_gguf(tmp_path / "small-q4.gguf")
    monkeypatch.chdir(tmp_path)

    assert describe(path, str(path)).name == "small-q4"
    assert describe(path, "small-q4.gguf").name == "small-q4"
    assert describe(path, "./small-q4.gguf").name == "small-q4"


def test_an_alias_brings_settings_where_the_file_has_none(tmp_path):
    path = write_gguf(tmp_path / "a.gguf", general__sampling__top_p=0.5)

    assert describe(path).defaults == GenerationDefaults(top_p=0.5)
    expected = GenerationDefaults(temperature=0.2, top_p=0.5)
    assert describe(path, "smollm2").defaults == expected


def test_smollm2_is_described_within_its_alias(smollm2_path):
    description = describe(smollm2_path, "smollm2")

    assert description.name == "smollm2"
    assert description.path == smollm2_path
    assert description.defaults == GenerationDefaults(temperature=0.2, top_p=0.9)


def test_the_time_of_the_file_is_given_in_utc(tmp_path):
    path = write_gguf(tmp_path / "a.gguf")
    os.utime(path, (0, 1_700_000_000.9))

    assert describe(path).created_at == "2023-11-14T22:13:20Z"


def test_a_path_with_nothing_there_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"expected a \.gguf file or a folder"):
        describe(tmp_path / "none")


def test_a_device_is_refused():
    with pytest.raises(ModelError, match=r"expected a \.gguf file or a folder"):
        describe(Path("/dev/zero"))


def test_a_name_too_long_for_the_file_system_is_refused(tmp_path):
    with pytest.raises(ModelError):
        describe(tmp_path / ("x" * 5000))
