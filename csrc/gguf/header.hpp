#pragma once

#include "gguf/tensor_type.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

enum class ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

// One key and where its value is. Of an array, `type` is the items' and never kArray.
struct Metadata {
  std::string_view key; // printable ASCII
  ValueType type;
  bool is_array;
  std::uint64_t count;   // of items; 1 for a single value
  std::size_t offset;    // of the first item, from the start of the file
  std::size_t num_bytes; // of all items, strings with their lengths
};

struct Tensor {
  std::string_view name; // printable ASCII
  const TensorType* type = nullptr;
  std::vector<std::uint64_t> shape; // innermost first, as in the file; each >= 1
  std::uint64_t offset = 0;         // from the start of the file
  std::uint64_t num_bytes = 0;      // offset + num_bytes <= the file's size; no other's
};

// Keys are unique, and so are the tensors' names. No two tensors share bytes.
struct Header {
  std::uint32_t version; // 2 or 3
  std::uint32_t alignment;
  std::vector<Metadata> metadata;
  std::vector<Tensor> tensors;
};

// Parses a whole file's bytes; reads its head only. Views point into `file`.
// Memory taken grows with what has been read, never with a number that the file states.
//
// Throws std::invalid_argument: "[gguf] key 3: expected 8 bytes from byte 61, got 5
// before the end of the file".
// Source: ggml/docs/gguf.md, "File Structure".
Header parse_header(std::span<const std::byte> file);

} // namespace pensieve::gguf
