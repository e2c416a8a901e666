"""Benches of counting and timing requests."""
