#include "bpe/token_table.hpp"

#include "bpe/hash.hpp"

#include <cstring>
#include <stdexcept>

namespace pensieve::bpe {

namespace {

template <typename Word> std::uint64_t load(const char* from) {
  Word word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// The 1 to 8 bytes of `text`, the first one lowest. Loads overlap instead of looping.
std::uint64_t short_bits(std::string_view text) {
  const char* start = text.data();
  const std::size_t size = text.size();
  if (size >= 4) {
    const std::size_t last = size - 4;
    return load<std::uint32_t>(start) | load<std::uint32_t>(start + last)
                                            << (8U * static_cast<unsigned>(last));
  }
  const std::size_t middle = size / 2;
  return load<std::uint8_t>(start) |
         load<std::uint8_t>(start + middle) << (8U * static_cast<unsigned>(middle)) |
         load<std::uint8_t>(start + size - 1) << (8U * static_cast<unsigned>(size - 1));
}

std::uint64_t long_bits(std::string_view text) {
  std::uint64_t bits = text.size();
  for (std::size_t place = 0; place + 8 < text.size(); place += 8) {
    bits = mixed(bits ^ load<std::uint64_t>(text.data() + place));
  }
  return mixed(bits ^ load<std::uint64_t>(text.data() + text.size() - 8));
}

} // namespace

TextKey key_of(std::string_view text) {
  if (text.empty()) {
    return {0, 0};
  }
  const std::uint64_t bits = text.size() <= 8 ? short_bits(text) : long_bits(text);
  return {bits, mixed(bits + text.size())};
}

TokenTable::TokenTable(std::size_t capacity)
    : slots_(table_size(capacity)), shift_(table_shift(slots_.size())) {
}

void TokenTable::insert(std::string_view text, std::uint32_t id) {
  const TextKey key = key_of(text);
  if (text.empty() || find(text, key) != kNoToken) {
    return;
  }
  std::size_t index = key.hash >> shift_;
  while (slots_[index].place != 0) {
    index = (index + 1) & (slots_.size() - 1);
  }
  std::size_t place = text.size();
  if (text.size() > kInlineBytes) {
    place = kInlineBytes + 1 + texts_.size();
    if (place + text.size() > UINT32_MAX) {
      throw std::length_error("[bpe] tokens: expected less than 4 GB");
    }
    const auto size = static_cast<std::uint32_t>(text.size());
    texts_.append(reinterpret_cast<const char*>(&size), sizeof size);
    texts_ += text;
  }
  slots_[index] = {key.bits, id, static_cast<std::uint32_t>(place)};
}

bool TokenTable::is_long_text_at(std::size_t offset, std::string_view text) const {
  const auto size = load<std::uint32_t>(texts_.data() + offset);
  return size == text.size() &&
         std::memcmp(texts_.data() + offset + sizeof(std::uint32_t), text.data(),
                     text.size()) == 0;
}

} // namespace pensieve::bpe
