#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pensieve::detokenize {

// What stands for bytes that are no UTF-8: U+FFFD.
inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Characters of bytes that come one at a time.
// Source: The Unicode Standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
class Utf8Assembler {
public:
  enum class Step : std::uint8_t {
    kHeld,  // a character's beginning: more bytes have to come
    kWhole, // held() is a character
    kWrong, // this byte does not go on what is held, or begins no character
  };

  // Where it is kWrong, the byte is not held and what was held before still is.
  Step take(std::uint8_t byte);

  [[nodiscard]] std::string_view held() const { return {held_.data(), size_}; }
  void clear() { size_ = 0; }

private:
  Step begin(std::uint8_t byte);

  std::array<char, 4> held_{};
  std::size_t size_ = 0;
  std::size_t whole_size_ = 0;
  std::uint8_t lowest_ = 0; // that the next byte may be
  std::uint8_t highest_ = 0;
};

// Whether all of it is whole characters.
bool is_utf8(std::string_view bytes);

} // namespace pensieve::detokenize
