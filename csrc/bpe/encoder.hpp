#pragma once

#include "bpe/added_tokens.hpp"
#include "bpe/alphabet.hpp"
#include "bpe/cuts.hpp"
#include "bpe/description.hpp"
#include "bpe/merge_table.hpp"
#include "bpe/scratch.hpp"
#include "bpe/token_table.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

// What is done to a text before it is merged.
enum class Steps : std::uint8_t {
  kAll,
  kAfterNormalizing, // it was taken out from between raw tokens, and normalised
};

// Tokens of text, as Hugging Face's tokenizers has them without special tokens.
// Any thread may use it: what changes is in scratches that a call has for itself.
class Encoder {
public:
  // std::invalid_argument: "[bpe] …", an id that no token can have.
  explicit Encoder(const Description& description);

  // The number of tokens; with `ids`, they are appended to them. `text` is UTF-8, of
  // less than 2 GiB (std::length_error). Nothing if a watched token is among them.
  std::optional<std::size_t> encode(std::string_view text, Steps steps,
                                    std::vector<std::uint32_t>* ids) const;

  // Appends the raw tokens and the text between them.
  void split_raw(std::string_view text, std::vector<Span>& spans) const {
    raw_tokens_.split(text, spans);
  }

private:
  class Output;

  void add_normalized(std::string_view text, bool is_start, Scratch& scratch,
                      Output& out) const;
  void add_text(std::string_view text, bool is_start, Scratch& scratch,
                Output& out) const;
  void add_piece(std::string_view piece, Scratch& scratch, Output& out) const;
  [[nodiscard]] std::string_view normalized(std::string_view text,
                                            std::string& into) const;
  [[nodiscard]] std::string_view spaced(std::string_view text, bool is_start,
                                        std::string& into) const;
  void find_wholes(const Description& description);
  void find_cuts(const Description& description);

  MergeTable merges_;
  Alphabet alphabet_;
  TokenTable wholes_; // pieces that are one token
  AddedTokens raw_tokens_;
  AddedTokens normalized_tokens_;
  std::optional<Cuts> cuts_;
  std::vector<bool> is_watched_; // by id; empty: none
  PieceEnd piece_end_;
  bool is_byte_level_;
  bool prepends_;
  bool replaces_spaces_;
  bool is_metaspace_;
  SpaceBefore space_before_;
  mutable ScratchPool scratches_;
};

} // namespace pensieve::bpe
