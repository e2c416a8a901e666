#include "sampling/instruction_sets.hpp"
#include "sampling/lane_kernels.hpp"

namespace pensieve::sampling {

const Kernels& baseline_kernels() {
  return LaneKernels<Instructions::kBaseline, Lanes16>::kKernels;
}

} // namespace pensieve::sampling
