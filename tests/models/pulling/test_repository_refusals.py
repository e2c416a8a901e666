"""What the hub does not have, and what Pensieve does not take from it: sentences."""

import pytest

from pensieve.errors import ModelError
from pensieve.models import store
from pensieve.models.pulling.pull import pull
from pensieve.models.staging import unfinished


def test_a_repository_that_is_not_there_is_said_in_a_sentence(hub):
    with pytest.raises(ModelError) as caught:
        pull("org/none")

    assert str(caught.value) == (
        f"org/none: {hub.url} has no such repository, or a private one that HF_TOKEN "
        "does not open"
    )


def test_a_gated_repository_is_said_with_what_to_do(hub, folder_files):
    hub.repositories["org/gated"] = folder_files
    hub.gated.add("org/gated")

    with pytest.raises(ModelError, match=rf"accepted first, at {hub.url}/org/gated;"):
        pull("org/gated")


def test_a_hub_that_is_away_is_said_in_a_sentence(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    with pytest.raises(ModelError, match=r"org/tiny: http://127.* cannot be reached: "):
        pull("org/tiny")


def test_an_endpoint_that_is_no_url_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "hub")

    with pytest.raises(ModelError, match=r"HF_ENDPOINT: expected http.*, got 'hub'"):
        pull("org/tiny")


@pytest.mark.parametrize(
    "listing",
    [
        b"<html>sign in</html>",
        b"[]",
        b'{"sha": "../../../etc", "siblings": []}',
        b'{"sha": 5}',
        b'{"sha": "%s", "siblings": [{"rfilename": "a", "size": -1}]}' % (b"0" * 40),
        b"[" * 100_000,
    ],
    ids=lambda listing: repr(listing[:20]),
)
def test_a_listing_that_is_none_is_said_in_a_sentence(hub, listing):
    hub.repositories["org/tiny"] = {}
    hub.listing = listing

    with pytest.raises(ModelError, match=f"{hub.url}/api/models/org/tiny: "):
        pull("org/tiny")


def test_several_ggufs_and_none_named_are_listed(hub, gguf_bytes):
    names = ["tiny-Q4_0.gguf", "tiny-Q8_0.gguf"]
    hub.repositories["org/tiny-GGUF"] = dict.fromkeys(names, gguf_bytes)

    with pytest.raises(ModelError) as caught:
        pull("org/tiny-GGUF")

    assert str(caught.value) == (
        "org/tiny-GGUF: expected the name of one of "
        "org/tiny-GGUF:tiny-Q4_0.gguf, org/tiny-GGUF:tiny-Q8_0.gguf"
    )


def test_a_gguf_that_is_not_there_is_refused_with_those_that_are(hub, gguf_bytes):
    hub.repositories["org/tiny-GGUF"] = {"tiny-Q4_0.gguf": gguf_bytes}

    with pytest.raises(ModelError, match=r"'Q6_K' of org/tiny-GGUF:tiny-Q4_0\.gguf$"):
        pull("org/tiny-GGUF:Q6_K")


def test_a_split_gguf_without_one_of_its_files_is_refused(hub, split_bytes):
    first, second = split_bytes
    hub.repositories["org/big-GGUF"] = {first: split_bytes[first]}

    with pytest.raises(ModelError) as caught:
        pull("org/big-GGUF")
    assert str(caught.value) == (
        f"org/big-GGUF: expected {second} beside {first}, got none"
    )
    with pytest.raises(ModelError, match=f"expected the name of one .*:{first}$"):
        pull(f"org/big-GGUF:{second}")
    assert store.installed() == []


def test_a_gguf_of_a_folder_model_is_refused(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files

    with pytest.raises(ModelError, match=r"org/tiny: expected \.gguf files, got none"):
        pull("org/tiny:Q4_0")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("tokenizer.json", "org/tiny: expected a model folder, got no tokenizer.json"),
        ("config.json", "org/tiny: expected a model folder, got no config.json"),
        ("model.safetensors", r"expected model\*\.safetensors or \.gguf files, got no"),
    ],
)
def test_a_repository_without_a_needed_file_is_refused_before_any_download(
    hub, folder_files, missing, message
):
    del folder_files[missing]
    hub.repositories["org/tiny"] = folder_files

    with pytest.raises(ModelError, match=message):
        pull("org/tiny")

    assert len(hub.requests) == 1


def test_a_model_that_does_not_run_is_removed_again(hub, folder_files):
    hub.repositories["org/tiny"] = folder_files | {"config.json": b"{}"}

    with pytest.raises(ModelError, match=r"fetched and removed again: .*`model_type`"):
        pull("org/tiny")

    assert store.installed() == []
    assert unfinished()["org/tiny"] == 0
