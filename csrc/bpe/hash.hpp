#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace pensieve::bpe {

// A bijection whose high bits depend on all bits of `value`. Source: the finaliser of
// SplitMix64 (Steele, Lea and Flood, 2014), cut to one round.
constexpr std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 32U)) * 0x9e3779b97f4a7c15U;
  return (value ^ (value >> 29U)) * 0xbf58476d1ce4e5b9U;
}

// Slots of an open-addressing table, a power of two: at most 5/8 of them are taken.
constexpr std::size_t table_size(std::size_t capacity) {
  return std::bit_ceil(capacity + capacity / 5 * 3 + 4);
}

// A hash's high bits are its place in a table of `size` slots.
constexpr unsigned table_shift(std::size_t size) {
  return 64U - static_cast<unsigned>(std::countr_zero(size));
}

} // namespace pensieve::bpe
