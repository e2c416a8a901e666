#pragma once

#include "sampling/draw.hpp"

#include <cstddef>
#include <cstdint>

namespace pensieve::sampling {

inline constexpr std::size_t kParameters = 8; // in a row of reals, and in one of words
inline constexpr std::uint32_t kNoRow = 0xFFFFFFFF;

// Rows that some of the batch's rows have, by their numbers.
template <typename Item> struct Stack {
  const Item* items = nullptr; // [num_rows, ...]
  std::size_t num_rows = 0;
};

// The meaning of reals and words is told in pensieve/_native/sampling.pyi.
struct Batch {
  const void* logits = nullptr; // [batch_size, vocab_size]
  Dtype dtype = Dtype::kFloat32;
  std::size_t batch_size = 0;
  std::size_t vocab_size = 0;
  const float* reals = nullptr;         // [batch_size, kParameters]
  const std::uint32_t* words = nullptr; // [batch_size, kParameters]
  Stack<std::uint32_t> histories;
  Stack<float> biases;
  Stack<std::uint32_t> masks;      // of (vocab_size + 31) / 32 words
  std::uint32_t* tokens = nullptr; // [batch_size], as the two that follow
  std::uint32_t* errors = nullptr;
  float* log_probs = nullptr;
};

// Draws the tokens of batches, with memory that it keeps between them. For one thread
// at a time.
class Sampler {
public:
  // What this machine cannot run: std::invalid_argument.
  explicit Sampler(Instructions instructions);

  // Throws std::invalid_argument, with nothing written: a parameter out of its range,
  // "[sampling] reals[3, 1] (top_p): expected 0 or more, got -1".
  void sample(const Batch& batch);

private:
  Drawer drawer_;
};

} // namespace pensieve::sampling
