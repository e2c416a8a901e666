#pragma once

#include "gguf/header.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::gguf {

// GGUF files made by hand, right or wrong, one field at a time.
class FileBytes {
public:
  template <class Number>
    requires std::integral<Number> || std::floating_point<Number>
  FileBytes& number(Number value) {
    return append(std::as_bytes(std::span(&value, 1)));
  }

  FileBytes& text(std::string_view text) {
    return append(std::as_bytes(std::span(text)));
  }

  FileBytes& string(std::string_view value) {
    return number<std::uint64_t>(value.size()).text(value);
  }

  FileBytes& head(std::uint64_t num_tensors, std::uint64_t num_metadata,
                  std::uint32_t version = 3) {
    return text("GGUF").number(version).number(num_tensors).number(num_metadata);
  }

  FileBytes& key(std::string_view key, ValueType type) {
    return string(key).number(static_cast<std::uint32_t>(type));
  }

  FileBytes& array(std::string_view name, ValueType item_type, std::uint64_t count) {
    return key(name, ValueType::kArray)
        .number(static_cast<std::uint32_t>(item_type))
        .number(count);
  }

  // `type` is ggml's number: 0 is F32, 2 is Q4_0.
  FileBytes& tensor(std::string_view name, std::initializer_list<std::uint64_t> shape,
                    std::uint32_t type = 0, std::uint64_t offset = 0) {
    string(name).number(static_cast<std::uint32_t>(shape.size()));
    for (const std::uint64_t size : shape) {
      number(size);
    }
    return number(type).number(offset);
  }

  FileBytes& zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }

  FileBytes& pad(std::size_t alignment) {
    return zeros((alignment - bytes_.size() % alignment) % alignment);
  }

  FileBytes& append(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }

  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] Header parse() const { return parse_header(bytes_); }

private:
  std::vector<std::byte> bytes_;
};

} // namespace pensieve::gguf
