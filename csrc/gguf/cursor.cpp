#include "gguf/cursor.hpp"

#include <stdexcept>

namespace pensieve::gguf {

void fail(std::string_view where, std::string_view expected, std::string_view got) {
  std::string message = "[gguf] ";
  message.append(where).append(": expected ").append(expected);
  message.append(", got ").append(got);
  throw std::invalid_argument(message);
}

std::string_view Cursor::string(std::uint64_t max_size, std::string_view where) {
  const auto size = number<std::uint64_t>(where);
  if (size > max_size) {
    fail(where, "a string of at most " + std::to_string(max_size) + " bytes",
         std::to_string(size));
  }
  const std::span<const std::byte> text = skip(size, where);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::span<const std::byte> Cursor::skip(std::uint64_t size, std::string_view where) {
  if (size > left()) {
    fail(where, std::to_string(size) + " bytes from byte " + std::to_string(position_),
         std::to_string(left()) + " before the end of the file");
  }
  const std::span<const std::byte> skipped = bytes_.subspan(position_, size);
  position_ += size;
  return skipped;
}

} // namespace pensieve::gguf
