"""GET /metrics: the server's figures, as Prometheus reads them.

All is counted elsewhere; here it is named. The registry is the resource's own.
"""

import platform
from collections.abc import Iterable, Iterator
from typing import get_args

from falcon.asgi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pensieve import __version__
from pensieve.api.service import Service
from pensieve.figures.buckets import Buckets
from pensieve.figures.totals import Totals
from pensieve.hosting.hosted_models import HostedModels
from pensieve.link.client import EngineHealth
from pensieve.link.memory import MemoryHealth
from pensieve.link.supervisor import Status
from pensieve.memory_states import MemoryState


class Metrics:
    """Answers with all figures of now.

    Args:
        is_public: whether no key is needed. The figures tell how much the server does,
            and nothing of what.
    """

    def __init__(self, service: Service, is_public: bool) -> None:
        self.is_public = is_public
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(service))

    async def on_get(self, req: Request, resp: Response) -> None:
        """Answer in Prometheus's text format."""
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest(self._registry)


class _Figures(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterable[Metric]:
        return []  # else registering would collect

    def collect(self) -> Iterator[Metric]:
        service = self._service
        yield _info("build", "What runs here.", _build())
        main = service.models.main
        yield _info("model", "The main model that is served.", {"name": main.name})
        yield _gauge("uptime_seconds", "Time since the start.", service.uptime_s)
        yield from _of_engine(main.engine.health())
        yield from _of_models(service.models)
        yield from _of_memory(main.engine.memory())
        yield from _of_requests(service.totals)


# ----- The main model's engine: each figure of its health has its line here -----


def _of_engine(engine: EngineHealth) -> Iterator[Metric]:
    yield _one_of(
        "engine_status", "How the engine is.", get_args(Status), engine.status
    )
    yield _gauge(
        "engine_memory_bytes", "Resident memory of the engine.", engine.memory_bytes
    )
    yield _counter(
        "engine_restarts", "Engines that were started anew.", engine.restarts
    )
    now = GaugeMetricFamily(
        "pensieve_requests", "Requests that are under way.", labels=["state"]
    )
    now.add_metric(["running"], engine.active)
    now.add_metric(["waiting"], engine.queued)
    yield now
    yield _gauge(
        "unread_tokens",
        "Prompt tokens of running requests, not yet prefilled.",
        engine.unread_tokens,
    )
    yield from _of_cache(engine.cache)


def _of_cache(cache: dict[str, int]) -> Iterator[Metric]:
    """Yield the prefix cache's sizes, once the engine has told them."""
    for name, about in (
        ("bytes", "What past prompts computed, as far as it is kept."),
        ("budget_bytes", "What may be kept of it."),
    ):
        family = GaugeMetricFamily(
            f"pensieve_prefix_cache_{name}", about, labels=["tier"]
        )
        for tier in ("memory", "disk"):
            if f"{tier}_{name}" in cache:
                family.add_metric([tier], cache[f"{tier}_{name}"])
        yield family


def _of_models(models: HostedModels) -> Iterator[Metric]:
    """Yield of each model's engine what of the main one's is worth watching."""
    status = GaugeMetricFamily(
        "pensieve_model_engine_status",
        "How each model's engine is.",
        labels=["model", "state"],
    )
    memory = GaugeMetricFamily(
        "pensieve_model_engine_memory_bytes",
        "Resident memory of each model's engine once it is ready.",
        labels=["model"],
    )
    requests = GaugeMetricFamily(
        "pensieve_model_requests",
        "Requests that are under way, by model.",
        labels=["model", "state"],
    )
    for model in models:
        engine = model.engine.health()
        for state in get_args(Status):
            status.add_metric([model.name, state], state == engine.status)
        memory.add_metric([model.name], engine.memory_bytes)
        requests.add_metric([model.name, "running"], engine.active)
        requests.add_metric([model.name, "waiting"], engine.queued)
    yield from (status, memory, requests)


def _of_memory(memory: MemoryHealth) -> Iterator[Metric]:
    states = [state.label for state in MemoryState]
    yield _one_of("memory_state", "How short memory is.", states, memory.state)
    yield _gauge(
        "memory_free_bytes",
        "What the machine, its limits and the GPU can still give.",
        memory.free_bytes,
    )


# ----- Requests -----


def _of_requests(totals: Totals) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "pensieve_requests_ended",
        "Messages that were asked for: by stop reason, error type, or client_left.",
        labels=["outcome", "kind"],
    )
    for outcome, count in totals.outcomes.items():
        ended.add_metric(outcome, count)
    yield ended
    tokens = CounterMetricFamily(
        "pensieve_prompt_tokens",
        "Prompt tokens, by where they came from: the prefix cache or the model.",
        labels=["source"],
    )
    tokens.add_metric(["memory"], totals.memory_tokens)
    tokens.add_metric(["disk"], totals.disk_tokens)
    tokens.add_metric(["computed"], totals.computed_tokens)
    yield tokens
    yield _counter(
        "prefilled_tokens",
        "Prompt tokens computed, of prompts that were complete.",
        totals.prefilled_tokens,
    )
    yield _counter(
        "sampled_tokens", "Tokens that were generated.", totals.sampled_tokens
    )
    yield _histogram(
        "queue_seconds",
        "From a prompt's submission until the engine begins with it.",
        totals.queue_s,
    )
    yield _histogram(
        "time_to_first_token_seconds",
        "From a request's arrival to its first token.",
        totals.first_token_s,
    )
    yield _histogram(
        "inter_token_seconds", "Between two tokens of an answer.", totals.gap_s
    )
    yield _histogram(
        "request_prefill_tokens_per_second",
        "Of one prompt, beside what else was computed.",
        totals.prefill_rate,
    )
    yield _histogram(
        "request_decode_tokens_per_second",
        "Of one answer, behind its first token.",
        totals.decode_rate,
    )


# ----- Forms -----


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pensieve_{name}", about, value)


def _one_of(name: str, about: str, states: Iterable[str], now: str) -> Metric:
    """Return a gauge for each state, of which the one of now is 1 and others 0."""
    family = GaugeMetricFamily(f"pensieve_{name}", about, labels=["state"])
    for state in states:
        family.add_metric([state], state == now)
    return family


def _counter(name: str, about: str, value: float) -> Metric:
    """Return a counter, whose sample is called `…_total`."""
    return CounterMetricFamily(f"pensieve_{name}", about, value)


def _histogram(name: str, about: str, buckets: Buckets) -> Metric:
    bounds = [(f"{bound:g}", float(count)) for bound, count in buckets.cumulative()]
    bounds[-1] = ("+Inf", bounds[-1][1])
    return HistogramMetricFamily(f"pensieve_{name}", about, bounds, buckets.total)


def _info(name: str, about: str, labels: dict[str, str]) -> Metric:
    """Return a gauge of 1, called `…_info`."""
    return InfoMetricFamily(f"pensieve_{name}", about, labels)


def _build() -> dict[str, str]:
    return {"version": __version__, "python": platform.python_version()}
