"""Draws by the kernels of `metal/`, on Metal or CUDA, without waiting for the logits."""

from collections.abc import Sequence

import mlx.core as mx

from pensieve.engine.sampling.batch import batch_of, on_device
from pensieve.engine.sampling.gpu_kernels import SamplingKernels
from pensieve.engine.sampling.operations import counted
from pensieve.engine.sampling.sampler import Drawn, Sampler
from pensieve.engine.sampling.sequence import SequenceDraws
from pensieve.engine.token_bits import Bits
