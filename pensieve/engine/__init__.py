"""Token ids in, token ids out: the model's own process, and the only place with MLX."""
