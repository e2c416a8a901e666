"""What a folder in Hugging Face form says, well-formed and not."""

import json

import pytest

from pensieve.errors import ModelError
from pensieve.models.description import GenerationDefaults
from pensieve.models.folder import UNSTATED_CONTEXT_LENGTH, describe_folder

CONFIG = {"model_type": "qwen3", "max_position_embeddings": 40960, "eos_token_id": 2}
ADDED_TOKENS = [
    {"id": 1, "content": "<s>", "special": True},
    {"id": 2, "content": "</s>", "special": True},
    {"id": 3, "content": "<|im_end|>", "special": True},
]


@pytest.fixture
def folder(tmp_path):
    """Make a folder with the files that every model needs, and nothing else."""
    path = tmp_path / "Qwen3-tiny"
    path.mkdir()
    write(path / "config.json", CONFIG)
    write(path / "tokenizer.json", {"model": {}, "added_tokens": ADDED_TOKENS})
    (path / "model.safetensors").write_bytes(bytes(1000))
    return path


def write(path, content):
    path.write_text(json.dumps(content))


def test_the_files_that_every_model_has_are_enough(folder):
    description = describe_folder(folder)

    assert description.name == "Qwen3-tiny"
    assert description.format == "folder"
    assert description.architecture == "qwen3"
    assert description.context_length == 40960
    assert description.chat_template is None
    assert (description.bos_token, description.eos_token) == (None, None)
    assert not description.add_bos_token
    assert description.end_token_ids == [2]
    assert description.defaults == GenerationDefaults()
    assert description.size_bytes == sum(
        file.stat().st_size for file in folder.iterdir()
    )


# ----- Context length -----


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        ({"model_type": "dbrx", "max_seq_len": 2048}, 2048),
        (
            {
                "model_type": "gemma3",
                "text_config": {"max_position_embeddings": 131072},
            },
            131072,
        ),
        ({"model_type": "mamba2"}, UNSTATED_CONTEXT_LENGTH),
    ],
)
def test_the_context_length_is_found_under_the_architecture_s_name(
    folder, config, expected
):
    write(folder / "config.json", config)

    assert describe_folder(folder).context_length == expected


def test_a_config_may_hold_infinity_as_python_writes_it(folder):
    write(folder / "config.json", CONFIG | {"time_step_limit": [0.0, float("inf")]})

    assert describe_folder(folder).architecture == "qwen3"


# ----- End tokens -----


def test_end_tokens_come_from_every_file_that_names_one(folder):
    config = CONFIG | {"text_config": {"eos_token_id": [7]}}
    write(folder / "config.json", config)
    write(folder / "generation_config.json", {"eos_token_id": [2, 9]})
    write(folder / "tokenizer_config.json", {"eos_token": "<|im_end|>"})

    assert describe_folder(folder).end_token_ids == [2, 3, 7, 9]


def test_a_token_may_be_written_as_an_object(folder):
    names = {
        "bos_token": {"content": "<s>", "lstrip": False},
        "eos_token": {"__type": "AddedToken", "content": "<|im_end|>"},
    }
    write(folder / "tokenizer_config.json", names)

    description = describe_folder(folder)

    assert (description.bos_token, description.eos_token) == ("<s>", "<|im_end|>")
    assert description.end_token_ids == [2, 3]


# ----- bos -----

TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "<s>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
}


@pytest.mark.parametrize(
    ("stated", "post_processor", "expected"),
    [
        (True, None, True),
        (False, TEMPLATE, False),
        (None, TEMPLATE, True),
        (None, {"type": "Sequence", "processors": [{}, TEMPLATE]}, True),
        (None, {"type": "ByteLevel", "trim_offsets": True}, False),
        (None, None, False),
    ],
)
def test_bos_is_added_as_stated_else_as_the_tokenizer_does(
    folder, stated, post_processor, expected
):
    write(
        folder / "tokenizer_config.json", {"bos_token": "<s>", "add_bos_token": stated}
    )
    write(folder / "tokenizer.json", {"post_processor": post_processor})

    assert describe_folder(folder).add_bos_token is expected


# ----- Chat template -----


