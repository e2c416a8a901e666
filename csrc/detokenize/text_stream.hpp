#pragma once

#include "detokenize/piece.hpp"
#include "detokenize/utf8_assembler.hpp"

#include <cstddef>
#include <string>

namespace pensieve::detokenize {

// The text of one answer, as its tokens come: any number of `feed`, then `finish`.
//
// Never with half a character, and valid UTF-8. Bytes that are none become U+FFFD:
// kByteLevel writes one for as many as could have begun a character (as Rust's
// String::from_utf8_lossy), kByteFallback one for each byte, and for all that follow up
// to the next token that is no byte.
class TextStream {
public:
  // num_stripped: as many spaces are dropped where the text begins with them.
  TextStream() = default;
  TextStream(Scheme scheme, std::size_t num_stripped)
      : scheme_(scheme), num_stripped_(num_stripped) {}

  // Appends what is certain.
  void feed(const Piece& piece, std::string& out);

  // Appends what was held back.
  void finish(std::string& out);

private:
  void take(std::uint8_t byte, std::string& out);
  void replace_held(std::string& out);
  void strip(std::string& out, std::size_t start);

  Scheme scheme_ = Scheme::kByteLevel;
  std::size_t num_stripped_ = 0;
  Utf8Assembler assembler_;
  bool is_broken_ = false; // kByteFallback: a run of bytes that has a wrong one
};

} // namespace pensieve::detokenize
