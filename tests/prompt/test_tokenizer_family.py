"""Which tokenizers are known, and that nothing in them is overlooked."""

import copy
import json

import pytest
from reference.splitting import PATTERNS
from reference.tokenizer_families import BUILDERS, byte_level, family, patterns
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from pensieve.prompt.native_tokenizer import recognise
from pensieve.prompt.tokenizer_family import (
    SPLITTERS,
    UnknownTokenizerError,
    family_of,
)


def described(name: str) -> dict:
    return json.loads(family(name).to_str())


@pytest.mark.parametrize("name", BUILDERS)
def test_every_family_is_known(name):
    family_of(described(name))


@pytest.mark.parametrize("name", PATTERNS)
def test_each_pattern_has_its_splitter(name):
    found = SPLITTERS.get(tuple(PATTERNS[name]))

    assert found == {"glm4": "llama3", "gpt2": None}.get(name, name)


def test_line_ends_may_be_written_out_in_a_pattern():
    spelt = [p.replace(r"\r", "\r").replace(r"\n", "\n") for p in PATTERNS["qwen2"]]
    splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in spelt]

    description = json.loads(byte_level(*splits).to_str())

    assert family_of(description).options["splitter"] == "qwen2"


CHANGES = {
    "an unknown part": lambda d: d | {"novelty": None},
    "a newer version": lambda d: d | {"version": "2.0"},
    "truncation": lambda d: d | {"truncation": {"max_length": 5}},
    "padding": lambda d: d | {"padding": {"strategy": "BatchLongest"}},
    "a missing part": lambda d: {k: v for k, v in d.items() if k != "normalizer"},
    "another normalizer": lambda d: d | {"normalizer": {"type": "NFKC"}},
    "one normalizer more": lambda d: (
        d
        | {
            "normalizer": {
                "type": "Sequence",
                "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}],
            }
        }
    ),
    "another decoder": lambda d: d | {"decoder": {"type": "WordPiece"}},
    "another post-processor": lambda d: d | {"post_processor": {"type": "Other"}},
    "a text that is given twice": lambda d: (
        d
        | {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"Sequence": {"id": "A"}}, {"Sequence": {"id": "A"}}],
            }
        }
    ),
    "no pre-tokenizer": lambda d: (
        d | {"pre_tokenizer": {"type": "Whitespace"}, "normalizer": None}
    ),
}
MODEL_CHANGES = {
    "another model": {"type": "Unigram"},
    "dropout": {"dropout": 0.1},
    "a prefix": {"continuing_subword_prefix": "##"},
    "a suffix": {"end_of_word_suffix": "</w>"},
    "an unknown option": {"novelty": False},
}
BYTE_LEVEL_CHANGES = {
    "a prefix space": {"add_prefix_space": True},
    "a pattern before its own": {"use_regex": True},
    "an unknown option": {"novelty": False},
}
SPLIT_CHANGES = {
    "another pattern": {"pattern": {"Regex": r"\w+"}},
    "a plain text": {"pattern": {"String": PATTERNS["llama3"][0]}},
    "another behaviour": {"behavior": "Removed"},
    "the matches' opposite": {"invert": True},
    "an unknown option": {"novelty": False},
}
METASPACE_CHANGES = {
    "another space": {"replacement": "_"},
    "a split at spaces": {"split": True},
    "an unknown option": {"novelty": False},
}


def refused(description):
    with pytest.raises(UnknownTokenizerError):
        family_of(description)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["qwen2", "llama2"])
def test_a_part_that_is_not_known_is_not_overlooked(name, change):
    refused(CHANGES[change](described(name)))


@pytest.mark.parametrize("change", MODEL_CHANGES)
@pytest.mark.parametrize("name", ["llama3", "gemma3"])
def test_an_option_of_the_model_is_not_overlooked(name, change):
    description = described(name)
    description["model"] |= MODEL_CHANGES[change]

    refused(description)


@pytest.mark.parametrize(
    ("name", "option"), [("qwen2", "byte_fallback"), ("llama2", "ignore_merges")]
)
def test_an_option_of_the_other_kind_of_model_is_not_overlooked(name, option):
    description = described(name)
    description["model"][option] = True

    refused(description)


@pytest.mark.parametrize(
    ("step", "change"),
    [
        *((1, change) for change in BYTE_LEVEL_CHANGES.values()),
        *((0, change) for change in SPLIT_CHANGES.values()),
    ],
    ids=str,
)
def test_a_step_of_the_pre_tokenizer_is_not_overlooked(step, change):
    description = described("llama3")
    description["pre_tokenizer"]["pretokenizers"][step] |= change

    refused(description)


@pytest.mark.parametrize("change", METASPACE_CHANGES.values(), ids=str)
def test_an_option_of_metaspace_is_not_overlooked(change):
    description = described("mistral")
    description["pre_tokenizer"] |= change

    refused(description)


def test_a_split_that_finds_something_is_not_overlooked():
    description = described("gemma3")
    for behavior in ["MergedWithNext", "Isolated", "Removed"]:
        changed = copy.deepcopy(description)
        changed["pre_tokenizer"]["behavior"] = behavior
        refused(changed)


def why_not(backend) -> str:
    native, reason = recognise(backend)
    assert native is None
    return reason


def test_an_added_token_that_has_to_stand_alone_is_told():
    from tokenizers import AddedToken

    backend = patterns("llama3")
    backend.add_tokens([AddedToken("word", single_word=True)])

    assert why_not(backend) == "single_word: 'word'"


def test_added_tokens_that_are_too_long_are_told():
    backend = patterns("llama3")
    backend.add_tokens(["x" * 2000])

    assert "expected 1 to 1024 bytes, got 2000" in why_not(backend)


def test_byte_fallback_without_all_bytes_is_told():
    backend = Tokenizer(models.BPE({"a": 0, "<0x00>": 1}, [], byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "\u2581")

    assert why_not(backend) == "byte_fallback without a token for each byte"


def test_two_tokens_of_one_id_are_told():
    backend = Tokenizer(models.BPE({"a": 0, "b": 0}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    assert why_not(backend) == "two tokens have one id"


def test_a_model_of_another_kind_is_told():
    backend = Tokenizer(models.WordLevel({"a": 0}, "a"))

    assert why_not(backend) == "model WordLevel"
