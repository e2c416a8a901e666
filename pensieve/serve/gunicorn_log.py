"""gunicorn's log: to standard error, and where that is a file of Pensieve's, rotated.

`pensieve start` and launchd let a background server write into that file. A terminal,
the journal, and a file that gunicorn was told of on its command line are left alone.
"""

import logging
from typing import Any, TextIO

from gunicorn import glogging

from pensieve import places
from pensieve.log_file import STDERR, LogFile, is_written_by
from pensieve.serve import settings as config


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """Logs of master and worker alike."""

    def __init__(self, cfg: Any) -> None:
        path = places.server_log(config.settings.port)
        self.file: LogFile | None = None
        if is_written_by(STDERR, path):
            self.file = LogFile(path, config.settings.log_rotation)
        super().__init__(cfg)

    def setup(self, cfg: Any) -> None:
        """Take gunicorn's configuration, at first or after a reload."""
        if self.file is not None:
            self.file.rotation = config.settings.log_rotation
        super().setup(cfg)

    def reopen_files(self) -> None:
        """SIGUSR1: whoever sends it has moved the file, logrotate for one."""
        super().reopen_files()
        if self.file is not None:
            self.file.reopen()

    def _set_handler(
        self,
        log: logging.Logger,
        output: str | None,
        fmt: logging.Formatter,
        stream: TextIO | None = None,
    ) -> None:
        super()._set_handler(log, output, fmt, stream)
        handler = self._get_gunicorn_handler(log)
        if self.file is not None and log is self.error_log and output == "-":
            log.removeHandler(handler)
            self.file.setFormatter(fmt)
            self.file._gunicorn = True  # type: ignore[attr-defined]
            log.addHandler(self.file)
