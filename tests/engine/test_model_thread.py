"""The model's thread, in this process: what it says, and how it breaks."""

from queue import SimpleQueue

import pytest
from engine.engine_process import TIMEOUT_S, engine_spec

from pensieve.engine import blas
from pensieve.engine.model_thread import ModelThread
from pensieve.engine.scheduling.scheduler import Scheduler
from pensieve.errors import ModelError
from pensieve.link.messages import Admitted, Cancel, Finished, SamplingParams, Submit

SUBMIT = Submit(1, [5, 6, 7], 3, [], SamplingParams(seed=0), prompt_size=3)


THREADS = []


class Watched:
    """A model thread and all that it said, in order."""

    def __init__(self, model_path) -> None:
        self.said = SimpleQueue()
        self.thread = ModelThread(
            engine_spec(model_path, "unused"),
            on_state=lambda *state: self.said.put(state),
            on_events=self.said.put,
            on_memory=lambda report: None,
            on_crash=lambda: self.said.put("crashed"),
        )
        self.thread.start()
        THREADS.append(self.thread)

    def hear(self):
        return self.said.get(timeout=TIMEOUT_S)

    def last_state(self) -> tuple[str, ...]:
        while (state := self.hear())[0] == "loading":
            pass
        return state


@pytest.fixture(autouse=True)
def no_preload(monkeypatch):
    """MLX is in this process already, with whatever BLAS it has."""
    monkeypatch.setattr(blas, "preload", lambda: "the BLAS of the tests")


@pytest.fixture(autouse=True)
def ended_threads():
    """End what was started: a thread that wakes while Python goes down aborts it."""
    yield
    while THREADS:
        thread = THREADS.pop()
        thread.commands.put(None)  # no command, so the thread breaks
        thread.join(TIMEOUT_S)


def test_a_ready_model_says_how_it_was_loaded(tiny_llama_path):
    status, message, sampler = Watched(tiny_llama_path).last_state()

    assert status == "ready"
    assert message.startswith("the BLAS of the tests; ")
    assert sampler in ("C++", "Metal", "CUDA")


def test_what_was_asked_for_before_the_model_was_there_is_done(tiny_llama_path):
    watched = Watched(tiny_llama_path)
    watched.thread.commands.put((7, SUBMIT))
    assert watched.last_state()[0] == "ready"

    while not isinstance((events := watched.hear())[7][-1], Finished):
        pass

    assert events[7][-1] == Finished(1, "max_tokens")


def test_sequences_of_a_connection_that_went_are_not_spoken_of(tiny_llama_path):
    watched = Watched(tiny_llama_path)
    watched.thread.commands.put((7, SUBMIT))
    watched.thread.commands.put((7, None))
    watched.thread.commands.put((8, SUBMIT))
    watched.thread.commands.put((8, Cancel(1)))
    watched.thread.commands.put((9, SUBMIT))
    watched.last_state()

    assert list(watched.hear()) == [9]


def test_a_model_error_is_said_in_its_own_words(monkeypatch, tmp_path):
    def refuse(path):
        raise ModelError(f"{path}: expected a model, got nothing")

    monkeypatch.setattr("pensieve.engine.weights.load.load", refuse)

    state = Watched(tmp_path / "m").last_state()

    assert state == ("failed", f"{tmp_path}/m: expected a model, got nothing")


def test_any_other_failure_to_load_is_said_with_its_kind(monkeypatch, tmp_path):
    def break_down(path):
        raise MemoryError("out of memory")

    monkeypatch.setattr("pensieve.engine.weights.load.load", break_down)

    state = Watched(tmp_path / "m").last_state()

    assert state == ("failed", f"{tmp_path}/m: MemoryError: out of memory")


def test_a_step_that_breaks_ends_the_thread_and_it_is_known_whose_it_was(
    tiny_llama_path, monkeypatch
):
    watched = Watched(tiny_llama_path)
    watched.last_state()

    def break_down(scheduler):
        raise RuntimeError("[metal] command buffer failed")

    monkeypatch.setattr(Scheduler, "prefill", break_down)
    watched.thread.commands.put((7, SUBMIT))

    assert watched.hear() == {
        7: [Admitted(SUBMIT.sequence_id, 0, newly_cached_tokens=SUBMIT.prompt_size - 1)]
    }
    assert watched.hear() == "crashed"
    watched.thread.join(TIMEOUT_S)
    assert not watched.thread.is_alive()
