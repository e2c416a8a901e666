"""The forward pass of a GGUF file's model in plain numpy, float64, one prompt.

Written from llama.cpp's graphs and GGUF's conventions, without MLX and without this
project's tables: tensors go by their names in the file, llama's heads rotate in
neighbouring pairs, gemma's norms are used as they are stored.
"""

from collections.abc import Callable

import numpy as np

Tensor = Callable[[str], np.ndarray]
"""Gives a tensor of the file by its name, as floats."""

VOCABULARY_CHUNK = 1 << 14


def llama_logits(metadata, tensor: Tensor, token_ids) -> np.ndarray:
    """Return [num_tokens, vocab_size] of a file of architecture llama, tied."""
    m = _Metadata(metadata, "llama")
    heads, kv_heads = m["attention.head_count"], m["attention.head_count_kv"]
    head_dim = m["embedding_length"] // heads
    x = tensor("token_embd.weight")[token_ids].astype(np.float64)
    for layer in range(m["block_count"]):
        get = _of_layer(tensor, layer)
        normed = rms_norm(x, get("attn_norm"), m.epsilon)
        q = split_heads(normed @ get("attn_q").T, heads)
        k = split_heads(normed @ get("attn_k").T, kv_heads)
        v = split_heads(normed @ get("attn_v").T, kv_heads)
        q, k = (rotate_neighbours(one, m["rope.freq_base"]) for one in (q, k))
        x = x + attention(q, k, v, head_dim**-0.5) @ get("attn_output").T
        normed = rms_norm(x, get("ffn_norm"), m.epsilon)
        gate, up = normed @ get("ffn_gate").T, normed @ get("ffn_up").T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ get("ffn_down").T
    x = rms_norm(x, tensor("output_norm.weight"), m.epsilon)
    return tied_logits(x, tensor("token_embd.weight"))


def gemma3_logits(metadata, tensor: Tensor, token_ids, window_period=6) -> np.ndarray:
    """Return [num_tokens, vocab_size] of a file of architecture gemma3, tied."""
    m = _Metadata(metadata, "gemma3")
    heads, kv_heads = m["attention.head_count"], m["attention.head_count_kv"]
    # As it was trained: the factor is a bfloat16.
    scale = bfloat16(m["embedding_length"] ** 0.5)
    x = tensor("token_embd.weight")[token_ids].astype(np.float64) * scale
    for layer in range(m["block_count"]):
        get = _of_layer(tensor, layer)
        local = (layer + 1) % window_period != 0
        base = 10_000.0 if local else m["rope.freq_base"]
        normed = rms_norm(x, get("attn_norm"), m.epsilon)
        q = split_heads(normed @ get("attn_q").T, heads)
        k = split_heads(normed @ get("attn_k").T, kv_heads)
        v = split_heads(normed @ get("attn_v").T, kv_heads)
        q = rotate_halves(rms_norm(q, get("attn_q_norm"), m.epsilon), base)
        k = rotate_halves(rms_norm(k, get("attn_k_norm"), m.epsilon), base)
        window = m["attention.sliding_window"] if local else None
        mixed = attention(q, k, v, m["attention.key_length"] ** -0.5, window)
        mixed = mixed @ get("attn_output").T
        x = x + rms_norm(mixed, get("post_attention_norm"), m.epsilon)
        normed = rms_norm(x, get("ffn_norm"), m.epsilon)
        gate, up = normed @ get("ffn_gate").T, normed @ get("ffn_up").T
        mixed = (gelu_tanh(gate) * up) @ get("ffn_down").T
        x = x + rms_norm(mixed, get("post_ffw_norm"), m.epsilon)
    x = rms_norm(x, tensor("output_norm.weight"), m.epsilon)
    return tied_logits(x, tensor("token_embd.weight"))


def rms_norm(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def split_heads(x: np.ndarray, heads: int) -> np.ndarray:
    """[num_tokens, heads * head_dim] → [heads, num_tokens, head_dim]"""
    return x.reshape(len(x), heads, -1).swapaxes(0, 1)


def rotate_neighbours(x: np.ndarray, base: float) -> np.ndarray:
    """Turn dimensions 2i and 2i + 1 by position * base^(-2i / head_dim)."""
    turned = _turned(x[..., 0::2] + 1j * x[..., 1::2], base)
    return np.stack([turned.real, turned.imag], axis=-1).reshape(x.shape)


def rotate_halves(x: np.ndarray, base: float) -> np.ndarray:
    """Turn dimensions i and i + head_dim / 2 of each head together."""
    half = x.shape[-1] // 2
    turned = _turned(x[..., :half] + 1j * x[..., half:], base)
    return np.concatenate([turned.real, turned.imag], axis=-1)


def attention(q, k, v, scale: float, window: int | None = None) -> np.ndarray:
    """Return [num_tokens, heads * head_dim]; a token sees itself and those before."""
    repeats = len(q) // len(k)
    k, v = np.repeat(k, repeats, axis=0), np.repeat(v, repeats, axis=0)
    scores = q @ k.swapaxes(1, 2) * scale
    distance = np.subtract.outer(np.arange(q.shape[1]), np.arange(q.shape[1]))
    hidden = (distance < 0) | (distance >= (window or len(distance)))
    scores = np.where(hidden, -np.inf, scores)
    probs = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probs /= probs.sum(axis=-1, keepdims=True)
    return (probs @ v).swapaxes(0, 1).reshape(q.shape[1], -1)


def gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def tied_logits(x: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    # In pieces: a vocabulary of 262144 in float64 would be 1.3 GB at a time.
    rows = range(0, len(embedding), VOCABULARY_CHUNK)
    pieces = [embedding[at : at + VOCABULARY_CHUNK].astype(np.float64) for at in rows]
    return np.concatenate([x @ piece.T for piece in pieces], axis=-1)


def bfloat16(value: float) -> float:
    """Round to the nearest number of eight significant bits."""
    exponent = np.floor(np.log2(value)) - 7
    return float(np.rint(value / 2**exponent) * 2**exponent)


def _turned(pairs: np.ndarray, base: float) -> np.ndarray:
    """[heads, num_tokens, head_dim / 2] complex, times e^(i angle)."""
    num_tokens, half = pairs.shape[1:]
    angles = np.outer(np.arange(num_tokens), base ** (-np.arange(half) / half))
    return pairs * np.exp(1j * angles)


def _of_layer(tensor: Tensor, layer: int) -> Tensor:
    return lambda name: tensor(f"blk.{layer}.{name}.weight")


class _Metadata:
    def __init__(self, metadata, architecture: str) -> None:
        assert metadata["general.architecture"] == architecture
        self._metadata, self._prefix = metadata, architecture
        self.epsilon = self["attention.layer_norm_rms_epsilon"]

    def __getitem__(self, key: str):
        return self._metadata[f"{self._prefix}.{key}"]
