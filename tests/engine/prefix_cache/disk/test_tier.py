"""What comes back from disk, in another process, is what a cold prefill computes."""

import os
import stat

import mlx.core as mx
import numpy as np
import pytest
from engine.prefix_cache.disk.tiers import Warm, prompt
from engine.tiny_models import (
    tiny_qwen3_5,
)

from pensieve.engine.prefix_cache.disk import file_format, restore, tier, writer

TOLERANCE = 1e-4


@pytest.mark.parametrize("size", [1, 15, 16, 17, 100, 512, 530, 1100])
def test_a_longer_sequence_goes_on_from_the_one_before_it(model, tmp_path, size):
    Warm(model, tmp_path).learn(prompt(1200)[:size])

    cached, error = Warm(model, tmp_path).error(prompt(1200)[: size + 6])

    assert cached == size
    assert error < TOLERANCE


def test_what_is_restored_is_what_was_saved_to_the_bit(model, tmp_path):
    warm = Warm(model, tmp_path).learn(prompt(300)).learn(prompt(700))
    expected = warm.prefixes.find([*prompt(700), 0])

    restored = warm.again().restored([*prompt(700), 0])

    got = warm.again().prefixes.hit_of([*prompt(700), 0], restored)
    assert got.size == expected.size == 700
    for one, other in zip(got.cache, expected.cache, strict=True):
        for mine, others in zip(one.state, other.state, strict=True):
            for a, b in zip(leaves(mine), leaves(others), strict=True):
                assert a.dtype == b.dtype
                size = 700 if a.ndim == 4 and a.shape[2] > 700 else None
                assert mx.array_equal(
                    a[:, :, :size] if size else a, b[:, :, :size] if size else b
                )


def leaves(state):
    items = state if isinstance(state, list | tuple) else [state]
    return [each for each in items if isinstance(each, mx.array)]


def test_turns_follow_each_other_in_files_that_begin_on_the_grid(model, tmp_path):
    for end in (9, 20, 33, 333, 340, 900):
        Warm(model, tmp_path).learn(prompt(1000)[:end])

    cached, error = Warm(model, tmp_path).error(prompt(1000)[:950])

    assert cached == 900
    assert error < TOLERANCE


@pytest.mark.parametrize("shared", [16, 160, 512, 528, 720])
def test_a_branch_goes_on_from_the_grid(model_by_token, tmp_path, shared):
    warm = Warm(model_by_token, tmp_path).learn(prompt(800))
    branch = [*prompt(800)[: shared + 5], *prompt(90, salt=1)]

    cached, error = warm.again().error(branch)

    assert cached == shared
    assert error < TOLERANCE


def test_a_branch_of_a_branch_is_put_together_of_both(model_by_token, tmp_path):
    branch = [*prompt(800)[:300], *prompt(400, salt=1)]
    Warm(model_by_token, tmp_path).learn(prompt(800)).learn(branch)

    cached, error = Warm(model_by_token, tmp_path).error([*branch, 1, 2])

    assert cached == 700
    assert error < TOLERANCE


def test_a_branch_goes_on_from_the_nearest_checkpoint_below(
    model_by_checkpoint, tmp_path
):
    Warm(model_by_checkpoint, tmp_path).learn(prompt(300), pieces=[100, 201])
    branch = [*prompt(300)[:250], *prompt(9, salt=1)]

    cached, error = Warm(model_by_checkpoint, tmp_path).error(branch)

    assert cached == 201
    assert error < TOLERANCE


def test_a_checkpoint_inside_a_file_that_was_there_is_restored(
    model_by_checkpoint, tmp_path
):
    warm = Warm(model_by_checkpoint, tmp_path).learn(prompt(300))
    warm.learn(prompt(300)[:150])

    cached, error = warm.again().error([*prompt(300)[:180], *prompt(9, salt=1)])

    assert cached == 150
    assert error < TOLERANCE


def test_a_head_ends_a_file_so_that_others_go_on_from_it(model_by_token, tmp_path):
    warm = Warm(model_by_token, tmp_path).learn(prompt(300), head_size=101)

    cached, error = warm.again().error([*prompt(300)[:101], *prompt(80, salt=1)])

    assert cached == 101
    assert error < TOLERANCE


