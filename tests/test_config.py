"""Settings: where they come from, and what is refused."""

import msgspec
import pytest

from pensieve import places
from pensieve.config.fields import FIELDS, description
from pensieve.config.load import load_settings
from pensieve.config.schema import Settings
from pensieve.config.written import expected
from pensieve.errors import ConfigError
from pensieve.keys import LOCAL_TOKEN
from pensieve.memory_states import MemoryThresholds

GOOD_KEY = "dNtb1oQ4m7w-Zk2xvYp9R3sL"


@pytest.fixture
def config_file(own_home):
    """Return what writes the settings file."""

    def write(text):
        places.config_file().write_text(text, encoding="utf-8")
        return places.config_file()

    return write


def test_without_any_setting_the_defaults_hold():
    loaded = load_settings()

    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}
    assert (loaded.settings.host, loaded.settings.port) == ("127.0.0.1", 7777)


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(
    config_file, monkeypatch
):
    file = config_file(
        "[engine]\nmax_batch_size = 2\n\n[server]\nport = 1001\nqueue_size = 11\n"
    )
    monkeypatch.setenv("PENSIEVE_PORT", "1002")
    monkeypatch.setenv("PENSIEVE_MAX_BATCH_SIZE", "3")

    settings, sources = msgspec.structs.astuple(load_settings({"port": 1003}))

    assert settings == Settings(port=1003, max_batch_size=3, queue_size=11)
    assert sources["port"] == "--port"
    assert sources["max_batch_size"] == "PENSIEVE_MAX_BATCH_SIZE"
    assert sources["queue_size"] == f"{file}:6"
    assert sources["model"] == "default"


def test_a_flag_not_given_and_an_empty_variable_set_nothing(monkeypatch):
    monkeypatch.setenv("PENSIEVE_MODEL", "")

    assert load_settings({"port": None}).settings == Settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[server]\nprot = 1",
            ":2: expected a setting of [server], got prot; did you mean port?",
        ),
        ("\n[sever]\nport = 1", ":2: expected a section, got sever; did you mean ser"),
        (
            "\nport = 1",
            ":2: expected a section, got port; it belongs into [server], as port",
        ),
        (
            "[model]\nname = 'a'\nlog_level = 'info'",
            ":3: expected a setting of [model], got log_level; it belongs into"
            " [logging], as level",
        ),
        (
            "[server]\nlog_level = 'info'\n[logging]",
            ":2: expected a setting of [server], got log_level; it belongs into",
        ),
        ("server = 1", ":1: server: expected a section, got 1"),
        (
            "[server]\n\nport = '1'",
            ":3: server.port: expected a whole number from 1 to 65535, got '1'",
        ),
        (
            "[engine]\nmax_batch_size = 4\n[server]\nport = 70000",
            ":4: server.port: expected a whole number from 1 to 65535, got 70000",
        ),
        ("server.port = true", ":1: server.port: expected a whole number from 1 to"),
        ("server = {port = 0}", ":1: server.port: expected a whole number from 1 to"),
        (
            "[server]\nheader_timeout_s = 0",
            "expected a number above 0 to 3600, got 0",
        ),
        (
            "[logging]\nlevel = 'loud'",
            ":2: logging.level: expected one of debug, info, warning, error, got 'lo",
        ),
        (
            "[server]\napi_key = 5",
            "server.api_key: expected text, not empty, got something else",
        ),
        (
            "[server]\nhost = ['a', 'b']",
            ":2: server.host: expected text, not empty, got ['a', 'b']",
        ),
        (
            "[server]\nallowed_hosts = ['a', 5]",
            ":2: server.allowed_hosts: expected text, not empty, got ['a', 5]",
        ),
        ("[server]\nworkers = 4", "workers cannot be set: there is one HTTP worker"),
        ("[server]\nport = \n", "expected TOML, got: Invalid value (at line 2"),
    ],
)
def test_what_the_file_has_wrong_is_told_with_its_line(config_file, text, message):
    file = config_file(text)

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert str(raised.value).startswith(str(file))
    assert message in str(raised.value)


def test_a_file_may_have_an_array_where_a_setting_takes_commas(config_file):
    config_file("[server]\nallowed_hosts = ['a.local', 'b.local']\n")

    assert load_settings().settings.allowed_hosts == "a.local, b.local"


JSON_FILE = """\
{
  "server": {
    "host": "127.0.0.1", "port": 8080
  },
  "model": {"path": "/models/some.gguf"},
  "logging": {"level": "debug"},
  "cache": {
    "disk_bytes": null
  }
}
"""


