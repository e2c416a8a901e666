"""Keys as settings write them, and which are too weak."""

import pytest

from pensieve.config.load import load_settings
from pensieve.errors import ConfigError
from pensieve.keys import LOCAL_TOKEN, named_keys, refusal

GOOD = "dNtb1oQ4m7w-Zk2xvYp9R3sL"
OTHER = "Zk2xvYp9R3sLdNtb1oQ4m7w="


def test_keys_have_names():
    assert named_keys(None, None) == {}
    assert named_keys(GOOD, None) == {"api_key": GOOD}
    assert named_keys(GOOD, f"ci={OTHER}, my-laptop=x ,") == {
        "api_key": GOOD,
        "ci": OTHER,
        "my-laptop": "x",
    }


@pytest.mark.parametrize(
    ("api_key", "more", "why"),
    [
        (None, f"ci={OTHER}", "expected an api_key beside them"),
        (GOOD, OTHER[:-1], "in entry 1"),
        (GOOD, f"ci={OTHER},=x", "in entry 2"),
        (GOOD, "ci=", "in entry 1"),
        (GOOD, f"a b={OTHER}", "in entry 1"),
        (GOOD, f"{'n' * 33}={OTHER}", "in entry 1"),
        (GOOD, f"ci={OTHER},ci=x", "got ci twice"),
        (GOOD, f"api_key={OTHER}", "got api_key twice"),
        (GOOD, f"ci={GOOD}", "got another's again for ci"),
    ],
)
def test_what_is_wrong_is_told_without_a_key_in_it(api_key, more, why):
    refused = refusal(api_key, more, None)

    assert refused.setting == "more_api_keys"
    assert why in refused.why
    assert GOOD not in refused.why
    assert OTHER[:-1] not in refused.why


@pytest.mark.parametrize("weak", ["short", LOCAL_TOKEN, "abcabcabc" * 9])
def test_beyond_loopback_every_key_must_be_strong(weak):
    assert refusal(GOOD, f"ci={weak}", None) is None
    refused = refusal(GOOD, f"ci={weak}", "0.0.0.0")

    assert refused.setting == "more_api_keys"
    assert "more_api_keys: ci: other machines can reach 0.0.0.0" in refused.why
    assert weak == LOCAL_TOKEN or weak not in refused.why


def test_every_key_must_fit_a_header():
    assert "more_api_keys: ci" in refusal(GOOD, "ci=naïve", None).why


def test_the_settings_refuse_them(monkeypatch):
    monkeypatch.setenv("PENSIEVE_MORE_API_KEYS", f"ci={OTHER}")

    with pytest.raises(ConfigError, match=r"^PENSIEVE_MORE_API_KEYS: more_api_keys: "):
        load_settings()
    monkeypatch.setenv("PENSIEVE_API_KEY", GOOD)
    assert load_settings().settings.keys == {"api_key": GOOD, "ci": OTHER}
