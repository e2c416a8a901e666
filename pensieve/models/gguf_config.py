"""GGUF metadata in, the configuration of an mlx-lm model out.

What a file asks for and mlx-lm's model does not do is refused, never dropped: a model
that computes something else answers nonsense in good English. Sources: the keys in
gguf-py's constants.py, their meaning in llama.cpp's src/models/, the fields in
mlx_lm/models/.
"""

from collections.abc import Callable
from typing import Any

from pensieve.models.gguf_metadata import GgufMetadata
from pensieve.models.hyperparameters import Hyperparameters

Config = dict[str, Any]

NEUTRAL = {
    "expert_count": 0,
    "nextn_predict_layers": 0,
    "attention.causal": True,
    "attention.clamp_kqv": 0.0,
    "attention.max_alibi_bias": 0.0,
    "attn_logit_softcapping": 0.0,
    "final_logit_softcapping": 0.0,
    "embedding_scale": 1.0,
    "logit_scale": 1.0,
    "residual_scale": 1.0,
    "rope.scaling.yarn_attn_factor": 1.0,
    "rope.scaling.yarn_ext_factor": 1.0,
    "rope.scaling.yarn_log_multiplier": 0.0,
}
"""Keys that change what a model computes, and the value at which they do not."""

GEMMA3_27B_LAYERS = 62
"""llama.cpp knows the 27B by its layers: it alone scales attention by its width."""


LLAMA3_FACTORS = "rope_freqs.weight"
LONG_FACTORS = "rope_factors_long.weight"
SHORT_FACTORS = "rope_factors_short.weight"
FACTORS = {
    "llama": {LLAMA3_FACTORS, LONG_FACTORS, SHORT_FACTORS},
    "phi3": {LONG_FACTORS, SHORT_FACTORS},
}
"""Tensors of rotary frequencies that llama.cpp reads, by architecture."""


def model_config(metadata: GgufMetadata) -> tuple[Config, list[str]]:
    """Return what mlx-lm's ModelArgs.from_dict takes, and notes for the person.

    `model_type` names the module below mlx_lm.models.

    Raises:
        ModelError: an architecture that Pensieve does not load, a key that is missing
            or wrong, or one that asks for what mlx-lm's model does not do.
    """
    hyper = Hyperparameters(metadata)
    specific = ARCHITECTURES.get(hyper.architecture)
    if specific is None:
        expected = "one of " + ", ".join(ARCHITECTURES)
        got = repr(hyper.architecture)
        raise metadata.wrong("general.architecture", expected, got)
    for key, neutral in NEUTRAL.items():
        if (value := hyper.get(key)) is not None and value != neutral:
            raise hyper.wrong(key, f"{neutral!r} or nothing", value)

    tensors = {tensor.name: tensor.shape for tensor in metadata.file.tensors}
    embedding = tensors.get("token_embd.weight")
    if embedding is None or len(embedding) != 2:
        raise metadata.wrong("token_embd.weight", "a matrix", embedding)
    config = _dimensions(hyper, tensors)
    config["rope_theta"] = hyper.number("rope.freq_base", 10_000.0)
    if (scaling := rope_scaling(hyper)) is not None:
        config["rope_scaling"] = scaling
    notes = specific(hyper, config, tensors)
    return config, notes


def rope_scaling(hyper: Hyperparameters) -> dict[str, object] | None:
    """Return mlx-lm's rope_scaling: linear, yarn or None.

    "longrope" is None too: its frequencies are tensors (`gguf_rope`).
    """
    kind = hyper.get("rope.scaling.type")
    if (
        kind is None and hyper.get("rope.scale_linear") is not None
    ):  # before September 2023
        return {"type": "linear", "factor": hyper.number("rope.scale_linear")}
    if kind in (None, "none", "longrope"):
        return None
    if kind == "linear":
        return {"type": "linear", "factor": hyper.number("rope.scaling.factor")}
    if kind == "yarn":
        return {
            "type": "yarn",
            "factor": hyper.number("rope.scaling.factor"),
            "original_max_position_embeddings": hyper.count(
                "rope.scaling.original_context_length"
            ),
            "beta_fast": hyper.number("rope.scaling.yarn_beta_fast", 32.0),
            "beta_slow": hyper.number("rope.scaling.yarn_beta_slow", 1.0),
        }
    raise hyper.wrong("rope.scaling.type", "none, linear, yarn or longrope", kind)


def head_size(hyper: Hyperparameters) -> int:
    """Return the width of one attention head, an even number.

    Raises:
        ModelError: keys and values of different widths.
    """
    heads = hyper.count("attention.head_count")
    size = hyper.count(
        "attention.key_length", hyper.count("embedding_length") // heads or None
    )
    if size % 2:
        raise hyper.wrong("attention.key_length", "an even number", size)
    if (value_size := hyper.count("attention.value_length", size)) != size:
        raise hyper.wrong("attention.value_length", f"the keys' {size}", value_size)
    return size


def rotated_size(hyper: Hyperparameters) -> int:
    """Return how many of a head's dimensions rotary embedding turns."""
    size = hyper.count("rope.dimension_count", head_size(hyper))
    if size % 2 or size > head_size(hyper):
        expected = f"an even number up to {head_size(hyper)}"
        raise hyper.wrong("rope.dimension_count", expected, size)
    return size


Tensors = dict[str, tuple[int, ...]]


