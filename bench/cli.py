"""The `pensieve-bench` command: what is measured, one suite a word.

Exit status: 0 done; 1 a failure, told in one sentence on stderr, or a figure that is
slower by more than the noise (between two builds, and with --strict); 2 a command line
that is not understood; 130 interrupted.
"""

import click

from pensieve.cli import Verbs

from .case_commands import kernels, native
from .engine.suite import engine
from .mac import mac
from .serve.command import serve


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure Pensieve, always beside something else."""


for suite in (native, kernels, engine, serve, mac):
    main.add_command(suite)
