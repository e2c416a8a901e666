#pragma once

#include "bpe/unicode.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pensieve::bpe {

// The code point at `start`, which is before the end of `text`.
inline CodePoint code_point_at(std::string_view text, std::size_t start) {
  const auto lead = static_cast<std::uint8_t>(text[start]);
  return lead < 0x80 ? CodePoint{lead, 1} : decode_beyond_ascii(text, start);
}

// Where the code point begins that ends at `end`, which is not 0.
inline std::size_t code_point_before(std::string_view text, std::size_t end) {
  --end;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0U) == 0x80U) {
    --end;
  }
  return end;
}

} // namespace pensieve::bpe
