#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace pensieve::gguf {

static_assert(std::endian::native == std::endian::little,
              "GGUF numbers are little-endian and are read as they are");
static_assert(sizeof(std::size_t) == 8, "file offsets are 64 bits wide");

// Throws std::invalid_argument: "[gguf] WHERE: expected EXPECTED, got GOT".
[[noreturn]] void fail(std::string_view where, std::string_view expected,
                       std::string_view got);
[[noreturn]] void fail_length(std::string_view where, std::uint64_t max_size,
                              std::uint64_t got);
[[noreturn]] void fail_end(std::string_view where, std::uint64_t size,
                           std::size_t position, std::size_t left);

// A place in a file's bytes. Inline, as a vocabulary is some hundred thousand steps.
// Every step is compared with the bytes that are left, by subtraction, so that no
// length that the file states can overflow.
//
// `where` names what is being read, for the error: std::invalid_argument.
class Cursor {
public:
  // `position` <= bytes.size(). The bytes are borrowed.
  explicit Cursor(std::span<const std::byte> bytes, std::size_t position = 0)
      : bytes_(bytes), position_(position) {}

  [[nodiscard]] std::size_t position() const { return position_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

  template <class Number> Number number(std::string_view where) {
    const std::span<const std::byte> source = skip(sizeof(Number), where);
    Number value;
    std::memcpy(&value, source.data(), sizeof value); // the file aligns nothing
    return value;
  }

  // A length of 8 bytes, then that many bytes; a view into the file, not checked to be
  // UTF-8.
  std::string_view string(std::uint64_t max_size, std::string_view where) {
    const auto size = number<std::uint64_t>(where);
    if (size > max_size) {
      fail_length(where, max_size, size);
    }
    const std::span<const std::byte> text = skip(size, where);
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  // Steps over `size` bytes and returns them.
  std::span<const std::byte> skip(std::uint64_t size, std::string_view where) {
    if (size > left()) {
      fail_end(where, size, position_, left());
    }
    const std::span<const std::byte> skipped = bytes_.subspan(position_, size);
    position_ += size;
    return skipped;
  }

private:
  std::span<const std::byte> bytes_;
  std::size_t position_;
};

} // namespace pensieve::gguf
