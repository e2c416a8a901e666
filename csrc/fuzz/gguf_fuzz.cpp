// The reader under libFuzzer: `make fuzz`.

#include "fuzz/mutator.hpp"
#include "fuzz/read_all.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

extern "C" {

// libFuzzer's names.
// NOLINTBEGIN(readability-identifier-naming)
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                             std::size_t max_size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pensieve::gguf::read_all(std::as_bytes(std::span(data, size)));
  return 0;
}

std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                    std::size_t max_size, unsigned seed) {
  std::mt19937_64 random(seed);
  if (random() % 4 == 0) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  const auto mutated =
      pensieve::gguf::mutate(std::as_bytes(std::span(data, size)), random);
  const std::size_t new_size = std::min(mutated.size(), max_size);
  std::ranges::copy(std::span(mutated).first(new_size),
                    std::as_writable_bytes(std::span(data, max_size)).begin());
  return new_size;
}
// NOLINTEND(readability-identifier-naming)

} // extern "C"
