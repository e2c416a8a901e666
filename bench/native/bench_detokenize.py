"""Nanoseconds that a token's text takes, native and by the tokenizer's own decode.

Each answer's tokens one by one, as they come from the engine; the least of `--rounds`
for both in turn. Needs `pensieve pull smollm2`, or another model by name or path.
Prints one line of each and, last, one of JSON.

    python -m pensieve.bench.native.bench_detokenize [--model smollm2] [--rounds 20]
"""

import argparse
import time

from pensieve.models import files, store
from pensieve.output.decoded_text import DecodedText
from pensieve.output.detokenizer import Detokenizer, Detokenizers
from pensieve.prompt.tokenizer import open_backend

from ..record import record

TEXT = (
    "The harbour was quiet; \u6e2f\u53e3\u5f88\u5b89\u9759\u3002 def read(self, key):"
    "\n    return self._texts.get(key)  # \U0001f680 na\u00efve\n"
) * 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    path = store.resolve(arguments.model)
    backend = open_backend(files.describe(path, arguments.model))
    token_ids = backend.encode(TEXT, add_special_tokens=False).ids
    begun = time.perf_counter()
    makers = Detokenizers(backend, ())
    figures: dict[str, object] = {
        "tokens": len(token_ids),
        "table_ms": round(1000 * (time.perf_counter() - begun), 3),
        "first_answer_ns": round(token_ns(makers.begin(), token_ids)),
    }
    native, decoded = float("inf"), float("inf")
    for _ in range(arguments.rounds):
        native = min(native, token_ns(makers.begin(), token_ids))
        decoded = min(decoded, token_ns(DecodedText(backend, ()), token_ids))
    figures |= {"native_ns": round(native), "decoded_ns": round(decoded)}
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):20}{value:>10}")
    print(record("detokenize", {"model": arguments.model, **figures}))


def token_ns(detokenizer: Detokenizer, token_ids: list[int]) -> float:
    """Return the time of a token."""
    begun = time.perf_counter()
    for token_id in token_ids:
        detokenizer.feed([token_id])
    return 1e9 * (time.perf_counter() - begun) / len(token_ids)


if __name__ == "__main__":
    main()