def test_nothing_is_written_twice(model, tmp_path):
    warm = Warm(model, tmp_path).learn(prompt(300))
    before = {path: path.stat().st_ino for path in warm.files}

    warm.learn(prompt(300))
    warm.again().learn(prompt(300))

    assert {path: path.stat().st_ino for path in warm.files} == before


def test_another_secret_template_or_model_finds_nothing(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(100))

    assert warm.again().size([*prompt(100), 1]) == 100
    assert warm.again(context=b"another template").size([*prompt(100), 1]) == 0
    assert warm.again(secret=b"another").size([*prompt(100), 1]) == 0
    assert warm.again(folder="another model").size([*prompt(100), 1]) == 0


def test_files_are_private_and_tell_nothing(llama, tmp_path):
    token_ids = prompt(400)
    warm = Warm(llama, tmp_path).learn(token_ids, head_size=50)

    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o700
    for path in warm.files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        stored = path.read_bytes()
        for dtype in ("<i4", ">i4", "<i2", "<i8", "u1"):
            ids = np.array(token_ids).astype(dtype).tobytes()
            size = 8 * np.dtype(dtype).itemsize
            assert not any(
                ids[i : i + size] in stored for i in range(0, len(ids) - size, size)
            )


def test_a_full_disk_costs_nothing_but_the_files(model, tmp_path, monkeypatch, caplog):
    def full(descriptor, chunks):
        raise OSError(28, "No space left on device")

    warm = Warm(model, tmp_path)
    monkeypatch.setattr(writer, "write_all", full)
    warm.learn(prompt(100)).learn(prompt(200))

    assert os.listdir(tmp_path / "model") == []
    assert warm.prefixes.find([*prompt(200), 1]).size == 200
    assert [r.message for r in caplog.records if "No space left" in r.message][1:] == []
    monkeypatch.undo()
    monkeypatch.setattr(writer, "PAUSE_S", 0)
    assert warm.again().learn(prompt(200)).again().size([*prompt(200), 1]) == 200


def test_a_read_only_folder_is_read(model, tmp_path, monkeypatch):
    warm = Warm(model, tmp_path).learn(prompt(100))
    (tmp_path / "model").chmod(0o500)
    try:
        again = warm.again()
        monkeypatch.setattr(writer.os, "open", refusing(os.open))  # root may write
        again.learn(prompt(200, salt=1))
        monkeypatch.undo()

        assert again.size([*prompt(100), 1]) == 100
        assert again.again().size([*prompt(200, salt=1), 1]) == 0
    finally:
        (tmp_path / "model").chmod(0o700)


def refusing(open_file):
    def refuse(path, flags, *args):
        if flags & os.O_WRONLY:
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, flags, *args)

    return refuse


def test_eight_bits_are_near_and_take_less(model_by_token, tmp_path):
    whole = Warm(model_by_token, tmp_path / "whole").learn(prompt(600))
    small = Warm(model_by_token, tmp_path / "small", bits=8).learn(prompt(600))

    cached, error = small.again().error([*prompt(600), 1])

    assert cached == 600
    assert error < 0.5  # of logits that differ by some units
    assert small.disk.nbytes < 0.5 * whole.disk.nbytes


def test_files_of_at_most_so_many_tokens_are_written(llama, tmp_path):
    warm = Warm(llama, tmp_path).learn(prompt(2000))

    assert len(warm.files) == -(-2000 // file_format.FILE_TOKENS)


@pytest.mark.parametrize("bits", [0, 8])
@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16])
def test_where_a_gpu_has_its_own_memory_arrays_are_copied(
    tmp_path, monkeypatch, dtype, bits
):
    """Stands for CUDA: the writer and the reader see no memory of MLX's."""
    model = tiny_qwen3_5()
    model.set_dtype(dtype)
    expected = Warm(model, tmp_path / "own", bits=bits).learn(prompt(100))
    for module in (tier, restore):
        monkeypatch.setattr(module, "on_cuda", lambda: True)
    warm = Warm(model, tmp_path / "cuda", bits=bits).learn(prompt(100))
    assert [a.stat().st_size for a in warm.files] == [
        a.stat().st_size for a in expected.files
    ]

    one, other = (each.again().restored([*prompt(100), 1]) for each in (warm, expected))

    assert one.size == other.size == 100
    for mine, others in zip(one.layers, other.layers, strict=True):
        for a, b in zip(mine, others, strict=True):
            assert a.dtype == b.dtype
            assert mx.array_equal(a[:, :, :100], b[:, :, :100])
