#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <vector>

namespace pensieve::gguf {

// Returns an input of read_all() with one thing in it changed that is a thing to the
// format: a count, a length, a type or an offset, or a whole entry doubled, dropped or
// moved, with the count of them kept right. Of an input that is no GGUF file at all it
// changes bytes.
//
// The same input and the same state of `random` give the same result. It may be longer
// than the input by some hundred bytes, or by an entry.
std::vector<std::byte> mutate(std::span<const std::byte> input,
                              std::mt19937_64& random);

} // namespace pensieve::gguf
