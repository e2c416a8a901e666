"""Token ids in, content blocks and stream events out."""
