"""Benches of the engine in one process, each a script of its own."""
