"""Token ids in, token ids out: the process that holds the model. The only place with MLX."""
