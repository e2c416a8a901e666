"""A model's files in, a model on MLX out: as float32, or in packed groups."""
