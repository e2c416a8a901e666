#pragma once

#include <cstdint>
#include <string_view>

namespace pensieve::gguf {

// How ggml stores a tensor's numbers: rows are cut into blocks of `block_size` numbers,
// each `block_bytes` long.
struct TensorType {
  std::string_view name; // ggml's: "Q4_K"
  std::uint32_t block_size;
  std::uint32_t block_bytes;
};

// Returns nullptr for a number that ggml does not use, or no longer does.
const TensorType* find_tensor_type(std::uint32_t number);

} // namespace pensieve::gguf
