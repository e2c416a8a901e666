#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pensieve::bpe {

struct Character {
  char32_t code_point;
  std::size_t size; // in bytes
};

// The character that begins at `start`; `text` is valid UTF-8, and goes on there.
inline Character character_at(std::string_view text, std::size_t start) {
  const auto byte = [&](std::size_t offset) {
    return static_cast<char32_t>(static_cast<std::uint8_t>(text[start + offset]));
  };
  const auto tail = [&](std::size_t offset) { return byte(offset) & 0x3fU; };
  const char32_t lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  if (lead < 0xe0) {
    return {(lead & 0x1fU) << 6U | tail(1), 2};
  }
  if (lead < 0xf0) {
    return {(lead & 0x0fU) << 12U | tail(1) << 6U | tail(2), 3};
  }
  return {(lead & 0x07U) << 18U | tail(1) << 12U | tail(2) << 6U | tail(3), 4};
}

// Where the character begins that ends before `end`, which is not 0.
inline std::size_t character_before(std::string_view text, std::size_t end) {
  do {
    --end;
  } while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0U) == 0x80U);
  return end;
}

} // namespace pensieve::bpe
