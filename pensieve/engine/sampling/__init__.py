"""From logits to a token: seeded noise, filters and penalties."""
