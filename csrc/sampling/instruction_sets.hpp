#pragma once

#include "sampling/kernels.hpp"

namespace pensieve::sampling {

const Kernels& scalar_kernels();
const Kernels& baseline_kernels();
const Kernels& avx2_kernels(); // on x86-64 alone

} // namespace pensieve::sampling
