#include "sampling/instruction_sets.hpp"
#include "sampling/lane_kernels.hpp"

namespace pensieve::sampling {

// This file is compiled for AVX2: called only where it is there.
const Kernels& avx2_kernels() {
  return LaneKernels<Instructions::kAvx2, Lanes32>::kKernels;
}

} // namespace pensieve::sampling
