"""Figures as a server might have them."""

from pensieve.figures.history import EndedRequest, FirstToken, Gaps, RunningRequest
from pensieve.figures.report import CacheTier, Report, ServedModel, Server
from pensieve.figures.totals import Summary
from pensieve.link.memory import MemoryHealth
from pensieve.memory_states import MemoryThresholds


def running(number, model="claude-local"):
    """Return a request that is under way."""
    return RunningRequest(
        id=f"req_{number}",
        model=model,
        kind="live",
        stage="decode",
        age_s=float(number),
        prompt_tokens=1200,
        cached_tokens=1100,
        unread_tokens=0,
        output_tokens=number,
        first_token_s=0.25,
        largest_gap_s=0.1,
        tokens_per_s=31.25,
    )


def ended(number, model="claude-local"):
    """Return a request that has ended."""
    return EndedRequest(
        id=f"req_{number}",
        model=model,
        kind="live",
        status=200,
        outcome="end_turn",
        began_at=1_700_000_000.0 + number,
        took_s=3.5,
        memory_tokens=1000,
        disk_tokens=100,
        computed_tokens=37,
        output_tokens=90,
        first_token_s=0.25,
        largest_gap_s=0.1,
        tokens_per_s=31.25,
        broken_prefix=None,
    )


def report(num_running=1, num_ended=1, model="smollm2", status="ready"):
    """Return a server's figures."""
    return Report(
        at=1_700_000_000.0,
        server=Server(version="1.2.3", uptime_s=7500.0),
        models=[
            ServedModel(
                name=model,
                context_length=8192,
                status=status,
                message="as it is",
                restarts=0,
                engine_memory_bytes=412_000_000,
                running=num_running,
                waiting=2,
                cache=[
                    CacheTier("memory", 12_300_000, 400_000_000, 15),
                    CacheTier("disk", 0, 0, 0),
                ],
            )
        ],
        memory=MemoryHealth(
            state="caution",
            free_bytes=1_900_000_000,
            bound="machine",
            thresholds=MemoryThresholds(),
            mlx_active_bytes=0,
            mlx_peak_bytes=0,
            mlx_cache_bytes=0,
            done="",
        ),
        totals=Summary(
            answered=12,
            client_left=1,
            failed=3,
            memory_tokens=800,
            disk_tokens=50,
            computed_tokens=150,
            sampled_tokens=500,
            first_token_s=0.3,
        ),
        running=[running(number, model) for number in range(num_running)],
        ended=[ended(number, model) for number in range(num_ended)],
        first_tokens=[FirstToken(1.0, each, 37) for each in (0.1, 4.0, 0.25)],
        gaps=[Gaps(1.0, 0.02, 0.1), Gaps(2.0, 0.04, 1.5)],
    )
