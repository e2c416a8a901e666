"""Text and a tokenizer that every machine has: Python's own sources, a BPE of them."""

import argparse
import inspect
import os
import tarfile
import typing
from pathlib import Path
from types import ModuleType

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

VOCAB_SIZE = 8_192
TRAINED_ON: tuple[ModuleType, ...] = (argparse, tarfile)
ENCODED: ModuleType = typing
PROSE = "Die Müllerin zählte 1\u202f024 Lämpchen… 灯台の光, \U0001f3ee! "
"""Characters of two to four bytes, which sources have few of."""


def source_text(size: int = 40_000) -> str:
    """Return text that the tokenizer was not trained on, of so many characters."""
    source = inspect.getsource(ENCODED)
    return (PROSE + source)[:size]


def byte_level_bpe(folder: Path) -> tokenizers.Tokenizer:
    """Return a byte-level BPE as GPT-2's; trained once, then read from the folder."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads would blur CPU time
    path = folder / "tokenizer.json"
    if not path.exists():
        tokenizer = tokenizers.Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCAB_SIZE,
            special_tokens=["<|end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        texts = [inspect.getsource(module) for module in TRAINED_ON]
        tokenizer.train_from_iterator([*texts, PROSE * 20], trainer)
        part = path.with_suffix(f".{os.getpid()}")
        tokenizer.save(str(part))
        part.replace(path)
    return tokenizers.Tokenizer.from_file(str(path))
