r"""Gaps of a stream while a long prompt is read, and tokens a second of many streams.

Two parts, on the engine's own scheduler in this process, greedy, without prefix cache:

* A stream decodes while a 6k prompt arrives; and one after the other, at the same chunk
  size: each gap of the first against the chunk that was computed in it and two of the
  longest steps of the second; the largest gap against the second's longest chunk, and
  each against its chunk of the same place, both of which the machine's moods move; and
  the total times, in pairs. The chunk is the one that start-up chooses, fixed; once
  more it adapts: how many gaps are over the target.
* 4 and 8 streams: tokens of all streams a second against mlx-lm's BatchGenerator with
  the same prompts, in turn: while all decode, and over the whole run, prefill included.
  Ratios are medians over the rounds. (Over the whole run mlx-lm has the advantage that
  nobody gets a token before all prompts are read: all its steps are of full batches.)

With --cpu-time all times are CPU seconds of the process, for a machine that does other
things, too: on CPU the engine computes in one thread at a time.

Prints a table and, last, one line of JSON.

    python -m pensieve.bench.engine.bench_interleave \
        [--pairs 2] [--rounds 5] [--prompt 6144] [--tokens 200] [--cpu-time]
"""

import argparse
import itertools
import statistics
import time
from typing import NamedTuple

from pensieve.engine.blas import preload

from ..record import record
from ..stream_rates import decode_rate

preload()

import mlx.core as mx  # noqa: E402  (OpenBLAS comes first)
import mlx.nn as nn  # noqa: E402
from mlx_lm.generate import BatchGenerator  # noqa: E402

from pensieve.engine.sampling.best_sampler import best_sampler  # noqa: E402
from pensieve.engine.scheduling.prefill_pace import FixedPace, PrefillPace  # noqa: E402
from pensieve.engine.scheduling.scheduler import Scheduler  # noqa: E402
from pensieve.engine.warm_up import (  # noqa: E402
    logits_form,
    prefill_pace,
    vocab_size,
)
from pensieve.engine.weights.load import load  # noqa: E402
from pensieve.link.messages import (  # noqa: E402
    EngineSpec,
    Event,
    Finished,
    Prefilled,
    Sampled,
    SamplingParams,
    Submit,
)
from pensieve.models import store  # noqa: E402

NUM_STREAMS = (4, 8)
STREAM, LONG = 1, 2
STREAM_PROMPT = 64
PROMPT = 200
GOALS = {
    "largest_gap_over_the_chunk_in_it_and_two_steps": (1.0, "at most"),
    "total_ratio": (1.15, "at most"),
    "decode_ratio": (0.95, "at least"),
}


class Clock:
    """The time that is measured: wall time, or the process's CPU time."""

    now = staticmethod(time.perf_counter)


CLOCK = Clock()


def prompt(size: int, salt: int) -> list[int]:
    return [
        1000 + (7 * i * i + 131 * i * salt + 17 * salt) % 30_000 for i in range(size)
    ]


class Engine:
    """A scheduler whose calls are timed."""

    def __init__(self, model: nn.Module, width: int, pace: PrefillPace) -> None:
        self._scheduler = Scheduler(
            model,
            width,
            best_sampler(*logits_form(model)).sampler,
            lambda *_: None,
            max_batch_size=max(NUM_STREAMS),
            prefill_chunk=pace,
        )
        self.chunks_s: list[float] = []
        self.chunks_of: dict[int, list[float]] = {}
        self.steps_s: list[float] = []
        self.token_times: dict[int, list[float]] = {}
        self.finished: dict[int, float] = {}

    def submit(self, sequence_id: int, token_ids: list[int], max_tokens: int) -> None:
        """Hand a prompt over."""
        sampling = SamplingParams(seed=0, temperature=0)
        size = len(token_ids)
        self._scheduler.submit(
            0, Submit(sequence_id, token_ids, max_tokens, [], sampling, size)
        )

    def step(self) -> None:
        """As the model thread does: tokens first, then a chunk."""
        began = CLOCK.now()
        self._scheduler.decode()
        decoded = CLOCK.now()
        self.steps_s.append(decoded - began)
        self._take(decoded)
        self._scheduler.prefill()
        ended = CLOCK.now()
        self.chunks_s.append(ended - decoded)
        for event in self._take(ended):
            if isinstance(event, Prefilled):
                mine = self.chunks_of.setdefault(event.sequence_id, [])
                mine.append(ended - decoded)

    def run(self) -> None:
        """Go on until nothing is left to do."""
        while self._scheduler.has_work:
            self.step()

    def _take(self, now: float) -> list[Event]:
        events = self._scheduler.take_events().get(0, [])
        for event in events:
            if isinstance(event, Sampled):
                for sequence_id in event.sequence_ids:
                    self.token_times.setdefault(sequence_id, []).append(now)
            elif isinstance(event, Finished):
                self.finished[event.sequence_id] = now
        return events


