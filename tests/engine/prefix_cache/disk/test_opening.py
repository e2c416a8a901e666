"""A model and a folder in, a tier out; or none, and why in the log."""

import stat

import pytest
from engine.prefix_cache.disk.tiers import PLENTY, used_cache
from engine.tiny_models import save_tiny_llama, tiny_llama
from mlx_lm.models.cache import make_prompt_cache

from pensieve import cache_folder
from pensieve.engine.prefix_cache.disk import secret
from pensieve.engine.prefix_cache.disk.opening import open_tier
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.link.messages import PrefixDisk


@pytest.fixture
def path(tmp_path):
    return save_tiny_llama(tmp_path / "tiny-llama")


def opened(path, root, budget_bytes=PLENTY):
    model = tiny_llama()
    layout = Layout(make_prompt_cache(model))
    disk = PrefixDisk(str(root), "template", budget_bytes)
    return open_tier(disk, path, layout, used_cache(model), PLENTY)


def test_the_folder_is_private_and_names_the_model(path, tmp_path):
    root = tmp_path / "home" / "cache"

    assert opened(path, root) is not None

    [folder] = cache_folder.model_folders(root)
    assert (folder / "name").read_text() == "tiny-llama"
    for each in (root, folder):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700
    for each in (root / "secret", folder / "name"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_without_a_budget_there_is_none(path, tmp_path):
    assert opened(path, tmp_path / "cache", budget_bytes=0) is None
    assert not (tmp_path / "cache").exists()


def test_a_budget_is_chosen(path, tmp_path):
    assert opened(path, tmp_path / "cache", budget_bytes=-1).budget_bytes > 0


def test_where_no_folder_can_be_made_there_is_none(path, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")

    assert opened(path, tmp_path / "file" / "cache") is None
    assert "off" in caplog.text


def test_a_secret_stays_and_one_that_is_cut_off_is_made_anew(tmp_path):
    own = secret.read_or_make(tmp_path / "secret")
    assert secret.read_or_make(tmp_path / "secret") == own
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600

    (tmp_path / "secret").write_bytes(own[:5])

    assert len(secret.read_or_make(tmp_path / "secret")) == len(own)
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
