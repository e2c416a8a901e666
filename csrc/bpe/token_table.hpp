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

// Text → token id. Open addressing, at most half full; never changed once it is built,
// so any thread may read it.
class TokenTable {
public:
  explicit TokenTable(std::size_t capacity = 0);

  // A text that is there already keeps its id. The empty text is not kept.
  void insert(std::string_view text, std::uint32_t id);

  [[nodiscard]] std::uint32_t find(std::string_view text) const {
    return find(text, key_of(text));
  }

  // kNoToken where there is none. `key` is that of `text`.
  [[nodiscard]] std::uint32_t find(std::string_view text, TextKey key) const {
    std::size_t place = key.hash >> shift_;
    while (true) {
      const Slot& slot = slots_[place];
      if (slot.bits == key.bits && slot.size == text.size() &&
          (text.size() <= kInlineBytes || is_at(slot.offset, text))) {
        return slot.id;
      }
      if (slot.size == 0) {
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
    std::uint32_t size = 0; // 0: free
    std::size_t offset = 0; // in texts_, of texts that `bits` does not hold
  };

  [[nodiscard]] bool is_at(std::size_t offset, std::string_view text) const {
    return std::string_view(texts_).substr(offset, text.size()) == text;
  }

  std::vector<Slot> slots_;
  std::string texts_;
  unsigned shift_;
};

} // namespace pensieve::bpe
