"""Which way a name is pulled; paths are registered, not copied."""

import subprocess
import sys

import pytest
from reference.small_gguf import write_gguf

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.files import describe
from pensieve.models.pulling.pull import pull


def test_a_path_is_registered_under_its_file_s_name(tmp_path, monkeypatch):
    path = write_gguf(tmp_path / "My Model [q4].gguf")
    monkeypatch.chdir(tmp_path)

    assert pull("./My Model [q4].gguf") == path

    assert store.resolve("My Model [q4]") == path
    assert describe(path, "My Model [q4]").name == "My Model [q4]"
    copies = [file for file in places.models_dir().rglob("*.gguf")]
    assert copies == []


def test_registering_a_path_again_changes_nothing(tmp_path):
    path = write_gguf(tmp_path / "mine.gguf")

    assert pull(str(path)) == pull(str(path)) == pull("mine") == path
    assert len(store.installed()) == 1


def test_a_linked_file_keeps_the_name_of_its_link(tmp_path):
    write_gguf(tmp_path / "0a1b2c")
    link = tmp_path / "model.gguf"
    link.symlink_to("0a1b2c")

    pull(str(link))

    assert store.resolve("model") == link


def test_two_paths_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_gguf(tmp_path / folder / "mine.gguf")
    pull(str(tmp_path / "a/mine.gguf"))

    with pytest.raises(ModelError, match=r"'mine' is the name of .*a/mine\.gguf"):
        pull(str(tmp_path / "b/mine.gguf"))


def test_a_path_cannot_take_an_alias_s_name(tmp_path):
    path = write_gguf(tmp_path / "smollm2.gguf")

    with pytest.raises(ModelError, match="'smollm2' is another model's name"):
        pull(str(path))


def test_a_path_that_is_no_model_is_not_registered(tmp_path):
    path = tmp_path / "notes.gguf"
    path.write_text("notes")

    with pytest.raises(ModelError, match=r"notes\.gguf: \[gguf\]"):
        pull(str(path))

    assert store.installed() == []


def test_a_record_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    path = write_gguf(tmp_path / ("x" * 240 + ".gguf"))
    places.models_dir().mkdir()
    (places.models_dir() / ".records").write_text("in the way")

    with pytest.raises(ModelError, match=r"\.records: File exists"):
        pull(str(path))


@pytest.mark.parametrize("name", ["", "nonsense", "a/b/c", "./none.gguf", "a\0b"])
def test_a_name_that_stands_for_nothing_is_said_with_what_may(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError):
        pull(name)


def test_the_http_process_gets_no_download_library_with_the_models():
    code = (
        "import sys; from pensieve.models import files, store;"
        "from pensieve.models.pulling import pull;"
        "print({'huggingface_hub', 'rich', 'numpy'} & sys.modules.keys())"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ended.stdout == "set()\n"
