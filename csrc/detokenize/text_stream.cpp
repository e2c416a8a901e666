#include "detokenize/text_stream.hpp"

namespace pensieve::detokenize {

void TextStream::feed(const Piece& piece, std::string& out) {
  if (piece.is_silent) {
    return;
  }
  const std::size_t start = out.size();
  if (scheme_ == Scheme::kByteFallback && !piece.is_byte) {
    replace_held(out);
    is_broken_ = false;
  }
  if (piece.is_text && assembler_.held().empty()) {
    out += piece.bytes;
  } else {
    for (const char byte : piece.bytes) {
      take(static_cast<std::uint8_t>(byte), out);
    }
  }
  strip(out, start);
}

void TextStream::finish(std::string& out) {
  const std::size_t start = out.size();
  replace_held(out);
  strip(out, start);
}

void TextStream::take(std::uint8_t byte, std::string& out) {
  if (is_broken_) {
    out += kReplacement;
    return;
  }
  Utf8Assembler::Step step = assembler_.take(byte);
  if (step == Utf8Assembler::Step::kWrong) {
    const bool is_alone = assembler_.held().empty();
    replace_held(out);
    is_broken_ = scheme_ == Scheme::kByteFallback;
    if (!is_alone && !is_broken_) {
      step = assembler_.take(byte); // it may begin a character itself
    }
  }
  if (step == Utf8Assembler::Step::kWrong) {
    out += kReplacement;
  } else if (step == Utf8Assembler::Step::kWhole) {
    out += assembler_.held();
    assembler_.clear();
  }
}

void TextStream::replace_held(std::string& out) {
  const std::size_t size = assembler_.held().size();
  const std::size_t times =
      scheme_ == Scheme::kByteFallback ? size : static_cast<std::size_t>(size != 0);
  for (std::size_t i = 0; i < times; ++i) {
    out += kReplacement;
  }
  assembler_.clear();
}

void TextStream::strip(std::string& out, std::size_t start) {
  while (num_stripped_ != 0 && start < out.size()) {
    if (out[start] != ' ') {
      num_stripped_ = 0;
      return;
    }
    out.erase(start, 1);
    --num_stripped_;
  }
}

} // namespace pensieve::detokenize
