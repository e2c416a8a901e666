"""Sampling kernels on the emulator, compiled once for all tests that want the same."""

import pytest
from metal.emulated_sampler import EmulatedSampler
from metal.emulator import skip_where_it_cannot_run


@pytest.fixture(scope="session")
def emulated(tmp_path_factory):
    """Return what compiles a sampler, once; arguments as EmulatedSampler's."""
    skip_where_it_cannot_run()
    samplers = {}

    def sampler(*key):
        if key not in samplers:
            samplers[key] = EmulatedSampler(tmp_path_factory.mktemp("kernels"), *key)
        return samplers[key]

    yield sampler
    for each in samplers.values():
        each.close()
