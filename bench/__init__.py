"""Pensieve's benchmarks; installed as `pensieve.bench`, with a command of its own.

The folder is `bench/` in the repository, so its modules import each other by relative
names: they are right under both.
"""
