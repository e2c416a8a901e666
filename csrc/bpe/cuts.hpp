#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

// Where a text may be cut so that its parts are merged as the whole would be: between
// two characters that no merge has at its seam. (Any merge across such a place would
// join a token that ends in the first to one that begins with the second.)
class Cuts {
public:
  Cuts();

  // A merge joins these two tokens, which are not empty.
  void add_merge(std::string_view left, std::string_view right);

  // Where the part ends that begins at `start`, which is before the end of `text`.
  [[nodiscard]] std::size_t part_end(std::string_view text, std::size_t start) const;

private:
  static std::size_t bit_of(std::uint32_t before, std::uint32_t after);

  // Bits of pairs of characters that have a seam. Others may share a bit, and then are
  // not cut apart, which is never wrong.
  std::vector<std::uint64_t> seams_;
};

} // namespace pensieve::bpe
