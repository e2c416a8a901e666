#include "bpe/alphabet.hpp"

#include "bpe/utf8.hpp"

namespace pensieve::bpe {

namespace {

bool is_one_character(std::string_view text) {
  return !text.empty() && code_point_at(text, 0).size == text.size();
}

} // namespace

Alphabet::Alphabet(const Description& description)
    : is_byte_level_(description.is_byte_level),
      has_byte_tokens_(description.has_byte_tokens),
      fuses_unknown_(description.fuses_unknown), unknown_(description.unknown) {
  if (!is_byte_level_) {
    bytes_ = description.byte_tokens;
    std::size_t num_characters = 0;
    for (const Token& token : description.tokens) {
      num_characters += is_one_character(token.text) ? 1U : 0U;
    }
    characters_ = TokenTable(num_characters);
    for (const Token& token : description.tokens) {
      if (is_one_character(token.text)) {
        characters_.insert(token.text, token.id);
      }
    }
    return;
  }
  bytes_.fill(kNoToken);
  for (const Token& token : description.tokens) {
    if (token.text.size() == 1) {
      bytes_[static_cast<std::uint8_t>(token.text.front())] = token.id;
    }
  }
}

void Alphabet::symbols(std::string_view piece, std::vector<std::uint32_t>& ids) const {
  bool has_unknown = false; // one that is not yet in `ids`
  std::size_t start = 0;
  while (start < piece.size()) {
    const std::size_t size = is_byte_level_ ? 1 : code_point_at(piece, start).size;
    const std::string_view character = piece.substr(start, size);
    const auto lead = static_cast<std::uint8_t>(character.front());
    const std::uint32_t id =
        is_byte_level_ ? bytes_[lead] : characters_.find(character);
    start += size;
    if (id != kNoToken) {
      if (has_unknown) {
        ids.push_back(unknown_);
        has_unknown = false;
      }
      ids.push_back(id);
    } else if (has_byte_tokens_) {
      for (const char byte : character) {
        ids.push_back(bytes_[static_cast<std::uint8_t>(byte)]);
      }
    } else if (unknown_ != kNoToken) {
      if (has_unknown && !fuses_unknown_) {
        ids.push_back(unknown_);
      }
      has_unknown = true;
    }
  }
  if (has_unknown) {
    ids.push_back(unknown_);
  }
}

} // namespace pensieve::bpe
