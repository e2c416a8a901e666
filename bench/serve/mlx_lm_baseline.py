"""mlx-lm's own loops on the weights and BLAS that Pensieve's engine uses.

A process that loads a model once, then answers each line of JSON on standard input,
`{"prompts": [[token_id, …], …], "max_tokens": n}`, with the seconds after it at which
each token of each stream came, `{"token_times_s": [[…], …]}`. One prompt runs
`stream_generate`, several run one `BatchGenerator`. Greedy.

    python -m pensieve.bench.serve.mlx_lm_baseline MODEL.gguf
"""

import json
import sys
import time
from pathlib import Path

from pensieve.engine import blas

blas.preload()

from mlx_lm.generate import (  # noqa: E402  (after BLAS)
    BatchGenerator,
    stream_generate,
)
from mlx_lm.tokenizer_utils import TokenizerWrapper  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.models.files import describe  # noqa: E402
from pensieve.prompt.builder import PromptBuilder  # noqa: E402


class Baseline:
    """The model, ready to be timed."""

    def __init__(self, path: Path) -> None:
        description = describe(path)
        self._model = load(path).model
        fast = PreTrainedTokenizerFast(
            tokenizer_object=PromptBuilder.open(description).tokenizer.backend
        )
        self._end_token_ids = set(description.end_token_ids)
        self._tokenizer = TokenizerWrapper(fast, eos_token_ids=self._end_token_ids)

    def token_times(
        self, prompts: list[list[int]], max_tokens: int
    ) -> list[list[float]]:
        """Return, for each prompt, the seconds until each of its tokens."""
        if len(prompts) == 1:
            return [self._one(prompts[0], max_tokens)]
        return self._batch(prompts, max_tokens)

    def _one(self, prompt: list[int], max_tokens: int) -> list[float]:
        began = time.perf_counter()
        responses = stream_generate(
            self._model, self._tokenizer, prompt, max_tokens=max_tokens
        )
        # The last response repeats the last token when an end token came.
        return [
            time.perf_counter() - began
            for response in responses
            if response.token not in self._end_token_ids
        ]

    def _batch(self, prompts: list[list[int]], max_tokens: int) -> list[list[float]]:
        began = time.perf_counter()
        generator = BatchGenerator(
            self._model,
            max_tokens=max_tokens,
            stop_tokens=[[token_id] for token_id in self._end_token_ids],
        )
        uids = generator.insert(prompts)
        times: dict[int, list[float]] = {uid: [] for uid in uids}
        running = set(uids)
        while running:
            for response in generator.next_generated():
                if response.token not in self._end_token_ids:
                    times[response.uid].append(time.perf_counter() - began)
                if response.finish_reason is not None:
                    running.discard(response.uid)
        generator.close()
        return [times[uid] for uid in uids]


def main() -> None:
    """Answer requests until standard input ends."""
    baseline = Baseline(Path(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        times = baseline.token_times(request["prompts"], request["max_tokens"])
        print(json.dumps({"token_times_s": times}), flush=True)


if __name__ == "__main__":
    main()
