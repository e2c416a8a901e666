"""Models that a machine can never hold are refused, in one sentence."""

import msgspec
import pytest
from cli.test_doctor import linux
from models.test_recommending import mac

from pensieve.errors import ModelError
from pensieve.models import fit


@pytest.fixture
def on(monkeypatch):
    """Return what simulates a machine."""
    return lambda machine: monkeypatch.setattr(fit, "read_machine", lambda: machine)


def test_what_cannot_fit_is_refused_with_the_numbers_and_what_would(smollm2_path, on):
    on(linux())
    fit.check_fits(smollm2_path, "smollm2")

    on(linux(memory_bytes=512 << 20))
    with pytest.raises(ModelError, match=r"weights take 538 MB .* 537 MB in all") as e:
        fit.check_fits(smollm2_path, "smollm2")
    assert "pensieve models recommend" in str(e.value)
    assert "\n" not in str(e.value)


def test_on_a_mac_whose_limit_is_too_low_the_command_is_told(smollm2_path, on):
    """On a GPU SmolLM2's weights take some 100 MB, with the processes 400."""
    low = {"wired_limit_mb": 300, "gpu_bytes": 300 << 20}
    on(msgspec.structs.replace(mac(16), **low))

    with pytest.raises(ModelError, match=r"sudo sysctl iogpu.wired_limit_mb=\d+ "):
        fit.check_fits(smollm2_path, "smollm2")
