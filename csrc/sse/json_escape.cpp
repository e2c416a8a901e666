#include "sse/json_escape.hpp"

#include "sse/escape_block.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pensieve::sse {

namespace {

constexpr std::size_t kEscapeBytes = 8; // room for the longest, `\\u001f`
constexpr std::size_t kTailBytes = 2 * kBlockBytes;

using Escape = std::array<char, kEscapeBytes>;

constexpr char short_escape(char character) {
  switch (character) {
  case '\b':
    return 'b';
  case '\f':
    return 'f';
  case '\n':
    return 'n';
  case '\r':
    return 'r';
  case '\t':
    return 't';
  default:
    return character; // `"` or `\`
  }
}

// What is written for each byte that is escaped.
constexpr std::array<Escape, 256> kEscapes = [] {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::array<Escape, 256> escapes{};
  for (std::size_t byte = 0; byte < escapes.size(); ++byte) {
    const auto character = static_cast<char>(byte);
    if (kExtraBytes.at(byte) == 1) {
      escapes.at(byte) = {'\\', short_escape(character)};
    } else if (byte < 0x20) {
      escapes.at(byte) = {
          '\\', 'u', '0', '0', kHexDigits[byte >> 4U], kHexDigits[byte & 15U]};
    }
  }
  return escapes;
}();

// Escapes one block. Reads up to another block behind it, and writes as much beyond
// what it returns: the rest of the block is copied whole behind each escape.
char* escape_block(std::string_view text, char* out) {
  const EscapeBlock block(text);
  block.store(out);
  std::size_t done = 0;
  for (Places places = block.special(); !places.empty();) {
    const std::size_t place = places.next();
    out += place - done;
    const auto byte = static_cast<std::uint8_t>(text[place]);
    std::memcpy(out, kEscapes[byte].data(), kEscapeBytes);
    out += 1U + kExtraBytes[byte];
    done = place + 1;
    std::memcpy(out, text.data() + done, kBlockBytes);
  }
  return out + (kBlockBytes - done);
}

// The end of a text, shorter than kTailBytes, with plain bytes behind it: what is read
// there is not the text's.
class Tail {
public:
  explicit Tail(std::string_view text) : size_(text.size()) {
    bytes_.fill('x');
    std::memcpy(bytes_.data(), text.data(), size_);
  }

  [[nodiscard]] std::size_t escaped_size() const {
    return size_ + EscapeBlock(padded()).extra() +
           EscapeBlock(padded().substr(kBlockBytes)).extra();
  }

  char* escape(char* out) const {
    std::array<char, 6 * kTailBytes + kBlockBytes> escaped; // NOLINT(*-member-init)
    char* end = escape_block(padded(), escaped.data());
    if (size_ > kBlockBytes) {
      end = escape_block(padded().substr(kBlockBytes), end) - kBlockBytes;
    }
    end -= kBlockBytes;
    end += size_;
    const auto num_written = static_cast<std::size_t>(end - escaped.data());
    std::memcpy(out, escaped.data(), num_written);
    return out + num_written;
  }

private:
  [[nodiscard]] std::string_view padded() const {
    return {bytes_.data(), bytes_.size()};
  }

  std::array<char, kTailBytes + kBlockBytes> bytes_{};
  std::size_t size_;
};

// Whether nothing in the end of a text is escaped.
bool is_plain(std::string_view tail) {
  if (tail.size() < kBlockBytes) {
    return std::ranges::all_of(
        tail, [](char character) { return extra_bytes(character) == 0; });
  }
  const EscapeBlock last(tail.substr(tail.size() - kBlockBytes));
  return EscapeBlock(tail).special().empty() && last.special().empty();
}

} // namespace

std::size_t escaped_size(std::string_view text) {
  std::size_t size = 0;
  while (text.size() >= kTailBytes) {
    size += kBlockBytes + EscapeBlock(text).extra();
    text.remove_prefix(kBlockBytes);
  }
  return text.empty() ? size : size + Tail(text).escaped_size();
}

char* escape(std::string_view text, char* out) {
  // No byte gets shorter, so as long as there is another block to read, there is room
  // to write one.
  while (text.size() >= kTailBytes) {
    out = escape_block(text, out);
    text.remove_prefix(kBlockBytes);
  }
  if (is_plain(text)) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
  }
  return Tail(text).escape(out);
}

} // namespace pensieve::sse
