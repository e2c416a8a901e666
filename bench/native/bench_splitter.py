"""How fast text is taken apart, and that no text makes it slow.

MB/s of UTF-8 for each splitter, on a megabyte of this package's sources and README: the
pieces counted (the C++ alone), and as a list of strings, beside Hugging Face
`tokenizers` making its list. Then the time of a megabyte of each kind that patterns
may backtrack on, as a multiple of the sources' time. Each figure is the best of
`--turns`. Prints tables and, last, one line of JSON.

    python -m pensieve.bench.native.bench_splitter [--turns 7]
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

import pensieve
from pensieve._native.splitter import count_pieces, is_surely_nfc, pieces
from pensieve.prompt.gguf_tokenizer import SPLITTINGS

from ..record import record

NUM_BYTES = 1_000_000
SPLITTERS = [
    "gpt2",
    "smollm",
    "llama3",
    "qwen2",
    "qwen35",
    "deepseek_v3",
    "o200k",
    "glm4",
    "tekken",
]
GGUF_NAMES = {
    "llama3": "llama3",
    "glm4": "llama3",
    "qwen2": "qwen2",
    "o200k": "gpt-4o",
    "tekken": "tekken",
}
"""Those whose pattern the package has for `tokenizers`, too."""

ADVERSARIAL = {
    "spaces": " ",
    "newlines": "\n",
    "spaces, newlines": "  \n",
    "letters": "a",
    "capitals": "A",
    "capitals, uncased": "あA",
    "digits": "7",
    "punctuation": "!",
    "apostrophes": "'",
    "contractions": "'ll",
    "emoji": "😀",
    "marks": "\u0301",
    "marks, capitals": "\u0301AAAA",
    "han": "漢",
    "kana and symbols": "カ・",
    "unassigned": "\U000e0fff",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    text = sources()
    runs = {kind: of_full_size(unit) for kind, unit in ADVERSARIAL.items()}

    figures: dict[str, object] = {
        "is_surely_nfc": round(speed(lambda: is_surely_nfc(text), turns))
    }
    print(f"{'MB/s':14}{'counted':>9}{'listed':>9}{'tokenizers':>12}{'worst, x':>10}")
    for name in SPLITTERS:
        counted = speed(partial(count_pieces, name, text), turns)
        listed = speed(partial(pieces, name, text), turns)
        baseline = tokenizers_speed(name, text, max(1, turns // 3))
        ratios = {
            kind: round(counted / speed(partial(count_pieces, name, run), turns), 2)
            for kind, run in runs.items()
        }
        worst = max(ratios, key=lambda kind: ratios[kind])
        figures[name] = {
            "counted_mb_per_s": round(counted),
            "listed_mb_per_s": round(listed),
            "tokenizers_mb_per_s": baseline and round(baseline, 1),
            "adversarial_ratios": ratios,
        }
        shown = f"{baseline:12.1f}" if baseline else f"{'-':>12}"
        print(f"{name:14}{counted:9.0f}{listed:9.0f}{shown}{ratios[worst]:10} {worst}")
    print(record("splitter", figures))


def sources() -> str:
    """Return a megabyte of English and code."""
    folder = Path(pensieve.__file__).parent
    files = [folder.parent / "README.md", *sorted(folder.rglob("*.py"))]
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    return of_full_size(text)


def of_full_size(unit: str) -> str:
    """Return as many of them as have NUM_BYTES."""
    encoded = unit.encode()
    whole = encoded * (NUM_BYTES // len(encoded) + 1)
    return whole[:NUM_BYTES].decode(errors="ignore")


def tokenizers_speed(name: str, text: str, turns: int) -> float | None:
    """Return the speed of `tokenizers`; None where its pattern is not at hand."""
    step: pre_tokenizers.PreTokenizer
    if name == "gpt2":
        step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    elif name in GGUF_NAMES:
        pattern = SPLITTINGS[GGUF_NAMES[name]].pattern
        assert pattern is not None
        step = pre_tokenizers.Split(Regex(pattern), "isolated")
    else:
        return None
    return speed(lambda: step.pre_tokenize_str(text), turns)


def speed(call: Callable[[], object], turns: int) -> float:
    """Return MB/s of a call that reads NUM_BYTES, the best of some turns."""
    best = float("inf")
    call()
    for _ in range(turns):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return NUM_BYTES / best / 1e6


if __name__ == "__main__":
    main()
