"""How fast text becomes tokens and is counted, met for the first time.

CPU time of a megabyte of English and code (the standard library and its reference), on
SmolLM2's vocabulary and on one of some 150,000 tokens that is trained once and kept in
--cache. Natively, by Hugging Face `tokenizers` and, where it makes the same tokens, by
tiktoken; in turn, each with new caches. Then a megabyte of each kind that is meant to
be slow, as a multiple of that text's time; and how long another thread of Python waits
beside a count, and beside a checksum in C that lets go of the interpreter's lock.
Prints medians, goals and, last, one line of JSON.

    python -m pensieve.bench.native.bench_bpe [--model smollm2] [--turns 7] \\
        [--cache FOLDER]
"""

import argparse
import random
import statistics
import sysconfig
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import tokenizers
from tokenizers import Regex, models, pre_tokenizers, trainers

from pensieve._native.bpe import Encoder
from pensieve.models import files, store
from pensieve.prompt.gguf_tokenizer import SPLITTINGS
from pensieve.prompt.native_tokenizer import recognise
from pensieve.prompt.tokenizer import open_backend

from ..record import record

NUM_BYTES = 1_000_000
VOCAB_SIZE = 150_000
TRAINING_BYTES = 80_000_000
ADVERSARIAL = {
    "letter": "a",
    "spaces": " ",
    "newlines": "\n",
    "emoji": "😀",
    "dash": "-",
}
GOALS = {"count_x": 15, "encode_x": 8, "count_x_tiktoken": 2}
MAX_ADVERSARIAL_RATIO = 4

Run = Callable[[], object]


def main() -> None:
    """Measure, and print the figures, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--cache", type=Path, default=Path(".cache"))
    options = parser.parse_args()
    text = english_and_code()
    backends = {
        "model": open_backend(files.describe(store.resolve(options.model))),
        "trained": trained(options.cache),
    }
    figures: dict[str, object] = {}
    for name, backend in backends.items():
        backend.encode_special_tokens = True
        measured = measure(backend, text, options.turns)
        figures[name] = measured
        print(name)
        for what, value in measured.items():
            print(f"  {what:26} {value}")
    print(record("bpe", figures))


def measure(backend: tokenizers.Tokenizer, text: str, turns: int) -> dict[str, object]:
    """Return milliseconds, ratios and whether the goals are met."""
    tiktoken = tiktoken_encoder(backend, text)
    description = backend.to_str()
    times: dict[str, list[float]] = {}
    for turn in range(turns):
        fresh = tokenizers.Tokenizer.from_str(description)
        runs: dict[str, Run] = {
            "count": partial(native(backend).count, text),
            "encode": partial(native(backend).encode, text),
            "tokenizers": partial(
                fresh.encode_batch_fast, [text], add_special_tokens=False
            ),
        }
        if tiktoken is not None:
            runs["tiktoken"] = partial(tiktoken, text)
        order = list(runs.items())
        # The first one finds the processor's caches full of something else.
        for name, run in order[turn % len(order) :] + order[: turn % len(order)]:
            times.setdefault(name, []).append(cpu_ms(run))
    medians = {name: statistics.median(each) for name, each in times.items()}
    ratios = {
        "count_x": medians["tokenizers"] / medians["count"],
        "encode_x": medians["tokenizers"] / medians["encode"],
    }
    if tiktoken is not None:
        ratios["count_x_tiktoken"] = medians["tiktoken"] / medians["count"]
    slow = adversarial(backend, medians["count"], turns)
    return {
        "num_tokens": native(backend).count(text),
        "ms": {name: round(value, 1) for name, value in medians.items()},
        **{name: round(value, 1) for name, value in ratios.items()},
        "adversarial_ratios": slow,
        "stall_ms": stalls(native(backend), text),
        "goals": {
            **{name: value >= GOALS[name] for name, value in ratios.items()},
            "adversarial": max(slow.values()) <= MAX_ADVERSARIAL_RATIO,
        },
    }


def native(backend: tokenizers.Tokenizer) -> Encoder:
    """Return a new encoder, which remembers nothing."""
    found, reason = recognise(backend)
    assert found is not None, reason
    return found.encoder


def cpu_ms(run: Run) -> float:
    """Return this thread's: others on the machine do not count."""
    begun = time.thread_time()
    run()
    return (time.thread_time() - begun) * 1e3