class Interleaved(NamedTuple):
    """A stream beside a long prompt."""

    total_s: float
    gaps_s: list[float]
    """Between the stream's tokens, while the prompt was read."""
    chunks_s: list[float]
    """What was computed of the prompt in each."""


class Apart(NamedTuple):
    """The stream, then the long prompt."""

    total_s: float
    chunk_s: float
    """The longest."""
    chunks_s: list[float]
    """The long prompt's."""
    step_s: float
    """The longest, which is the long prompt's own."""


def interleaved(engine: Engine, size: int, max_tokens: int) -> Interleaved:
    began = CLOCK.now()
    engine.submit(STREAM, prompt(STREAM_PROMPT, 1), max_tokens)
    while len(engine.token_times.get(STREAM, [])) < 8:
        engine.step()
    arrived = CLOCK.now()
    engine.submit(LONG, prompt(size, 2), 1)
    engine.run()
    first = engine.token_times[LONG][0]
    times = [at for at in engine.token_times[STREAM] if at <= first]
    gaps = [b - a for a, b in itertools.pairwise(times) if b > arrived]
    total_s = CLOCK.now() - began
    return Interleaved(total_s, gaps, engine.chunks_of[LONG])


def one_after_the_other(engine: Engine, size: int, max_tokens: int) -> Apart:
    began = CLOCK.now()
    engine.submit(STREAM, prompt(STREAM_PROMPT, 1), max_tokens)
    engine.run()
    engine.submit(LONG, prompt(size, 2), 1)
    engine.run()
    total_s = CLOCK.now() - began
    chunks_s = engine.chunks_of[LONG]
    return Apart(total_s, max(engine.chunks_s), chunks_s, max(engine.steps_s))


def measure_gaps(
    model: nn.Module, width: int, size: int, pairs: int, target_ms: int
) -> dict[str, object]:
    """Return the figures of the first part, medians over the pairs."""
    spec = EngineSpec("", "", "", 8, prefill_chunk=0, prefill_target_ms=target_ms)
    chosen = prefill_pace(model, spec, width, CLOCK.now)
    chunk = chosen.chunk(0, is_alone=False)
    max_tokens = size // chunk + 16  # it decodes for as long as the prompt is read
    print(f"chunk {chunk}, {max_tokens} tokens beside a prompt of {size}", flush=True)
    rows: list[dict[str, float]] = []
    for i in range(pairs):
        engines = [Engine(model, width, FixedPace(chunk)) for _ in range(2)]
        if i % 2:
            together = interleaved(engines[0], size, max_tokens)
            apart = one_after_the_other(engines[1], size, max_tokens)
        else:
            apart = one_after_the_other(engines[0], size, max_tokens)
            together = interleaved(engines[1], size, max_tokens)
        bound_s = apart.chunk_s + 2 * apart.step_s
        rows.append(
            {
                "together_s": together.total_s,
                "apart_s": apart.total_s,
                "total_ratio": together.total_s / apart.total_s,
                "largest_gap_s": max(together.gaps_s),
                "median_gap_s": statistics.median(together.gaps_s),
                "longest_chunk_s": apart.chunk_s,
                "longest_step_s": apart.step_s,
                "gap_over_chunk_and_two_steps": max(together.gaps_s) / bound_s,
                "largest_gap_over_the_chunk_in_it_and_two_steps": max(
                    gap / (chunk_s + 2 * apart.step_s)
                    for gap, chunk_s in zip(
                        together.gaps_s, together.chunks_s, strict=False
                    )
                ),
                "median_gap_over_its_own_chunk_and_two_steps": statistics.median(
                    gap / (chunk_s + 2 * apart.step_s)
                    for gap, chunk_s in zip(
                        together.gaps_s, apart.chunks_s, strict=False
                    )
                ),
            }
        )
        print(rows[-1], flush=True)
    run = interleaved(Engine(model, width, chosen), size, max_tokens)
    return {
        "prompt_tokens": size,
        "chunk_tokens": chunk,
        **{name: statistics.median(row[name] for row in rows) for name in rows[0]},
        "adapting": {
            "target_s": target_ms / 1000,
            "largest_gap_s": max(run.gaps_s),
            "median_gap_s": statistics.median(run.gaps_s),
            "num_gaps": len(run.gaps_s),
            "num_over_target": sum(gap > target_ms / 1000 for gap in run.gaps_s),
            "total_s": run.total_s,
        },
    }


