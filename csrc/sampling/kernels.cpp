#include "sampling/kernels.hpp"

#include "sampling/instruction_sets.hpp"

namespace pensieve::sampling {

std::optional<Instructions> instructions_named(std::string_view name) {
  if (name == "scalar") {
    return Instructions::kScalar;
  }
  if (name == "baseline") {
    return Instructions::kBaseline;
  }
  if (name == "avx2") {
    return Instructions::kAvx2;
  }
  return std::nullopt;
}

Instructions best_instructions() {
  return kernels_of(Instructions::kAvx2) != nullptr ? Instructions::kAvx2
                                                    : Instructions::kBaseline;
}

const Kernels* kernels_of(Instructions instructions) {
  switch (instructions) {
  case Instructions::kScalar:
    return &scalar_kernels();
  case Instructions::kBaseline:
    return &baseline_kernels();
  case Instructions::kAvx2:
    break;
  }
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") ? &avx2_kernels() : nullptr;
#else
  return nullptr;
#endif
}

} // namespace pensieve::sampling