def adversarial(
    backend: tokenizers.Tokenizer, ordinary_ms: float, turns: int
) -> dict[str, float]:
    """Return times of as many bytes, as multiples of ordinary text's."""
    letters = random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=NUM_BYTES)
    texts = {
        kind: unit * (NUM_BYTES // len(unit.encode()))
        for kind, unit in ADVERSARIAL.items()
    }
    texts["random letters"] = "".join(letters)
    ratios = {}
    for kind, text in texts.items():
        each = [cpu_ms(partial(native(backend).count, text)) for _ in range(turns)]
        ratios[kind] = round(statistics.median(each) / ordinary_ms, 1)
    return ratios


def stalls(encoder: Encoder, text: str) -> dict[str, float]:
    """Return how long a thread that wakes each half millisecond had to wait at most."""
    block = bytes(50_000_000)
    return {
        "beside a count": longest_wait(lambda: encoder.count(text)),
        "beside a checksum in C": longest_wait(lambda: zlib.crc32(block)),
        "beside nothing": longest_wait(lambda: time.sleep(0.05)),
    }


def longest_wait(run: Run) -> float:
    """Return the 99th of 100 waits beyond half a millisecond, while something runs."""
    waits: list[float] = []
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.is_set():
            begun = time.perf_counter()
            time.sleep(0.0005)
            waits.append((time.perf_counter() - begun - 0.0005) * 1e3)

    thread = threading.Thread(target=tick)
    thread.start()
    end = time.perf_counter() + 2
    while time.perf_counter() < end:
        run()
    is_over.set()
    thread.join()
    return round(statistics.quantiles(waits, n=100)[-1], 2)


def english_and_code() -> str:
    """Return half a megabyte of Python's reference and as much of its library."""
    folder = library()
    english = (folder / "pydoc_data" / "topics.py").read_text()[: NUM_BYTES // 2]
    code = "".join(path.read_text() for path in sorted(folder.glob("[a-p]*.py")))
    return (english + code)[:NUM_BYTES]


def trained(cache: Path) -> tokenizers.Tokenizer:
    """Return a tokenizer with Llama 3's pattern, trained on all Python that is here."""
    path = cache / f"bench-bpe-{VOCAB_SIZE}.json"
    if path.exists():
        return tokenizers.Tokenizer.from_file(str(path))
    pattern = SPLITTINGS["llama3"].pattern
    assert pattern is not None
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return tokenizer


def training_texts() -> list[str]:
    """Return what the standard library and installed packages have of Python."""
    texts: list[str] = []
    size = 0
    for folder in (library(), Path(sysconfig.get_paths()["purelib"])):
        for path in sorted(folder.rglob("*.py")):
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
            size += len(texts[-1])
            if size > TRAINING_BYTES:
                return texts
    return texts


def library() -> Path:
    return Path(sysconfig.get_paths()["stdlib"])


def tiktoken_encoder(
    backend: tokenizers.Tokenizer, text: str
) -> Callable[[str], list[int]] | None:
    """Return tiktoken's; None if it is not installed, or makes other tokens of it."""
    try:
        import tiktoken
    except ImportError:
        return None
    ranks = {}
    for token, token_id in backend.get_vocab(with_added_tokens=False).items():
        token_bytes = letters_bytes(token)
        if token_bytes is not None:
            ranks[token_bytes] = token_id
    for byte in range(256):  # SmolLM2 has no token for some
        ranks.setdefault(bytes([byte]), len(ranks) + VOCAB_SIZE)
    smollm = (
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+(?=\p{N})|\s+"
    )
    expected = backend.encode(text, add_special_tokens=False).ids
    for each in (SPLITTINGS["llama3"].pattern, smollm):
        assert each is not None
        encoding = tiktoken.Encoding(
            "bench", pat_str=each, mergeable_ranks=ranks, special_tokens={}
        )
        if encoding.encode_ordinary(text) == expected:
            encode: Callable[[str], list[int]] = encoding.encode_ordinary
            return encode
    return None


def letters_bytes(token: str) -> bytes | None:
    """Return the bytes that GPT-2's letters stand for."""
    try:
        return bytes(map(_BYTES.__getitem__, token))
    except KeyError:
        return None


def _byte_letters() -> dict[str, int]:
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return {
        chr(byte if byte in printable else next(others)): byte for byte in range(256)
    }


_BYTES = _byte_letters()


if __name__ == "__main__":
    main()
