"""Benches on an NVIDIA GPU, for a host that has nothing installed."""
