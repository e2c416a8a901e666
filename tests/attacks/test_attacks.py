"""Attacks on the HTTP side: each gets the right status and costs others little.

While each goes on, a good client gets its right answers, on new connections, in its
usual time, and the memory of the process that is attacked stays bounded. The engine is
a script: it has no part in this. `make attacks` has the attacks at full size.
"""

import pytest
from attacks import requests
from attacks.good_client import Attack, Watched, beside
from serve.gunicorn_server import GunicornServer

pytestmark = pytest.mark.slow

OWN_KEY = "q7V-secret-Tn2xvYp9R3sLdNtb1oQ4m7w"
SLACK = 40
"""A good client's time during an attack, of its usual: what is tested is that it is
answered. The attacker takes its share of the machine, which no server can help."""
LEAST_S = 0.02
"""Times below it are taken as it."""

GROWN_BYTES = 192 << 20
"""What the HTTP process may grow by in any attack: six of the largest bodies. One of
them is in memory twice while its pieces are joined."""

IDLE_BYTES = 32 << 10
"""What one connection may take that says nothing."""

ATTACKS = {
    # name: statuses that may come, size in `make test`, size in `make attacks`
    "rebinding": ({"403"}, 1, 4),
    "cross_origin": ({"403"}, 1, 4),
    "idle": ({"408", "503"}, 1000, 10_000),
    "slow_heads": ({"408", "503"}, 300, 1000),
    "slow_bodies": ({"408", "503"}, 300, 1000),
    "large_bodies": ({"413"}, 1, 4),
    "large_chunked_bodies": ({"413"}, 1, 4),
    "deep_json": ({"400"}, 1, 4),
    "header_floods": ({"431"}, 1, 4),
    "path_tricks": ({"400", "404", "414"}, 1, 4),
    "key_guesses": ({"401"}, 1, 4),
}
SETTINGS = {"header_timeout_s": 2, "body_timeout_s": 4, "max_connections": 128}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with GunicornServer(tmp_path_factory.mktemp("attacked"), **SETTINGS) as server:
        yield server


@pytest.fixture
def roomy(tmp_path):
    """Return a server that keeps all connections, for as long as they are opened."""
    settings = {"header_timeout_s": 20, "max_connections": 12_000}
    with GunicornServer(tmp_path, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """Return a server with a key of its own."""
    home = tmp_path_factory.mktemp("locked")
    with GunicornServer(home, api_key=OWN_KEY, **SETTINGS) as server:
        yield server


def run(server, name, size, count, grown_bytes=GROWN_BYTES):
    statuses, *_ = ATTACKS[name]
    is_crowd = name in {"idle", "slow_heads", "slow_bodies"}
    key = OWN_KEY if name == "key_guesses" else requests.KEY
    good = requests.ask(key=key)
    attack = Attack(name, server.port, size)
    worker = server.worker_pid()
    with Watched(worker) as memory:
        during, usual = beside(server, good, attack, count)

    print(
        f"\n{name}: size {attack.size}, {attack.statuses};"
        f" {during / usual:.1f} times the usual {1000 * usual:.1f} ms;"
        f" {memory.grown_bytes / (1 << 20):.0f} MB grown"
    )
    cut = attack.statuses.pop("closed", 0)
    told = sum(attack.statuses.values())
    assert set(attack.statuses) <= statuses
    assert cut + told >= min(size, attack.size)
    # Where many more leave than there are places, some are cut off without a word.
    assert cut == 0 or (is_crowd and cut < told)
    assert during < SLACK * max(usual, LEAST_S)
    assert memory.grown_bytes < grown_bytes
    assert server.worker_pid() == worker  # the one of before
    assert requests.SECRET not in server.log
    assert OWN_KEY not in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_others_are_answered(name, request):
    server = request.getfixturevalue("locked" if name == "key_guesses" else "server")

    run(server, name, ATTACKS[name][1], count=10)


@pytest.mark.patient
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_at_full_size_is_refused_and_others_are_answered(name, request):
    server = request.getfixturevalue("locked" if name == "key_guesses" else "server")

    run(server, name, ATTACKS[name][2], count=100)


@pytest.mark.patient
def test_ten_thousand_idle_connections_may_be_kept(roomy):
    run(roomy, "idle", 10_000, count=100, grown_bytes=10_000 * IDLE_BYTES)
