#include "bpe/added_tokens.hpp"

#include "bpe/token_table.hpp"
#include "bpe/utf8.hpp"

#include <algorithm>
#include <stdexcept>

namespace pensieve::bpe {

namespace {

// Unicode's White_Space.
bool is_space(std::uint32_t character) {
  return (character >= 0x09 && character <= 0x0d) || character == 0x20 ||
         character == 0x85 || character == 0xa0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200a) || character == 0x2028 ||
         character == 0x2029 || character == 0x202f || character == 0x205f ||
         character == 0x3000;
}

// Where the white space begins that ends at `end`, but not before `first`.
std::size_t spaces_start(std::string_view text, std::size_t first, std::size_t end) {
  while (end > first) {
    const std::size_t start = code_point_before(text, end);
    if (!is_space(code_point_at(text, start).value)) {
      break;
    }
    end = start;
  }
  return end;
}

std::size_t spaces_end(std::string_view text, std::size_t start) {
  while (start < text.size()) {
    const CodePoint character = code_point_at(text, start);
    if (!is_space(character.value)) {
      break;
    }
    start += character.size;
  }
  return start;
}

} // namespace

AddedTokens::AddedTokens(std::span<const AddedToken> tokens) {
  if (std::ranges::all_of(tokens, &AddedToken::is_text)) {
    return;
  }
  for (const AddedToken& token : tokens) {
    if (token.text.empty() || token.text.size() > kMaxBytes) {
      throw std::invalid_argument("[bpe] added token " + std::to_string(token.id) +
                                  ": expected 1 to 1024 bytes, got " +
                                  std::to_string(token.text.size()));
    }
  }
  tokens_.assign(tokens.begin(), tokens.end());
  std::ranges::sort(tokens_, {}, &AddedToken::text);
  nodes_.emplace_back();
  std::vector<Branch> branches{{0, 0, tokens_}};
  while (!branches.empty()) {
    const Branch branch = branches.back();
    branches.pop_back();
    grow(branch, branches);
  }
  for (const AddedToken& token : tokens_) {
    begins_[static_cast<std::uint8_t>(token.text.front())] = true;
  }
}

void AddedTokens::split(std::string_view text, std::vector<Span>& spans) const {
  std::size_t done = 0;  // up to here there are spans
  std::size_t place = 0; // from here on tokens are looked for
  std::size_t taken = 0; // where the white space ends that a token took last
  while (!tokens_.empty()) {
    while (place < text.size() && !begins_[static_cast<std::uint8_t>(text[place])]) {
      ++place;
    }
    if (place == text.size()) {
      break;
    }
    const AddedToken* token = longest_at(text, place);
    if (token == nullptr) {
      ++place;
      continue;
    }
    std::size_t start = place;
    place += token->text.size();
    if (token->is_text) {
      continue;
    }
    std::size_t end = place;
    if (token->takes_before) {
      start = start < done ? done : spaces_start(text, done, start);
    }
    if (token->takes_after) {
      taken = end < taken ? taken : spaces_end(text, end);
      end = taken;
    }
    if (done < start) {
      spans.push_back({kNoToken, text.substr(done, start - done)});
    }
    spans.push_back({token->id, text.substr(start, end - start)});
    done = end; // can be before what a token took: then that comes again
  }
  if (done != text.size()) {
    spans.push_back({kNoToken, text.substr(done)});
  }
}

void AddedTokens::grow(Branch branch, std::vector<Branch>& more) {
  auto [node, depth, tokens] = branch;
  if (tokens.front().text.size() == depth) { // sorted: what ends here is first
    nodes_[node].token = static_cast<std::uint32_t>(&tokens.front() - tokens_.data());
    tokens = tokens.subspan(1);
  }
  nodes_[node].first_edge = static_cast<std::uint32_t>(edges_.size());
  while (!tokens.empty()) {
    const auto byte = static_cast<std::uint8_t>(tokens.front().text[depth]);
    std::size_t size = 1;
    while (size < tokens.size() &&
           static_cast<std::uint8_t>(tokens[size].text[depth]) == byte) {
      ++size;
    }
    const auto child = static_cast<std::uint32_t>(nodes_.size());
    nodes_.emplace_back();
    edges_.push_back({byte, child});
    ++nodes_[node].num_edges;
    more.push_back({child, depth + 1, tokens.first(size)});
    tokens = tokens.subspan(size);
  }
}

const AddedToken* AddedTokens::longest_at(std::string_view text,
                                          std::size_t start) const {
  const AddedToken* longest = nullptr;
  const Node* node = nodes_.data();
  for (std::size_t place = start; place < text.size(); ++place) {
    const auto byte = static_cast<std::uint8_t>(text[place]);
    const auto edges = std::span(edges_).subspan(node->first_edge, node->num_edges);
    const auto found = std::ranges::lower_bound(edges, byte, {}, &Edge::byte);
    if (found == edges.end() || found->byte != byte) {
      break;
    }
    node = &nodes_[found->node];
    if (node->token != UINT32_MAX) {
      longest = &tokens_[node->token];
    }
  }
  return longest;
}

} // namespace pensieve::bpe