def _dimensions(hyper: Hyperparameters, tensors: Tensors) -> Config:
    """Return what all architectures have."""
    layers = hyper.count("block_count")
    if layers > len(tensors):
        raise hyper.wrong("block_count", f"at most {len(tensors)} (tensors)", layers)
    heads = hyper.count("attention.head_count")
    kv_heads = hyper.count("attention.head_count_kv", heads)
    if heads % kv_heads:
        raise hyper.wrong("attention.head_count_kv", f"a divisor of {heads}", kv_heads)
    return {
        "hidden_size": hyper.count("embedding_length"),
        "num_hidden_layers": layers,
        "intermediate_size": hyper.count("feed_forward_length"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_size(hyper),
        "rms_norm_eps": hyper.number("attention.layer_norm_rms_epsilon"),
        "vocab_size": tensors["token_embd.weight"][0],
        "max_position_embeddings": hyper.count("context_length"),
        "tie_word_embeddings": "output.weight" not in tensors,
    }


def _llama(hyper: Hyperparameters, config: Config, tensors: Tensors) -> list[str]:
    _refuse_window(hyper)
    _refuse_partial_rotation(hyper)
    config["model_type"] = "llama"
    # The converter reorders the rows of q and k for rotation in neighbouring pairs.
    config["rope_traditional"] = True
    config["attention_bias"] = "blk.0.attn_q.bias" in tensors
    config["mlp_bias"] = "blk.0.ffn_up.bias" in tensors
    return []


def _qwen2(hyper: Hyperparameters, config: Config, tensors: Tensors) -> list[str]:
    _refuse_window(hyper)
    _refuse_partial_rotation(hyper)
    _refuse_own_head_size(hyper)
    config["model_type"] = "qwen2"
    return []


def _qwen3(hyper: Hyperparameters, config: Config, tensors: Tensors) -> list[str]:
    _refuse_window(hyper)
    _refuse_partial_rotation(hyper)
    config["model_type"] = "qwen3"
    return []


def _gemma3(hyper: Hyperparameters, config: Config, tensors: Tensors) -> list[str]:
    _refuse_partial_rotation(hyper)
    scalar = config["head_dim"]
    if config["num_hidden_layers"] == GEMMA3_27B_LAYERS:
        scalar = config["hidden_size"] // config["num_attention_heads"]
    config |= {
        "model_type": "gemma3_text",
        "query_pre_attn_scalar": scalar,
        "rope_local_base_freq": hyper.number("rope.freq_base_swa", 10_000.0),
        "sliding_window_pattern": 1,  # every layer sees everything
    }
    if hyper.get("attention.sliding_window") is not None:
        config["sliding_window"] = hyper.count("attention.sliding_window")
        config["sliding_window_pattern"] = _window_period(hyper)
    return []


def _phi3(hyper: Hyperparameters, config: Config, tensors: Tensors) -> list[str]:
    _refuse_own_head_size(hyper)
    if "rope_scaling" in config:
        kind = hyper.get("rope.scaling.type")
        raise hyper.wrong("rope.scaling.type", "longrope or nothing", kind)
    config["model_type"] = "phi3"
    # mlx-lm multiplies and cuts the fraction off: half a dimension more survives that.
    config["partial_rotary_factor"] = (rotated_size(hyper) + 0.5) / config["head_dim"]
    window = hyper.get("attention.sliding_window")
    if (
        not isinstance(window, int)
        or not 0 < window < config["max_position_embeddings"]
    ):
        return []
    # Neither llama.cpp (its pull request 13676) nor mlx-lm has phi3's window.
    return [f"attention sees all tokens; the file has a window of {window}"]


ARCHITECTURES: dict[str, Callable[[Hyperparameters, Config, Tensors], list[str]]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma3": _gemma3,
    "phi3": _phi3,
}
"""What each architecture adds to the configuration; they return notes."""


def _refuse_window(hyper: Hyperparameters) -> None:
    window = hyper.get("attention.sliding_window")
    context = hyper.count("context_length")
    if isinstance(window, int) and 0 < window < context:
        key = "attention.sliding_window"
        raise hyper.wrong(key, f"nothing below the context of {context}", window)


def _refuse_partial_rotation(hyper: Hyperparameters) -> None:
    if (size := rotated_size(hyper)) != head_size(hyper):
        raise hyper.wrong("rope.dimension_count", f"{head_size(hyper)}", size)


def _refuse_own_head_size(hyper: Hyperparameters) -> None:
    heads, hidden = hyper.count("attention.head_count"), hyper.count("embedding_length")
    if head_size(hyper) * heads != hidden:
        expected = f"{hidden} (embedding_length) / {heads} (heads)"
        raise hyper.wrong("attention.key_length", expected, head_size(hyper))


def _window_period(hyper: Hyperparameters) -> int:
    """Return p where each p-th layer sees all tokens and the others have the window."""
    key, layers = "attention.sliding_window_pattern", hyper.count("block_count")
    pattern = hyper.get(key)
    if not isinstance(pattern, list):
        period = hyper.count(key, 6)
        if period > layers:
            raise hyper.wrong(key, f"at most {layers} (layers)", period)
        return period

    # One value a layer: whether it has the window.
    period = pattern.index(False) + 1 if False in pattern else layers + 1
    if pattern != [(layer + 1) % period != 0 for layer in range(layers)]:
        expected = "a layer without the window at regular intervals"
        raise hyper.wrong(key, expected, pattern)
    return period
