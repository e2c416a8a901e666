#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pensieve::detokenize {

// How a vocabulary writes bytes.
enum class Scheme : std::uint8_t {
  // A letter for each byte. Source: GPT-2's encoder.py, bytes_to_unicode.
  kByteLevel,
  // SentencePiece: text with U+2581 for spaces; what has no token is tokens of one byte
  // each, `<0x0A>`.
  kByteFallback,
};

// What one token adds to a text.
struct Piece {
  std::string bytes;
  bool is_text = false;   // whole characters
  bool is_byte = false;   // kByteFallback: one byte of a character
  bool is_silent = false; // no part of any text
};

// As Hugging Face's decoders ByteLevel, or Replace and ByteFallback, take a token.
// `token` is UTF-8. A byte-level token with a character that stands for no byte (one
// that was added to the vocabulary) is its own text.
Piece piece_of(Scheme scheme, std::string_view token);

} // namespace pensieve::detokenize
