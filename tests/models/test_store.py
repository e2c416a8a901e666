"""Names to paths; removing just what was put there."""

import pytest
from reference.small_gguf import write_gguf

from pensieve import places
from pensieve.errors import ModelError
from pensieve.models import records, store
from pensieve.models.pulling.pull import pull
from pensieve.models.records import Record


@pytest.fixture
def pulled():
    """Return what records a model with these files in the models folder."""

    def made(name, *files, path=None):
        for file in files:
            target = places.models_dir() / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"content")
        path = path or files[0]
        records.write(Record(name=name, source="hub", path=path, files=list(files)))
        return places.models_dir() / path

    return made


# ----- Finding -----


def test_nothing_is_installed_in_an_empty_home(own_home):
    assert store.installed() == []
    assert list(own_home.iterdir()) == []


def test_models_are_listed_by_name(pulled):
    pulled("org/b", "org/b/config.json", path="org/b")
    pulled("org/a:x.gguf", "org/a/x.gguf")

    assert [(each.name, each.path) for each in store.installed()] == [
        ("org/a:x.gguf", places.models_dir() / "org/a/x.gguf"),
        ("org/b", places.models_dir() / "org/b"),
    ]


def test_a_path_that_exists_is_its_own_name(tmp_path, monkeypatch):
    path = tmp_path / "model.gguf"
    path.touch()
    monkeypatch.chdir(tmp_path)

    assert store.resolve(str(path)) == path
    assert store.resolve("model.gguf") == path


def test_a_pulled_model_wins_over_a_folder_of_its_name_nearby(
    pulled, tmp_path, monkeypatch
):
    (tmp_path / "org/a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path = pulled("org/a", "org/a/config.json", path="org/a")

    assert store.resolve("org/a") == path


@pytest.mark.parametrize("name", ["smollm2", "org/repo", "org/repo:Q4_K_M"])
def test_a_model_that_is_not_here_is_said_with_how_to_get_it(name):
    with pytest.raises(ModelError, match=f"{name}: not .*; `pensieve pull {name}`"):
        store.resolve(name)


@pytest.mark.parametrize("name", ["nonsense", "./none.gguf", "../../none", "a\0b"])
def test_a_name_that_stands_for_nothing_is_said_with_what_may(name):
    with pytest.raises(ModelError, match=r"expected an alias \(smollm2\), org/repo"):
        store.resolve(name)


def test_a_model_whose_files_are_gone_is_said_with_what_to_do(pulled):
    pulled("org/a:x.gguf", "org/a/x.gguf").unlink()

    with pytest.raises(ModelError, match=r"`pensieve rm org/a:x\.gguf` forgets it"):
        store.resolve("org/a")


# ----- Removing -----


def test_a_removed_model_leaves_nothing(pulled):
    pulled("org/a", "org/a/config.json", "org/a/model.safetensors", path="org/a")

    assert store.remove("org/a") == "org/a"

    assert store.installed() == []
    assert [path.name for path in places.models_dir().iterdir()] == [".records"]


def test_removing_keeps_what_pull_did_not_put_there(pulled):
    path = pulled("org/a", "org/a/config.json", path="org/a")
    (path / "notes.md").write_text("mine")
    pulled("org/b", "org/b/config.json", path="org/b")

    store.remove("org/a")

    assert [file.name for file in path.iterdir()] == ["notes.md"]
    assert [each.name for each in store.installed()] == ["org/b"]


def test_removing_a_registered_path_keeps_the_file(tmp_path):
    path = write_gguf(tmp_path / "mine.gguf")
    pull(str(path))

    store.remove("mine")

    assert path.exists()
    assert store.installed() == []


def test_a_model_whose_files_are_gone_can_be_removed(pulled):
    pulled("org/a:x.gguf", "org/a/x.gguf").unlink()

    assert store.remove("org/a") == "org/a:x.gguf"
    assert store.installed() == []


def test_removing_what_is_not_here_is_refused_with_what_is(pulled):
    pulled("org/a", "org/a/config.json", path="org/a")

    with pytest.raises(ModelError, match=r"'org/b': expected .* is here \(org/a\)"):
        store.remove("org/b")


def test_a_broken_off_pull_can_be_removed(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files
    hub.cuts = [200_000, 0, 0, 0]
    with pytest.raises(ModelError):
        pull("org/tiny")

    assert store.remove("org/tiny") == "org/tiny"

    assert [path for path in places.models_dir().rglob("*") if path.is_file()] == []


# ----- Damaged records -----


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected JSON"),
        (b'{"name": "a"}', "missing required field `source`"),
        (b'{"name": "a", "source": "hub", "path": "../a"}', r"got '\.\./a'"),
        (
            b'{"name": "a", "source": "hub", "path": "a", "files": ["/etc/passwd"]}',
            "expected paths below its folder, got '/etc/passwd'",
        ),
        (
            b'{"name": "a", "source": "local", "path": "/a", "files": ["../../b"]}',
            r"got '\.\./\.\./b'",
        ),
    ],
)
def test_a_damaged_record_is_said_and_removes_nothing(content, message):
    file = places.models_dir() / ".records/a.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)

    with pytest.raises(ModelError, match=message):
        store.remove("a")
