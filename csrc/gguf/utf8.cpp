#include "gguf/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace pensieve::gguf {

namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

// How a first byte above 0x7f goes on: `size` bytes in all, the second from `low` to
// `high`, the others from 0x80 to 0xbf. A size of 0 begins nothing.
struct Lead {
  std::size_t size;
  unsigned low;
  unsigned high;
};

Lead lead_of(unsigned byte) {
  if (byte < 0xc2 || byte > 0xf4) {
    return {0, 0, 0};
  }
  if (byte < 0xe0) {
    return {2, 0x80, 0xbf};
  }
  if (byte < 0xf0) {
    return {3, byte == 0xe0 ? 0xa0U : 0x80U, byte == 0xed ? 0x9fU : 0xbfU};
  }
  return {4, byte == 0xf0 ? 0x90U : 0x80U, byte == 0xf4 ? 0x8fU : 0xbfU};
}

bool is_whole(std::string_view text, const Lead& lead) {
  if (lead.size == 0 || lead.size > text.size()) {
    return false;
  }
  for (std::size_t place = 1; place < lead.size; ++place) {
    const auto byte = static_cast<unsigned char>(text[place]);
    const unsigned low = place == 1 ? lead.low : 0x80U;
    const unsigned high = place == 1 ? lead.high : 0xbfU;
    if (byte < low || byte > high) {
      return false;
    }
  }
  return true;
}

} // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t place = 0;
  while (place < text.size()) {
    // PERF: most of a vocabulary is ASCII, eight bytes at a time;
    // bench/native/bench_gguf.py
    std::uint64_t eight = 0;
    if (text.size() - place >= sizeof eight) {
      std::memcpy(&eight, text.data() + place, sizeof eight);
      if ((eight & kHighBits) == 0) {
        place += sizeof eight;
        continue;
      }
    }
    const auto byte = static_cast<unsigned char>(text[place]);
    if (byte < 0x80) {
      ++place;
      continue;
    }
    const Lead lead = lead_of(byte);
    if (!is_whole(text.substr(place), lead)) {
      return place;
    }
    place += lead.size;
  }
  return place;
}

Utf8Extent utf8_extent(std::string_view text) {
  std::size_t num_characters = 0;
  unsigned highest = 0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    num_characters += (byte & 0xc0U) != 0x80 ? 1U : 0U;
    highest = byte > highest ? byte : highest; // a lead, if any byte is above 0xbf
  }
  if (highest < 0x80) {
    return {num_characters, 0x7f};
  }
  if (highest < 0xc4) {
    return {num_characters, 0xff};
  }
  return {num_characters, highest < 0xf0 ? 0xffffU : 0x10ffffU};
}

} // namespace pensieve::gguf
