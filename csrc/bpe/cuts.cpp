#include "bpe/cuts.hpp"

#include "bpe/hash.hpp"
#include "bpe/utf8.hpp"

namespace pensieve::bpe {

namespace {

constexpr unsigned kLogBits = 20;
constexpr std::uint32_t kNumAscii = 0x80;

} // namespace

Cuts::Cuts() : seams_((std::size_t{1} << kLogBits) / 64) {
}

void Cuts::add_merge(std::string_view left, std::string_view right) {
  const std::uint32_t before =
      code_point_at(left, code_point_before(left, left.size())).value;
  const std::size_t bit = bit_of(before, code_point_at(right, 0).value);
  seams_[bit / 64] |= std::uint64_t{1} << bit % 64;
}

std::size_t Cuts::part_end(std::string_view text, std::size_t start) const {
  const CodePoint first = code_point_at(text, start);
  std::uint32_t before = first.value;
  std::size_t end = start + first.size;
  while (end < text.size()) {
    const CodePoint after = code_point_at(text, end);
    const std::size_t bit = bit_of(before, after.value);
    if ((seams_[bit / 64] >> bit % 64 & 1U) == 0) {
      break;
    }
    before = after.value;
    end += after.size;
  }
  return end;
}

std::size_t Cuts::bit_of(std::uint32_t before, std::uint32_t after) {
  if (before < kNumAscii && after < kNumAscii) { // exact, in the lowest bits
    return before * kNumAscii + after;
  }
  const std::uint64_t pair = static_cast<std::uint64_t>(before) << 32U | after;
  return mixed(pair) >> (64U - kLogBits);
}

} // namespace pensieve::bpe
