"""What is counted and timed of requests, for the log, /health and /metrics."""
