"""The stand-in is a hub to huggingface_hub itself: tests against it prove something."""

from pathlib import Path

from huggingface_hub import hf_hub_download


def test_huggingface_hub_itself_downloads_from_the_stand_in(
    hub, folder_files, tmp_path
):
    hub.repositories["org/tiny"] = folder_files

    for name, content in folder_files.items():
        path = hf_hub_download(
            "org/tiny", name, endpoint=hub.url, local_dir=tmp_path, token=False
        )
        assert Path(path).read_bytes() == content
