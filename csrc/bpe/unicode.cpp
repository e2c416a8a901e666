#include "bpe/unicode.hpp"

#include <algorithm>

namespace pensieve::bpe {

#include "bpe/unicode_classes.inc"

CodePoint decode_beyond_ascii(std::string_view text, std::size_t place) {
  const auto byte = [&](std::size_t offset) -> std::uint32_t {
    return static_cast<std::uint8_t>(text[place + offset]);
  };
  const std::size_t left = text.size() - place;
  const std::uint32_t lead = byte(0);
  if (lead >= 0xF0 && left >= 4) {
    const std::uint32_t value = ((lead & 0x07U) << 18U) | ((byte(1) & 0x3FU) << 12U) |
                                ((byte(2) & 0x3FU) << 6U) | (byte(3) & 0x3FU);
    return {std::min(value, 0x10FFFFU), 4};
  }
  if (lead >= 0xE0 && left >= 3) {
    return {((lead & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU), 3};
  }
  if (lead >= 0xC0 && left >= 2) {
    return {((lead & 0x1FU) << 6U) | (byte(1) & 0x3FU), 2};
  }
  return {0, 1};
}

} // namespace pensieve::bpe
