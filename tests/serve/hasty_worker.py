"""The worker, with less patience for clients that do not read."""

from pensieve.serve.worker import Worker


class HastyWorker(Worker):
    write_timeout_s = 0.5
