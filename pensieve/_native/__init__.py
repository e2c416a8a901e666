"""Compiled modules: the bindings of `csrc/`, each beside its `.pyi`."""
