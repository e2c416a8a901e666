"""Which models there are, and what their files say. No MLX here."""
