#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pensieve::bpe {

// A token that is found whole in text, before anything is merged.
struct AddedToken {
  std::string text;
  std::uint32_t id;
  bool is_text;      // only hides what begins inside of it: it stays text
  bool takes_before; // white space before it belongs to it
  bool takes_after;
};

// What becomes one token; or, for kNoToken, the text between two such.
struct Span {
  std::uint32_t id;
  std::string_view text;
};

// Finds added tokens: the leftmost, and of those that begin there the longest, and goes
// on after it. As Hugging Face's tokenizers does, also where tokens take white space.
class AddedTokens {
public:
  // A longer one is refused: finding it may take as many steps at each place.
  static constexpr std::size_t kMaxBytes = 1024;

  AddedTokens() = default;

  // std::invalid_argument: one is empty or too long.
  explicit AddedTokens(std::span<const AddedToken> tokens);

  // Appends the spans of `text`, none of them empty, to `spans`.
  void split(std::string_view text, std::vector<Span>& spans) const;

private:
  struct Node {
    std::uint32_t first_edge = 0;
    std::uint32_t num_edges = 0;
    std::uint32_t token = UINT32_MAX; // in tokens_, of the token that ends here
  };
  struct Edge {
    std::uint8_t byte;
    std::uint32_t node;
  };

  // Where a node is to be filled in: with tokens that begin alike up to its depth.
  struct Branch {
    std::uint32_t node;
    std::size_t depth;
    std::span<const AddedToken> tokens; // sorted
  };

  void grow(Branch branch, std::vector<Branch>& more);
  [[nodiscard]] const AddedToken* longest_at(std::string_view text,
                                             std::size_t start) const;

  std::vector<AddedToken> tokens_; // none, if all of them are text
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::array<bool, 256> begins_{}; // by first byte
};

} // namespace pensieve::bpe
