"""Sequences in, tokens out: prefill and decoding on mlx-lm's models and caches."""
