#include "detokenize/piece.hpp"

#include "detokenize/utf8_assembler.hpp"

#include <array>
#include <charconv>
#include <optional>

namespace pensieve::detokenize {

namespace {

constexpr std::string_view kSpace = "\xe2\x96\x81"; // U+2581
constexpr std::size_t kLetters = 0x144;             // the highest is U+0143
constexpr std::int16_t kNone = -1;

constexpr bool stands_for_itself(std::size_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         byte >= 0xae;
}

// The byte that a character stands for, by its code point.
constexpr std::array<std::int16_t, kLetters> kByteOfLetter = [] {
  std::array<std::int16_t, kLetters> bytes{};
  bytes.fill(kNone);
  std::size_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const std::size_t letter = stands_for_itself(byte) ? byte : next++;
    bytes.at(letter) = static_cast<std::int16_t>(byte);
  }
  return bytes;
}();

std::optional<std::string> letters_as_bytes(std::string_view token) {
  std::string bytes;
  std::size_t place = 0;
  while (place < token.size()) {
    // Of one byte, or of two from U+0080 to U+07FF; longer ones stand for nothing.
    std::size_t letter = static_cast<std::uint8_t>(token[place++]);
    if (letter >= 0x80) {
      if (letter >= 0xe0 || place == token.size()) {
        return std::nullopt;
      }
      const auto next = static_cast<std::uint8_t>(token[place++]);
      letter = ((letter & 0x1fU) << 6U) | (next & 0x3fU);
    }
    if (letter >= kLetters || kByteOfLetter.at(letter) == kNone) {
      return std::nullopt;
    }
    bytes += static_cast<char>(kByteOfLetter.at(letter));
  }
  return bytes;
}

std::string with_spaces(std::string_view token) {
  std::string text;
  for (;;) {
    const std::size_t place = token.find(kSpace);
    text += token.substr(0, place);
    if (place == std::string_view::npos) {
      return text;
    }
    text += ' ';
    token.remove_prefix(place + kSpace.size());
  }
}

// `<0x0A>`: the byte. As Rust's u8::from_str_radix reads it, a sign may lead.
std::optional<char> written_byte(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || !text.ends_with('>')) {
    return std::nullopt;
  }
  std::string_view digits = text.substr(3, 2);
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
  }
  std::uint8_t byte = 0;
  const char* const begin = digits.data();
  const char* const end = begin + digits.size();
  const std::from_chars_result read = std::from_chars(begin, end, byte, 16);
  if (read.ec != std::errc() || read.ptr != end) {
    return std::nullopt;
  }
  return static_cast<char>(byte);
}

} // namespace

Piece piece_of(Scheme scheme, std::string_view token) {
  if (scheme == Scheme::kByteLevel) {
    std::string bytes = letters_as_bytes(token).value_or(std::string(token));
    const bool is_text = is_utf8(bytes);
    return {.bytes = std::move(bytes), .is_text = is_text};
  }
  std::string text = with_spaces(token);
  if (const std::optional<char> byte = written_byte(text)) {
    return {.bytes = std::string(1, *byte), .is_byte = true};
  }
  return {.bytes = std::move(text), .is_text = true};
}

} // namespace pensieve::detokenize
