#include "detokenize/utf8_assembler.hpp"

#include <algorithm>

namespace pensieve::detokenize {

Utf8Assembler::Step Utf8Assembler::take(std::uint8_t byte) {
  if (size_ == 0) {
    return begin(byte);
  }
  if (byte < lowest_ || byte > highest_) {
    return Step::kWrong;
  }
  lowest_ = 0x80;
  highest_ = 0xbf;
  held_[size_++] = static_cast<char>(byte);
  return size_ == whole_size_ ? Step::kWhole : Step::kHeld;
}

Utf8Assembler::Step Utf8Assembler::begin(std::uint8_t byte) {
  lowest_ = 0x80;
  highest_ = 0xbf;
  if (byte < 0x80) {
    whole_size_ = 1;
  } else if (byte >= 0xc2 && byte <= 0xdf) {
    whole_size_ = 2;
  } else if (byte >= 0xe0 && byte <= 0xef) {
    whole_size_ = 3;
    lowest_ = byte == 0xe0 ? 0xa0 : 0x80;  // else it could be shorter
    highest_ = byte == 0xed ? 0x9f : 0xbf; // else a surrogate
  } else if (byte >= 0xf0 && byte <= 0xf4) {
    whole_size_ = 4;
    lowest_ = byte == 0xf0 ? 0x90 : 0x80;
    highest_ = byte == 0xf4 ? 0x8f : 0xbf; // else above U+10FFFF
  } else {
    return Step::kWrong;
  }
  held_[size_++] = static_cast<char>(byte);
  return size_ == whole_size_ ? Step::kWhole : Step::kHeld;
}

bool is_utf8(std::string_view bytes) {
  Utf8Assembler assembler;
  const bool has_no_wrong = std::ranges::all_of(bytes, [&](char byte) {
    const Utf8Assembler::Step step = assembler.take(static_cast<std::uint8_t>(byte));
    if (step == Utf8Assembler::Step::kWhole) {
      assembler.clear();
    }
    return step != Utf8Assembler::Step::kWrong;
  });
  return has_no_wrong && assembler.held().empty();
}

} // namespace pensieve::detokenize
