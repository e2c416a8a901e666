#include "sse/json_escape.hpp"

#include "sse/escape_block.hpp"

#include <array>
#include <cstring>

namespace pensieve::sse {

namespace {

constexpr std::size_t kEscapeBytes = 8; // room for the longest, `\\u001f`, and its size
constexpr std::size_t kTailBytes = 2 * kBlockBytes;
constexpr std::size_t kPaddingBytes = 2 * kBlockBytes; // see escape_block

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

// What is written for each byte that is escaped, and in the last byte how much it is.
// PERF: one load for both.
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
    escapes.at(byte).back() = static_cast<char>(1 + kExtraBytes.at(byte));
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
    const Escape& escape = kEscapes[static_cast<std::uint8_t>(text[place])];
    std::memcpy(out, escape.data(), kEscapeBytes);
    out += escape.back();
    done = place + 1;
    std::memcpy(out, text.data() + done, kBlockBytes);
  }
  return out + (kBlockBytes - done);
}

// Escapes a text but for its last kPaddingBytes, which are plain. Writes up to as many
// beyond what it returns.
char* escape_padded(std::string_view text, char* out) {
  const std::size_t size = text.size() - kPaddingBytes;
  std::size_t done = 0;
  for (; done < size; done += kBlockBytes) {
    out = escape_block(text.substr(done), out);
  }
  return out - (done - size);
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
    std::array<char, 6 * kTailBytes + kPaddingBytes> escaped; // NOLINT(*-member-init)
    const char* end = escape_padded(padded(), escaped.data());
    const auto num_written = static_cast<std::size_t>(end - escaped.data());
    std::memcpy(out, escaped.data(), num_written);
    return out + num_written;
  }

private:
  [[nodiscard]] std::string_view padded() const {
    return {bytes_.data(), size_ + kPaddingBytes};
  }

  std::array<char, kTailBytes + kPaddingBytes> bytes_{};
  std::size_t size_;
};

} // namespace

std::size_t escaped_size(std::string_view text) {
  std::size_t size = 0;
  while (text.size() >= kTailBytes) {
    size += kBlockBytes + EscapeBlock(text).extra();
    text.remove_prefix(kBlockBytes);
  }
  return text.empty() ? size : size + Tail(text).escaped_size();
}

bool is_plain(std::string_view text) {
  if (text.size() < kBlockBytes) {
    std::array<char, kBlockBytes> padded{};
    padded.fill('x');
    std::memcpy(padded.data(), text.data(), text.size());
    return EscapeBlock({padded.data(), padded.size()}).special().empty();
  }
  const std::string_view last = text.substr(text.size() - kBlockBytes);
  for (; text.size() > kBlockBytes; text.remove_prefix(kBlockBytes)) {
    if (!EscapeBlock(text).special().empty()) {
      return false;
    }
  }
  return EscapeBlock(last).special().empty();
}

char* escape_short(std::string_view text, char* out) {
  // PERF: the end is copied by a size that is known here, where there is so much.
  std::array<char, kTailBytes + kPaddingBytes> end; // NOLINT(*-member-init)
  std::size_t first = 0;
  if (text.size() >= kTailBytes) {
    first = kTailBytes - (text.size() % kBlockBytes + kBlockBytes);
    std::memcpy(end.data(), text.data() + (text.size() - kTailBytes), kTailBytes);
    std::memset(end.data() + kTailBytes, 'x', kPaddingBytes);
  } else {
    std::memcpy(end.data(), text.data(), text.size());
    std::memset(end.data() + text.size(), 'x', kPaddingBytes);
  }
  for (; text.size() >= kTailBytes; text.remove_prefix(kBlockBytes)) {
    out = escape_block(text, out);
  }
  return escape_padded({end.data() + first, text.size() + kPaddingBytes}, out);
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
