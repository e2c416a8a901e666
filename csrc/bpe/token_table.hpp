#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

inline constexpr std::uint32_t kNoToken = UINT32_MAX;

// What a table needs of a key, taken once for each text that is looked up.
struct TextKey {
  std::uint64_t bits; // up to 8 bytes: the bytes themselves; else a hash of them
  std::uint64_t hash;
};

TextKey key_of(std::string_view text);

// Text → token id. Open addressing; never changed once it is built,
// so any thread may read it.
class TokenTable {
public:
  explicit TokenTable(std::size_t capacity = 0);

  // A text that is there already keeps its id. The empty text is not kept.
  // std::length_error: all texts together have more than 4 GB.
  void insert(std::string_view text, std::uint32_t id);

  [[nodiscard]] std::uint32_t find(std::string_view text) const {
    return find(text, key_of(text));
  }

  // kNoToken where there is none. `key` is that of `text`.
  [[nodiscard]] std::uint32_t find(std::string_view text, TextKey key) const {
    std::size_t place = key.hash >> shift_;
    while (true) {
      const Slot& slot = slots_[place];
      if (slot.bits == key.bits && is_at(slot.place, text)) {
        return slot.id;
      }
      if (slot.place == 0) {
        return kNoToken;
      }
      place = (place + 1) & (slots_.size() - 1);
    }
  }

private:
  static constexpr std::size_t kInlineBytes = 8;

  struct Slot {
    std::uint64_t bits = 0;
    std::uint32_t id = kNoToken;
    // The size of a text that `bits` holds; of others, where it is in texts_, and
    // kInlineBytes + 1 more. 0: free.
    std::uint32_t place = 0;
  };

  // Whether `text`, whose bits are there, is the whole text there.
  [[nodiscard]] bool is_at(std::uint32_t place, std::string_view text) const {
    if (text.size() <= kInlineBytes) {
      return place == text.size();
    }
    return place > kInlineBytes && is_long_text_at(place - kInlineBytes - 1, text);
  }

  [[nodiscard]] bool is_long_text_at(std::size_t offset, std::string_view text) const;

  std::vector<Slot> slots_;
  std::string texts_; // each after its size, of 4 bytes
  unsigned shift_;
};

} // namespace pensieve::bpe
