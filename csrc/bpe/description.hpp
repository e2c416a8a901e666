#pragma once

#include "bpe/added_tokens.hpp"
#include "bpe/merge_table.hpp"
#include "bpe/splitter.hpp"
#include "bpe/token_table.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace pensieve::bpe {

struct Token {
  std::string text; // the bytes that it stands for, as merging sees them
  std::uint32_t id;
};

// Where SentencePiece's space is written before a text that does not begin with one.
enum class SpaceBefore : std::uint8_t { kNever, kFirstText, kEveryText };

// All that an encoder is made of.
struct Description {
  std::vector<Token> tokens;
  std::vector<Merge> merges;                 // by rank
  std::vector<AddedToken> raw_tokens;        // found before text is normalised
  std::vector<AddedToken> normalized_tokens; // found in what is left, afterwards
  std::vector<std::uint32_t> watched;        // ids whose coming from text is told

  std::uint32_t unknown =
      kNoToken;               // for what has no token; without it that is left out
  bool fuses_unknown = false; // neighbours become one

  // Byte-level BPE.
  bool is_byte_level = false;
  Splitter splitter = Splitter::kNone;
  bool keeps_whole = false; // a piece that is a token is that, whatever its merges say

  // SentencePiece's BPE. Each step is done where it is set, in this order.
  std::array<std::uint32_t, 256> byte_tokens{}; // all of them, for what has no token
  bool has_byte_tokens = false;
  bool prepends = false;        // a space, to every text, before normalized_tokens
  bool replaces_spaces = false; // before normalized_tokens
  bool is_metaspace = false;    // replaces them after those
  SpaceBefore space_before = SpaceBefore::kNever; // with is_metaspace
};

} // namespace pensieve::bpe
