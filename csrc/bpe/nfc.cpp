#include "bpe/nfc.hpp"

#include "bpe/unicode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace pensieve::bpe {

namespace {

#include "bpe/nfc_classes.inc"

constexpr std::uint8_t kUnsure = 255; // a combining class is at most 240

// All code points below U+0300 are as NFC has them, whatever follows; that one's UTF-8
// is the first to have a byte from 0xCC on.
constexpr std::uint8_t kFirstByte = 0xCC;

std::uint64_t each_byte(std::uint8_t byte) {
  return 0x0101010101010101U * byte;
}

// How many bytes from `place` on are below kFirstByte, in whole words.
std::size_t plain_words(std::string_view text, std::size_t place) {
  const std::size_t start = place;
  std::uint64_t word = 0;
  for (; place + sizeof word <= text.size(); place += sizeof word) {
    std::memcpy(&word, text.data() + place, sizeof word);
    const std::uint64_t high = each_byte(0x80);
    // In a byte from 0xCC on the upper bit is set, and the rest carries into it.
    if ((((word & ~high) + each_byte(0x100 - kFirstByte)) & word & high) != 0) {
      break;
    }
  }
  return place - start;
}

} // namespace

bool is_surely_nfc(std::string_view text) {
  std::uint8_t last = 0; // combining class of the character before
  for (std::size_t place = 0; place < text.size();) {
    if (static_cast<std::uint8_t>(text[place]) < kFirstByte) {
      place += std::max<std::size_t>(plain_words(text, place), 1);
      last = 0;
      continue;
    }
    const CodePoint point = decode_beyond_ascii(text, place);
    const std::size_t block = kNfcBlocks[point.value / 128];
    const std::uint8_t combining = kNfcValues[block * 128 + point.value % 128];
    if (combining == kUnsure || (combining != 0 && combining < last)) {
      return false;
    }
    last = combining;
    place += point.size;
  }
  return true;
}

} // namespace pensieve::bpe
