"""KV caches of past sequences on disk, found again after the process has ended."""
