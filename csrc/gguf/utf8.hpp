#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pensieve::gguf {

// Returns how many of the first bytes are whole characters: text.size() if all are
// UTF-8, else where the first character begins that is not. Overlong forms, surrogates
// and numbers above U+10FFFF are none, as for Python.
// Source: the Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
std::size_t valid_utf8_prefix(std::string_view text);

// What a text is made of.
struct Utf8Extent {
  std::size_t num_characters;
  std::uint32_t limit; // none is above: 0x7f, 0xff, 0xffff or 0x10ffff
};

// Measures a text that is UTF-8; the limit is the least of the four.
Utf8Extent utf8_extent(std::string_view text);

// Writes the characters of a text that is UTF-8; `out` has room for all of them, each
// in a `Unit` as wide as the text's limit needs.
template <class Unit> void decode_utf8(std::string_view text, Unit* out) {
  const auto* byte = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = byte + text.size();
  while (byte != end) {
    const std::uint32_t lead = *byte++;
    if (lead < 0x80) {
      *out++ = static_cast<Unit>(lead);
      continue;
    }
    unsigned following = 1;
    if (lead >= 0xe0) {
      following = lead < 0xf0 ? 2 : 3;
    }
    std::uint32_t character = lead & (0x3fU >> following);
    for (unsigned place = 0; place < following; ++place) {
      character = character << 6U | (*byte++ & 0x3fU);
    }
    *out++ = static_cast<Unit>(character);
  }
}

} // namespace pensieve::gguf
