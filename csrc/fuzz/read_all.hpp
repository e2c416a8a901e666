#pragma once

#include <cstddef>
#include <span>

namespace pensieve::gguf {

// Reads all that an input holds as a GGUF reader would, and looks at every place that
// the header vouches for; the sanitizers watch. Returns whether it was taken; aborts
// where the header vouched for what is not there.
//
// An input is one file; or, behind the four bytes "PART" and the size of the first in
// four more, two parts of a split model.
bool read_all(std::span<const std::byte> input);

// Where the first of two parts is in such an input; of one file, all of it.
struct InputParts {
  std::span<const std::byte> first;
  std::span<const std::byte> second; // empty where there is one file
};

InputParts parts_of(std::span<const std::byte> input);

inline constexpr std::size_t kPartsHead = 8; // "PART" and a size

} // namespace pensieve::gguf