def test_the_newest_form_of_the_chat_template_wins(folder):
    write(folder / "tokenizer_config.json", {"chat_template": "oldest"})
    assert describe_folder(folder).chat_template == "oldest"

    write(folder / "chat_template.json", {"chat_template": "older"})
    assert describe_folder(folder).chat_template == "older"

    (folder / "chat_template.jinja").write_text("{{ 'é' }}", encoding="utf-8")
    assert describe_folder(folder).chat_template == "{{ 'é' }}"


@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.json"])
def test_of_several_chat_templates_the_default_one_is_taken(folder, file):
    templates = [
        {"name": "tool_use", "template": "tools"},
        {"name": "default", "template": "plain"},
    ]
    write(folder / file, {"chat_template": templates})

    assert describe_folder(folder).chat_template == "plain"


def test_several_chat_templates_without_a_default_are_refused(folder):
    templates = [{"name": name, "template": ""} for name in ("rag", "tool_use")]
    write(folder / "tokenizer_config.json", {"chat_template": templates})

    with pytest.raises(ModelError, match="named 'default', got 'rag', 'tool_use'"):
        describe_folder(folder)


# ----- Sampling settings -----


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.95},
            GenerationDefaults(temperature=0.6, top_k=20, top_p=0.95),
        ),
        ({"temperature": 1, "top_p": None}, GenerationDefaults(temperature=1.0)),
        (
            {"do_sample": False, "temperature": 0.6},
            GenerationDefaults(temperature=0.0),
        ),
        (
            {"repetition_penalty": 1.05, "top_p": 0.8},
            GenerationDefaults(top_p=0.8, repetition_penalty=1.05),
        ),
        (
            {"do_sample": False, "top_k": 50, "repetition_penalty": 1.2},
            GenerationDefaults(temperature=0.0, repetition_penalty=1.2),
        ),
        (
            {"presence_penalty": 1.5, "frequency_penalty": -0.25},
            GenerationDefaults(presence_penalty=1.5, frequency_penalty=-0.25),
        ),
    ],
)
def test_the_generation_config_gives_the_defaults(folder, settings, expected):
    write(folder / "generation_config.json", settings)

    assert describe_folder(folder).defaults == expected


# ----- What is refused -----


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
def test_a_folder_without_a_file_that_is_needed_is_refused(folder, file):
    (folder / file).unlink()

    with pytest.raises(ModelError, match=f"expected a model folder, got no {file}"):
        describe_folder(folder)


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelError, match=r"expected model\*\.safetensors files"):
        describe_folder(folder)


def test_a_shard_that_the_index_names_must_be_there(folder):
    files = {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}
    write(folder / "model.safetensors.index.json", {"weight_map": files})

    with pytest.raises(ModelError, match="'model-00002-of-00002"):
        describe_folder(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", [], "Expected `object`, got `array`"),
        ("config.json", {}, "missing required field `model_type`"),
        ("config.json", {"model_type": 3}, r"got `int` - at `\$\.model_type`"),
        ("config.json", CONFIG | {"max_position_embeddings": "4096"}, "got `str`"),
        ("config.json", CONFIG | {"max_position_embeddings": 0}, "Expected `int` >= 1"),
        (
            "config.json",
            CONFIG | {"eos_token_id": [1, "2"]},
            r"`\$\.eos_token_id\[1\]`",
        ),
        ("config.json", CONFIG | {"eos_token_id": True}, "got `bool`"),
        ("config.json", CONFIG | {"text_config": "none"}, r"at `\$\.text_config`"),
        ("generation_config.json", {"top_p": 1.5}, r"<= 1.* - at `\$\.top_p`"),
        ("generation_config.json", {"temperature": float("nan")}, "temperature"),
        ("tokenizer_config.json", {"eos_token": {"text": "x"}}, "`content`"),
        ("tokenizer_config.json", {"chat_template": {"a": "b"}}, "chat_template"),
        ("chat_template.json", {}, "`chat_template`"),
        ("tokenizer.json", {"added_tokens": [{"id": "1"}]}, r"added_tokens\[0\]"),
        ("tokenizer.json", {"added_tokens": {}}, "got `object`"),
        ("model.safetensors.index.json", {"weight_map": ["a"]}, "weight_map"),
    ],
)
def test_json_of_a_wrong_type_says_where_expected_and_got(
    folder, file, content, message
):
    write(folder / file, content)

    with pytest.raises(ModelError, match=message) as caught:
        describe_folder(folder)

    assert str(caught.value).startswith(f"{folder / file}: ")
