"""A machine's memory, as a test wants it, and a scheduler that is watched over."""

from engine.tiny_models import VOCAB_SIZE
from mlx_lm.models.cache import make_prompt_cache

from pensieve.engine.memory.room import MemoryRoom
from pensieve.engine.memory_guard import MemoryGuard
from pensieve.engine.prefix_cache.prefix_cache import PrefixCache
from pensieve.engine.prefix_cache.snapshots import Layout
from pensieve.engine.sampling.operations import draw_by_operations
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.link.messages import SamplingParams, Submit
from pensieve.machine_memory import Reading, RecentReading
from pensieve.memory_states import MemoryThresholds

MB = 1 << 20
THRESHOLDS = MemoryThresholds(2000 * MB, 1250 * MB, 1000 * MB, 500 * MB)
GREEDY = SamplingParams(seed=0, temperature=0)


def no_grammars(*_):
    raise AssertionError("nothing here has a grammar")


class Machine:
    """What a reading of memory and a clock say."""

    def __init__(self, free_bytes=10_000 * MB):
        self.free_bytes = free_bytes
        self.now = 1000.0
        self.num_readings = 0

    def read(self):
        self.num_readings += 1
        return Reading(self.free_bytes, "machine")

    def clock(self):
        return self.now


class Watched:
    """A scheduler over a tiny model, its prefix cache and its guard."""

    def __init__(self, model, need=None, budget_bytes=64 * MB, **changes):
        self.machine = Machine()
        layout = Layout(make_prompt_cache(model))
        self.prefixes = PrefixCache(layout, budget_bytes, run_size=16)
        reading = RecentReading(lambda: self.machine.read(), self.machine.clock)
        reserve = THRESHOLDS.emergency_bytes
        self.room = MemoryRoom(
            self.prefixes, need, reserve, reading, self.machine.clock
        )
        limits = {"max_batch_size": 8, "prefill_chunk": 16} | changes
        self.scheduler = Scheduler(
            model,
            VOCAB_SIZE,
            draw_by_operations,
            no_grammars,
            prefixes=self.prefixes,
            room=self.room,
            **limits,
        )
        self.reports = []
        self.guard = MemoryGuard(
            THRESHOLDS, self.scheduler, self.reports.append, self.machine.clock
        )
        self.events = []

    def submit(self, sequence_id, size=20, max_tokens=400, num_sampled=0):
        """Ask for an answer; of a sequence that has begun, the rest."""
        token_ids = prompt(size + num_sampled, sequence_id)
        self.scheduler.submit(
            0, Submit(sequence_id, token_ids, max_tokens, [], GREEDY, size)
        )

    def look(self, free_mb, after_s=1.0):
        """Let memory be what it is, and the guard see it."""
        self.machine.free_bytes = int(free_mb * MB)
        self.machine.now += after_s
        self.guard.look()

    def step(self, times=1):
        for _ in range(times):
            self.scheduler.decode()
            self.scheduler.prefill()
        self.events += self.scheduler.take_events().get(0, [])

    def finish(self):
        while self.scheduler.has_work:
            self.step()

    def of_type(self, kind):
        self.events += self.scheduler.take_events().get(0, [])
        return [event for event in self.events if isinstance(event, kind)]

    def ids(self, kind):
        return [event.sequence_id for event in self.of_type(kind)]


def prompt(size, salt=0):
    return [(7 * i + 13 * salt + 5) % VOCAB_SIZE for i in range(size)]
