#include "gguf/cursor.hpp"

#include <stdexcept>

namespace pensieve::gguf {

void fail(std::string_view where, std::string_view expected, std::string_view got) {
  std::string message = "[gguf] ";
  message.append(where).append(": expected ").append(expected);
  message.append(", got ").append(got);
  throw std::invalid_argument(message);
}

void fail_length(std::string_view where, std::uint64_t max_size, std::uint64_t got) {
  fail(where, "a string of at most " + std::to_string(max_size) + " bytes",
       std::to_string(got));
}

void fail_end(std::string_view where, std::uint64_t size, std::size_t position,
              std::size_t left) {
  fail(where, std::to_string(size) + " bytes from byte " + std::to_string(position),
       std::to_string(left) + " before the end of the file");
}

} // namespace pensieve::gguf
