"""What a .gguf file alone says, on real files (against gguf-py) and on odd ones."""

import random

import gguf
import msgspec
import pytest
from reference.small_gguf import TOKENS, split_gguf, write_gguf

from pensieve.errors import ModelError
from pensieve.models.description import GenerationDefaults
from pensieve.models.gguf import describe_gguf, vocabulary
from pensieve.models.tensor_forms import SUPPORTED_TENSOR_TYPES

LLAMA_TOKENIZER = {
    "tokenizer__ggml__model": "llama",
    "tokenizer__ggml__merges": None,
    "tokenizer__ggml__scores": [-float(index) for index in range(len(TOKENS))],
}


@pytest.fixture(scope="module")
def smollm2_reader(smollm2_path):
    return gguf.GGUFReader(smollm2_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.gguf"


# ----- Real files -----


def test_smollm2_is_described_as_gguf_py_reads_it(smollm2_path, smollm2_reader):
    description = describe_gguf(smollm2_path)

    def field(key):
        return smollm2_reader.get_field(key).contents()

    tokens = field("tokenizer.ggml.tokens")
    assert description.architecture == field("general.architecture") == "llama"
    assert description.context_length == field("llama.context_length") == 8192
    assert description.chat_template == field("tokenizer.chat_template")
    assert description.bos_token == tokens[field("tokenizer.ggml.bos_token_id")]
    assert description.eos_token == tokens[field("tokenizer.ggml.eos_token_id")]
    assert description.add_bos_token == field("tokenizer.ggml.add_bos_token")
    assert description.size_bytes == smollm2_path.stat().st_size


def test_smollm2_ends_at_the_end_of_a_turn_and_of_a_text(smollm2_path):
    tokens = vocabulary(smollm2_path).tokens

    ends = [tokens[each] for each in describe_gguf(smollm2_path).end_token_ids]

    assert ends == ["<|endoftext|>", "<|im_end|>"]


def test_smollm2_s_vocabulary_is_what_gguf_py_reads(smollm2_path, smollm2_reader):
    made = vocabulary(smollm2_path)

    def field(name):
        return smollm2_reader.get_field(f"tokenizer.ggml.{name}").contents()

    assert (made.model, made.pre) == ("gpt2", "smollm")
    assert made.tokens == field("tokens")
    assert made.token_types == field("token_type")
    assert made.merges == field("merges")
    assert made.scores == []
    assert made.unknown_token_id == field("unknown_token_id")
    assert made.add_space_prefix is field("add_space_prefix")


def test_gemma3_ends_at_the_turn_though_its_file_names_only_eos(gemma3_path):
    description = describe_gguf(gemma3_path)
    tokens = vocabulary(gemma3_path).tokens

    assert description.architecture == "gemma3"
    assert description.context_length == 32768
    assert description.chat_template is None
    assert description.add_bos_token
    assert (description.bos_token, description.eos_token) == ("<bos>", "<eos>")
    ends = [tokens[each] for each in description.end_token_ids]
    assert ends == ["<eos>", "<end_of_turn>"]


def test_gemma3_s_vocabulary_has_a_score_and_a_type_for_each_token(gemma3_path):
    made = vocabulary(gemma3_path)

    assert made.model == "llama"
    assert len(made.tokens) == len(made.scores) == len(made.token_types) == 262_144
    assert made.tokens[2] == "<bos>"
    assert made.token_types[2] == 3
    assert made.tokens[made.unknown_token_id] == "<unk>"
    assert made.merges == []
    assert not made.add_space_prefix


# ----- End tokens -----


def test_a_known_end_token_that_is_ordinary_text_does_not_end_an_answer(path):
    write_gguf(path, tokenizer__ggml__token_type=[2, 3, 3, 1, 1, 1, 1])

    assert describe_gguf(path).end_token_ids == [2]


def test_a_user_defined_end_token_ends_an_answer(path):
    write_gguf(path, tokenizer__ggml__token_type=[2, 3, 3, 1, 1, 1, 4])

    assert describe_gguf(path).end_token_ids == [2, 6]


def test_eos_eot_and_eom_all_end_an_answer(path):
    write_gguf(path, tokenizer__ggml__eot_token_id=4, tokenizer__ggml__eom_token_id=5)

    assert describe_gguf(path).end_token_ids == [2, 4, 5, 6]


def test_what_was_read_for_the_description_serves_the_vocabulary_once(path):
    write_gguf(path)
    expected = vocabulary(path)

    describe_gguf(path)

    assert vocabulary(path) == expected
    assert vocabulary(path) == expected


def test_a_file_that_changed_since_its_description_is_read_again(path, tmp_path):
    write_gguf(path)
    describe_gguf(path)
    tokens = [*TOKENS[:-1], TOKENS[-1].swapcase()]
    assert tokens != TOKENS
    other = write_gguf(tmp_path / "other.gguf", tokenizer__ggml__tokens=tokens)
    other.rename(path)

    assert vocabulary(path).tokens == tokens


# ----- What a silent file means -----


def test_a_sentencepiece_model_wants_bos_and_a_space_where_the_file_is_silent(path):
    write_gguf(path, **LLAMA_TOKENIZER)

    assert describe_gguf(path).add_bos_token
    assert vocabulary(path).add_space_prefix


@pytest.mark.parametrize(("pre", "expected"), [("llama-bpe", True), ("qwen2", False)])
def test_a_byte_level_model_wants_bos_by_its_pre_tokenizer(path, pre, expected):
    write_gguf(path, tokenizer__ggml__pre=pre)

    assert describe_gguf(path).add_bos_token is expected


def test_no_bos_is_added_where_there_is_none(path):
    write_gguf(
        path,
        tokenizer__ggml__add_bos_token=True,
        tokenizer__ggml__bos_token_id=None,
    )

    assert describe_gguf(path).bos_token is None
    assert not describe_gguf(path).add_bos_token


def test_tokens_without_types_are_ordinary(path):
    write_gguf(path, tokenizer__ggml__token_type=None)

    assert vocabulary(path).token_types == [1] * len(TOKENS)
    assert describe_gguf(path).end_token_ids == [2]


def test_of_several_templates_the_default_one_is_taken(path):
    write_gguf(
        path,
        tokenizer__chat_template__default="{{ messages }}",
        tokenizer__chat_template__tool_use="{{ tools }}",
    )

    assert describe_gguf(path).chat_template == "{{ messages }}"


def test_the_file_s_sampling_settings_are_the_defaults(path):
    write_gguf(
        path,
        general__sampling__temp=0.6,
        general__sampling__top_k=-1,
        general__sampling__penalty_repeat=1.05,
    )

    expected = GenerationDefaults(temperature=0.6, top_k=0, repetition_penalty=1.05)
    assert describe_gguf(path).defaults == expected


# ----- What is refused -----


def test_another_architecture_is_refused_by_name_with_those_that_run(path):
    write_gguf(path, architecture="mamba")

    with pytest.raises(ModelError) as caught:
        describe_gguf(path)

    assert str(caught.value) == (
        f"{path}: general.architecture: "
        "expected one of llama, qwen2, qwen3, gemma3, phi3, got 'mamba'"
    )


def test_another_tokenizer_is_refused_by_name(path):
    write_gguf(path, tokenizer__ggml__model="bert")

    with pytest.raises(ModelError, match="expected gpt2 or llama, got 'bert'"):
        describe_gguf(path)


@pytest.mark.parametrize("name", SUPPORTED_TENSOR_TYPES)
def test_a_tensor_type_that_loads_is_accepted(path, name):
    write_gguf(path, tensor_type=gguf.GGMLQuantizationType[name])

    assert describe_gguf(path).architecture == "llama"


def test_another_tensor_type_is_refused_by_tensor_and_type(path):
    write_gguf(path, tensor_type=gguf.GGMLQuantizationType.IQ4_XS)

    with pytest.raises(ModelError, match=r"token_embd\.weight: expected .*got IQ4_XS"):
        describe_gguf(path)


def test_a_part_that_is_not_the_first_is_refused(path):
    write_gguf(path, split__no=1, split__count=3)

    with pytest.raises(ModelError, match=r"split\.no: expected 0, .* got 1"):
        describe_gguf(path)


def test_a_model_in_several_files_is_described_by_its_first(path):
    first, second = split_gguf(path)
    whole = describe_gguf(write_gguf(path))

    description = describe_gguf(first)

    assert description.size_bytes == first.stat().st_size + second.stat().st_size
    assert vocabulary(first) == vocabulary(path)
    same = {"name": whole.name, "path": path, "size_bytes": whole.size_bytes}
    same["created_at"] = whole.created_at
    assert msgspec.structs.replace(description, **same) == whole


def test_a_tensor_type_of_a_later_part_is_refused_as_well(path):
    first, _ = split_gguf(path, second_type=gguf.GGMLQuantizationType.IQ4_XS)

    with pytest.raises(ModelError, match=r"output\.weight: expected .*got IQ4_XS"):
        describe_gguf(first)


def test_a_file_that_is_no_gguf_is_refused(path):
    path.write_bytes(b"PK\x03\x04" * 100)

    with pytest.raises(ModelError, match=rf"{path}: \[gguf\] "):
        describe_gguf(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"llama__context_length": None}, "expected int, got no such key"),
        ({"llama__context_length": "8192"}, "expected int, got str"),
        ({"llama__context_length": True}, "expected int, got bool"),
        ({"llama__context_length": 0}, "expected at least 1, got 0"),
        ({"tokenizer__chat_template": 5}, "expected str, got int"),
        ({"tokenizer__ggml__model": None}, "expected str, got no such key"),
        ({"tokenizer__ggml__pre": ["smollm"]}, "expected str, got list"),
        ({"tokenizer__ggml__tokens": None}, "expected a list of tokens, got none"),
        ({"tokenizer__ggml__tokens": [1, 2]}, "a list of str, got a list of int"),
        ({"tokenizer__ggml__token_type": [1]}, "expected 7 values, .* got 1"),
        ({"tokenizer__ggml__token_type": ["a"] * 7}, "list of int, got a list of str"),
        ({"tokenizer__ggml__merges": None}, "expected a list of pairs, got none"),
        ({"tokenizer__ggml__merges": ["a b", "ab"]}, r"merges\[1\]: .*got 'ab'"),
        ({"tokenizer__ggml__eos_token_id": 7}, "expected 0 to 6, got 7"),
        ({"tokenizer__ggml__bos_token_id": -1}, "expected 0 to 6, got -1"),
        ({"tokenizer__ggml__eot_token_id": "</s>"}, "expected int, got str"),
        ({"tokenizer__ggml__add_bos_token": 1}, "expected bool, got int"),
        (LLAMA_TOKENIZER | {"tokenizer__ggml__scores": None}, "7 values.*got none"),
        (LLAMA_TOKENIZER | {"tokenizer__ggml__scores": [0.5]}, "7 values.*got 1"),
        ({"general__sampling__temp": -1.0}, r">= 0.*at `\$\.temperature`"),
        ({"general__sampling__temp": float("nan")}, r"at `\$\.temperature`"),
        ({"general__sampling__top_p": "0.9"}, r"got `str` - at `\$\.top_p`"),
    ],
)
def test_metadata_of_a_wrong_type_says_where_expected_and_got(path, changes, message):
    write_gguf(path, **changes)

    with pytest.raises(ModelError, match=message) as caught:
        describe_gguf(path)

    assert str(caught.value).startswith(f"{path}: ")


def test_no_damage_to_a_file_gets_past_a_model_error(path, tmp_path):
    content = bytearray(write_gguf(path).read_bytes())
    chance = random.Random(1)
    damaged = tmp_path / "damaged.gguf"
    refused = 0

    for _ in range(1000):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        damaged.write_bytes(changed[: chance.choice([len(changed), 700])])
        try:
            describe_gguf(damaged)
        except ModelError:
            refused += 1

    assert refused > 500