# ----- Streams -----


class Rates(NamedTuple):
    """Tokens a second, of all streams together."""

    decode: float
    """While all streams do."""
    whole: float
    """From the prompts on."""


def rates(began: float, token_times: list[list[float]]) -> Rates:
    every = [at for times in token_times for at in times]
    return Rates(decode_rate(token_times), len(every) / (max(every) - began))


def engine_rates(engine: Engine, prompts: list[list[int]], max_tokens: int) -> Rates:
    began = CLOCK.now()
    for i, token_ids in enumerate(prompts):
        engine.submit(i, token_ids, max_tokens)
    engine.run()
    return rates(began, [*engine.token_times.values()])


def mlx_lm_rates(model: nn.Module, prompts: list[list[int]], max_tokens: int) -> Rates:
    began = CLOCK.now()
    generator = BatchGenerator(model, max_tokens=max_tokens)
    times: dict[int, list[float]] = {uid: [] for uid in generator.insert(prompts)}
    running = {*times}
    while running:
        for response in generator.next_generated():
            times[response.uid].append(CLOCK.now())
            if response.finish_reason is not None:
                running.discard(response.uid)
    generator.close()
    return rates(began, [*times.values()])


def measure_streams(
    model: nn.Module, width: int, pace: PrefillPace, rounds: int, max_tokens: int
) -> dict[str, object]:
    """Return the figures of the second part."""
    figures: dict[str, object] = {}
    for num_streams in NUM_STREAMS if rounds else ():
        prompts = [prompt(PROMPT + i, i + 1) for i in range(num_streams)]
        ours, theirs = [], []
        for i in range(rounds):
            for is_ours in ((True, False), (False, True))[i % 2]:
                if is_ours:
                    engine = Engine(model, width, pace)
                    ours.append(engine_rates(engine, prompts, max_tokens))
                else:
                    theirs.append(mlx_lm_rates(model, prompts, max_tokens))
                mx.clear_cache()
        pairs = [*zip(ours, theirs, strict=True)]
        figures[f"streams_{num_streams}"] = {
            "prompt_tokens": PROMPT,
            "answer_tokens": max_tokens,
            "decode_tokens_per_s": statistics.median(each.decode for each in ours),
            "mlx_lm_decode_tokens_per_s": statistics.median(
                each.decode for each in theirs
            ),
            "decode_ratio": statistics.median(a.decode / b.decode for a, b in pairs),
            "whole_tokens_per_s": statistics.median(each.whole for each in ours),
            "mlx_lm_whole_tokens_per_s": statistics.median(
                each.whole for each in theirs
            ),
            "whole_ratio": statistics.median(a.whole / b.whole for a, b in pairs),
        }
    return figures


def show(figures: dict[str, object], indent: str = "") -> None:
    """Print figures, and whether those with a goal meet it."""
    for name, value in figures.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
            continue
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        print(f"{indent}{name:30} {text}")
        if name in GOALS and isinstance(value, float):
            goal, word = GOALS[name]
            is_met = value <= goal if word == "at most" else value >= goal
            print(f"{indent}{'met' if is_met else 'NOT MET'} {word} {goal}")


def main() -> None:
    """Measure, and print the table, the goals and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=6144)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--target-ms", type=int, default=1000)
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()

    if options.cpu_time:
        CLOCK.now = time.process_time
    path = store.resolve(options.model)
    model = load(path).model
    width = vocab_size(model)
    spec = EngineSpec(
        "", "", "", 8, prefill_chunk=0, prefill_target_ms=options.target_ms
    )
    pace = prefill_pace(model, spec, width, CLOCK.now)
    engine_rates(Engine(model, width, pace), [prompt(PROMPT, 1)] * 2, 4)  # to warm up
    mlx_lm_rates(model, [prompt(PROMPT, 1)] * 2, 4)
    clock = "CPU seconds of the process" if options.cpu_time else "seconds"
    figures: dict[str, object] = {"model": path.stem, "times": clock}
    figures |= measure_streams(model, width, pace, options.rounds, options.tokens)
    show(figures)
    if options.pairs:
        beside = measure_gaps(
            model, width, options.prompt, options.pairs, options.target_ms
        )
        show({"beside_a_long_prompt": beside})
        figures["beside_a_long_prompt"] = beside
    print(record("interleave", figures))


if __name__ == "__main__":
    main()
