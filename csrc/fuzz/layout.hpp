#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pensieve::gguf {

enum class FieldKind : std::uint8_t { kNumber, kLength, kValueType, kTensorType };

// A number of a GGUF file: where it is, and what it says.
struct Field {
  FieldKind kind;
  std::size_t place;
  std::size_t size; // 1, 4 or 8 bytes
};

// A key with its value, or a row of the tensor table.
struct Entry {
  std::size_t begin;
  std::size_t end;
  bool is_tensor;
};

struct Layout {
  std::vector<Field> fields;
  std::vector<Entry> entries;
};

inline constexpr std::size_t kTensorCountPlace = 8;
inline constexpr std::size_t kKeyCountPlace = 16;

// Finds what is where in a file, up to the first thing that does not fit into it. Its
// own reading of the format, so that no fault of the parser hides in it.
Layout layout_of(std::span<const std::byte> file);

} // namespace pensieve::gguf