def test_json_of_the_same_sections_is_taken_too(own_home):
    file = own_home / "config.json"
    file.write_text(JSON_FILE)

    settings, sources = msgspec.structs.astuple(load_settings())

    assert settings == Settings(port=8080, model="/models/some.gguf", log_level="debug")
    assert sources["port"] == f"{file}:3"
    assert sources["model"] == f"{file}:5"
    assert sources["log_level"] == f"{file}:6"
    assert sources["prefix_disk_bytes"] == "default"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8080", "'8080'", ": expected JSON, got: Expecting value (at line 3, column"),
        ("8080", '"8080"', ":3: server.port: expected a whole number from 1 to 65535"),
        ('"level"', '"levle"', ":6: expected a setting of [logging], got levle; did"),
        ('"port"', '"host"', ": expected JSON, got: host twice in one object"),
        (JSON_FILE, "[]", ":1: expected an object of sections, got list"),
        (JSON_FILE, "[" * 100_000, ": expected JSON, got: "),
    ],
)
def test_what_json_has_wrong_is_told_with_its_line(own_home, old, new, message):
    file = own_home / "config.json"
    file.write_text(JSON_FILE.replace(old, new))

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert str(raised.value).startswith(f"{file}{message}")


def test_two_settings_files_are_one_too_many(config_file, own_home):
    config_file("")
    (own_home / "config.json").write_text("{}")

    with pytest.raises(ConfigError, match=r"config.json: expected one settings file"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PENSIEVE_PROT", "1", "got PENSIEVE_PROT; did you mean PENSIEVE_PORT?"),
        ("PENSIEVE_port", "1", "got PENSIEVE_port; did you mean PENSIEVE_PORT?"),
        ("PENSIEVE_PORT", "x", "PENSIEVE_PORT: expected a whole number from 1 to"),
        ("PENSIEVE_WORKERS", "2", "PENSIEVE_WORKERS: PENSIEVE_WORKERS cannot be set"),
        ("PENSIEVE_DRAIN_TIMEOUT_S", "nan", "expected a number from 0 to 3600"),
    ],
)
def test_what_a_variable_has_wrong_is_told_by_its_name(
    monkeypatch, variable, value, message
):
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert message in str(raised.value)


def test_a_file_that_is_not_utf8_or_not_there_is_told_of(config_file, tmp_path):
    config_file("").write_bytes(b"\xff")

    with pytest.raises(ConfigError, match="expected readable text"):
        load_settings()
    with pytest.raises(ConfigError, match="expected a file, got none"):
        load_settings(file=tmp_path / "missing.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host):
    assert load_settings({"host": host}).settings.is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org"])
def test_beyond_loopback_a_key_of_ones_own_is_needed(host, monkeypatch):
    with pytest.raises(
        ConfigError, match=r"--host: other machines can reach .*got none"
    ):
        load_settings({"host": host})

    monkeypatch.setenv("PENSIEVE_API_KEY", GOOD_KEY)
    assert load_settings({"host": host}).settings.api_key == GOOD_KEY


@pytest.mark.parametrize("key", ["short", LOCAL_TOKEN, "abcabcabc" * 9])
def test_beyond_loopback_a_weak_key_is_refused_without_being_shown(key, monkeypatch):
    monkeypatch.setenv("PENSIEVE_API_KEY", key)

    with pytest.raises(ConfigError, match="PENSIEVE_API_KEY: api_key") as raised:
        load_settings({"host": "0.0.0.0"})

    assert key == LOCAL_TOKEN or key not in str(raised.value)


@pytest.mark.parametrize("key", ["with space", "naïve", "new\nline"])
def test_a_key_that_no_header_can_carry_is_refused(key, monkeypatch):
    monkeypatch.setenv("PENSIEVE_API_KEY", key)

    with pytest.raises(ConfigError, match="expected printable ASCII"):
        load_settings()


@pytest.mark.parametrize(
    ("host", "address", "base_url"),
    [
        ("127.0.0.1", "127.0.0.1:7777", "http://127.0.0.1:7777"),
        ("::1", "[::1]:7777", "http://[::1]:7777"),
        ("0.0.0.0", "0.0.0.0:7777", "http://127.0.0.1:7777"),
        ("::", "[::]:7777", "http://[::1]:7777"),
    ],
)
def test_addresses_are_written_as_urls_want_them(host, address, base_url):
    settings = Settings(host=host)

    assert settings.address == address
    assert settings.base_url == base_url


@pytest.mark.parametrize("name", FIELDS)
def test_each_setting_says_what_it_is_and_what_it_takes(name):
    assert description(name).endswith(".")
    assert expected(name)


def test_where_the_states_of_memory_begin_can_be_set(monkeypatch):
    monkeypatch.setenv("PENSIEVE_MEMORY_EMERGENCY_BYTES", "5")

    memory = load_settings({"memory_caution_bytes": str(3 << 30)}).settings.memory

    assert memory == MemoryThresholds(caution_bytes=3 << 30, emergency_bytes=5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"memory_warning_bytes": str(3 << 30)},
            "--memory-warning-bytes: memory_warning_bytes: expected less than"
            " memory_caution_bytes, which is 2147483648, got 3221225472",
        ),
        (
            {"memory_critical_bytes": "5"},
            "--memory-critical-bytes: memory_emergency_bytes: expected less than"
            " memory_critical_bytes, which is 5, got 536870912",
        ),
    ],
)
def test_thresholds_of_memory_have_to_descend(flags, message):
    with pytest.raises(ConfigError) as raised:
        load_settings(flags)

    assert str(raised.value) == message
