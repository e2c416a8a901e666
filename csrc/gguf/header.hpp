#pragma once

#include "gguf/tensor_type.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

// What a file may hold. The format's own limits where it has any (key, tensor name,
// dimensions); otherwise far above every real model.
inline constexpr std::uint64_t kMaxMetadata = 1U << 16U;
inline constexpr std::uint64_t kMaxTensors = 1U << 20U;
inline constexpr std::uint64_t kMaxKeyBytes = (1U << 16U) - 1;
inline constexpr std::uint64_t kMaxTensorNameBytes = 64;
inline constexpr std::uint64_t kMaxStringBytes = 1U << 26U;
inline constexpr std::uint64_t kMaxArrayItems = 1U << 24U;
inline constexpr std::uint32_t kMaxDimensions = 4;
inline constexpr std::uint32_t kMaxAlignment = 1U << 20U;

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
  std::uint64_t count; // of items; 1 for a single value
  std::size_t offset;  // of the first item, from the start of the file
};

struct Tensor {
  std::string_view name; // printable ASCII
  const TensorType* type;
  std::vector<std::uint64_t> shape; // innermost first, as in the file; each >= 1
  std::uint64_t offset;             // from the start of the file
  std::uint64_t num_bytes;          // offset + num_bytes <= the file's size
};

// Keys are unique, and so are the tensors' names.
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

// Returns the strings of a value of type kString, array or not: `count` views into
// `file`, not checked to be UTF-8. `metadata` is of the header parsed from `file`.
std::vector<std::string_view> strings(std::span<const std::byte> file,
                                      const Metadata& metadata);

} // namespace pensieve::gguf
