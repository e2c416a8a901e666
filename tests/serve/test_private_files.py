"""What Pensieve writes is for this user only, however open the place and the umask."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from serve.gunicorn_server import free_port

from pensieve import places

pytestmark = pytest.mark.slow

OWN_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


def pensieve(home, port, *words):
    """Run the command with a mask that takes nothing from anybody."""
    variables = {
        "PENSIEVE_HOME": home,
        "PENSIEVE_PORT": port,
        "PENSIEVE_API_KEY": OWN_KEY,
    }
    return subprocess.run(
        [sys.executable, "-m", "pensieve", *words],
        env=os.environ | {name: str(value) for name, value in variables.items()},
        check=True,
        capture_output=True,
        text=True,
        umask=0,
    )


def post(port, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"x-api-key": OWN_KEY},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def modes_below(folder):
    """Return path → mode, of the folder and all that is in it."""
    found = [folder, *folder.rglob("*")]
    return {
        str(path.relative_to(folder.parent)): path.lstat().st_mode for path in found
    }


@pytest.fixture
def short_path():
    """Return a folder whose path leaves room for a socket's: it has 104 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def test_everything_that_a_server_writes_is_private(short_path, tiny_model_path):
    home, port = short_path / "not" / "there", free_port()
    old_log = home / "logs" / f"server-{port}.log"
    old_log.parent.mkdir(parents=True, mode=0o777)
    old_log.parent.chmod(0o777)
    old_log.touch(0o666)
    pensieve(home, port, "config", "generate")
    pensieve(home, port, "start", "--model", str(tiny_model_path))
    try:
        body = {
            "model": "claude-x",
            "max_tokens": 8,
            "messages": [{"role": "user", "content": "word " * 600}],
        }
        post(port, "/v1/messages", body)
        entry = {"custom_id": "a", "params": body}
        post(port, "/v1/messages/batches", {"requests": [entry]})
        deadline = time.monotonic() + 60
        while not list(home.rglob("prefixes/*/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        modes = modes_below(home)
    finally:
        pensieve(home, port, "stop")

    kinds = {
        "folder": [mode for mode in modes.values() if stat.S_ISDIR(mode)],
        "file": [mode for mode in modes.values() if stat.S_ISREG(mode)],
        "socket": [mode for mode in modes.values() if stat.S_ISSOCK(mode)],
    }
    for suffix in (".toml", ".json", ".log", ".sqlite3", ".lock", ".sock"):
        assert any(path.endswith(suffix) for path in modes), (suffix, [*modes])
    assert len(kinds["folder"]) > 4
    assert kinds["socket"]
    open_to_others = {
        path: oct(mode)
        for path, mode in modes.items()
        if mode & 0o077 and path != "there"  # the test made that one
    }
    assert open_to_others == {}
    assert {mode & 0o777 for mode in kinds["file"]} == {0o600}


def test_a_private_file_is_private_even_if_it_was_not(tmp_path):
    path = tmp_path / "file"
    path.touch(0o666)
    path.chmod(0o666)
    with places.open_private(path, "ab") as file:
        file.write(b"x")

    assert path.stat().st_mode & 0o777 == 0o600


def test_folders_are_private_with_those_above_them(tmp_path):
    before = os.umask(0)
    try:
        places.private_dir(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)

    for folder in ("a", "a/b", "a/b/c"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("mode", "then"), [(0o755, 0o755), (0o775, 0o700)])
def test_a_folder_that_others_can_write_in_is_taken_from_them(tmp_path, mode, then):
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)

    places.private_dir(folder)

    assert folder.stat().st_mode & 0o777 == then
