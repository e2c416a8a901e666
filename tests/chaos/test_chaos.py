"""A real server in the hands of monkeys: what it accepts it answers, as ever.

What is done to it: the engine is killed, paused, stopped for good; its socket is cut
(`cutting.py`); its cache cannot be written, is full, is damaged. What is asked of it:
streams, whole answers, tool calls, by clients that leave in the middle and come again.

What ends each wait is in `pensieve/link/supervisor.py`; here no request may take longer
than BOUND_S. `make chaos` takes ten minutes; a printed seed repeats what was chosen.
"""

import json
import time

import pytest
from chaos.cache_dir import CacheDir
from chaos.clients import ask_all, crowd
from chaos.duration import BOUND_S, CHAOS_S, SEED, dice
from chaos.leaks import holdings, remaining_leaks, wait_for_calm
from chaos.margins import is_close
from chaos.monkeys import Monkeys
from chaos.questions import OF_SMOLLM2, OF_TINY
from serve.real_server import RealServer

from pensieve.config.fields import FIELDS
from pensieve.link.messages import SamplingParams
from pensieve.models.files import describe
from pensieve.prompt.builder import PromptBuilder
from pensieve.schema.bodies import decode_request

pytestmark = [pytest.mark.slow, pytest.mark.patient]

NUM_CLIENTS = 6
SHARE = 0.35
"""Of the time, for each of the two models; the rest is for seeded sampling."""
SILENCE_S = 8.0
DISK = {"prefix_disk_bytes": 2 << 20} if "prefix_disk_bytes" in FIELDS else {}


def never(name, wanted, got):
    return False


class Rounding:
    """Whether two texts differ by nothing but a close choice of the model's."""

    def __init__(self, model_path, questions) -> None:
        self._path = model_path
        self._questions = questions
        self._prompts = PromptBuilder.open(describe(model_path))

    def __call__(self, name, wanted, got) -> bool:
        if [each["type"] for each in (*wanted, *got)] != ["text", "text"]:
            return False
        request = decode_request(json.dumps(self._questions[name]).encode())
        prompt = self._prompts.build(request).token_ids
        texts = (wanted[0]["text"], got[0]["text"])
        # As they were sampled, unless the model wrote a word in an unusual way.
        ids = [self._prompts.tokenizer.encode(text, is_start=False) for text in texts]
        greedy = SamplingParams(seed=0, temperature=0)
        return is_close(self._path, prompt, *ids, greedy)


def test_a_model_that_calls_tools_answers_as_ever(
    tiny_model_path, tmp_path, monkeypatch
):
    chaos("tools", tiny_model_path, OF_TINY, never, tmp_path, monkeypatch)


def test_a_model_that_writes_texts_answers_as_ever(smollm2_path, tmp_path, monkeypatch):
    rounding = Rounding(smollm2_path, OF_SMOLLM2)
    chaos("texts", smollm2_path, OF_SMOLLM2, rounding, tmp_path, monkeypatch)


def chaos(what, model_path, questions, may_differ, home, monkeypatch):
    """Ask, disturbed and not, and compare what came and what is left."""
    temporary = home / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with (
        CacheDir(home) as cache,
        RealServer(
            home, model_path, engine_silence_s=SILENCE_S, log_level="debug", **DISK
        ) as server,
    ):
        undisturbed = ask_all(server.base_url, questions)
        wait_for_calm(server)
        before = holdings(server, home, temporary)
        monkeys = Monkeys(
            dice(what),
            str(server.socket_path),
            server.engine_pids,
            lambda: server.health()["status"] == "ready",
            server.worker_pid,
            cache,
        )
        with monkeys:
            arguments = (questions, undisturbed, may_differ)
            clients = crowd(NUM_CLIENTS, SEED, server.base_url, *arguments)
            time.sleep(CHAOS_S * SHARE)
            for client in clients:
                client.stop()
        for client in clients:
            client.join(2 * BOUND_S)  # one that left asks again
            assert not client.is_alive(), "a client waits for ever"

        report(what, clients, server)
        assert not [each for client in clients for each in client.failures]
        assert sum(client.num_answers for client in clients) > 0
        assert monkeys.done.total() > 0
        left = remaining_leaks(before, server, home, temporary)
        print(f"chaos: {what}: leaks: {left}")
        assert not left
        assert "Traceback" not in server.log
        assert ask_all(server.base_url, questions).keys() == undisturbed.keys()


def report(what, clients, server):
    engine = server.health()["engine"]
    print(
        f"chaos: {what}: {sum(each.num_answers for each in clients)} answers,"
        f" {sum(each.num_left for each in clients)} left in the middle, the longest"
        f" {max(each.longest_s for each in clients):.1f} s;"
        f" {engine['restarts']} restarts, last end: {engine['last_end']}"
    )
    for client in clients:
        for failure in client.failures:
            print(f"chaos: FAILED {failure}")
