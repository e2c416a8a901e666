#include "sampling/sampler.hpp"

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace pensieve::sampling {

namespace {

// Places in a row of reals
constexpr std::size_t kInvTemp = 0;
constexpr std::size_t kTopP = 1;
constexpr std::size_t kMinGap = 2;
constexpr std::size_t kRepetition = 3;
constexpr std::size_t kInvRepetition = 4;
constexpr std::size_t kPresence = 5;
constexpr std::size_t kFrequency = 6;

// and in one of words.
constexpr std::size_t kTopK = 0;
constexpr std::size_t kSeedLow = 1;
constexpr std::size_t kSeedHigh = 2;
constexpr std::size_t kPosition = 3;
constexpr std::size_t kIsGreedy = 4;
constexpr std::size_t kHistory = 5;
constexpr std::size_t kBias = 6;
constexpr std::size_t kMask = 7;

template <typename Value>
[[noreturn]] void refuse(std::string_view array, std::size_t row, std::size_t place,
                         std::string_view name, std::string_view expected,
                         Value value) {
  std::ostringstream text;
  text << "[sampling] " << array << "[" << row << ", " << place << "] (" << name
       << "): expected " << expected << ", got " << value;
  throw std::invalid_argument(text.str());
}

bool is_positive(float value) {
  return value > 0.0F && std::isfinite(value);
}
bool is_not_negative(float value) {
  return value >= 0.0F;
}
bool is_finite(float value) {
  return std::isfinite(value);
}

struct Range {
  std::size_t place;
  std::string_view name;
  bool (*holds)(float);
  std::string_view expected;
};

constexpr std::array<Range, 7> kRanges = {{
    {kInvTemp, "1 / temperature", is_positive, "a finite number above 0"},
    {kTopP, "top_p", is_not_negative, "0 or more"},
    {kMinGap, "-log(min_p)", is_not_negative, "0 or more"},
    {kRepetition, "repetition", is_positive, "a finite number above 0"},
    {kInvRepetition, "1 / repetition", is_positive, "a finite number above 0"},
    {kPresence, "presence", is_finite, "a finite number"},
    {kFrequency, "frequency", is_finite, "a finite number"},
}};

void require_row(std::size_t row, std::size_t place, std::string_view name,
                 std::uint32_t number, std::size_t num_rows) {
  if (number != kNoRow && number >= num_rows) {
    std::ostringstream expected;
    expected << "a row below " << num_rows << " or " << kNoRow << " for none";
    refuse("words", row, place, name, expected.str(), number);
  }
}

void require_parameters(const Batch& batch, std::size_t row) {
  const float* reals = batch.reals + row * kParameters;
  for (const Range& range : kRanges) {
    if (!range.holds(reals[range.place])) {
      refuse("reals", row, range.place, range.name, range.expected, reals[range.place]);
    }
  }
  const std::uint32_t* words = batch.words + row * kParameters;
  require_row(row, kHistory, "history", words[kHistory], batch.histories.num_rows);
  require_row(row, kBias, "bias", words[kBias], batch.biases.num_rows);
  require_row(row, kMask, "mask", words[kMask], batch.masks.num_rows);
}

template <typename Item>
const Item* row_of(const Stack<Item>& stack, std::uint32_t number, std::size_t size) {
  return number == kNoRow ? nullptr : stack.items + number * size;
}

RowView view_of(const Batch& batch, std::size_t row) {
  const std::size_t item_bytes = batch.dtype == Dtype::kFloat32 ? 4 : 2;
  const float* reals = batch.reals + row * kParameters;
  const std::uint32_t* words = batch.words + row * kParameters;
  return {
      static_cast<const std::byte*>(batch.logits) + row * batch.vocab_size * item_bytes,
      batch.dtype,
      batch.vocab_size,
      row_of(batch.histories, words[kHistory], batch.vocab_size),
      row_of(batch.biases, words[kBias], batch.vocab_size),
      row_of(batch.masks, words[kMask], (batch.vocab_size + 31) / 32),
      {reals[kRepetition], reals[kInvRepetition], reals[kPresence], reals[kFrequency]}};
}

Settings settings_of(const Batch& batch, std::size_t row) {
  const float* reals = batch.reals + row * kParameters;
  const std::uint32_t* words = batch.words + row * kParameters;
  return {reals[kInvTemp],       reals[kTopP],
          reals[kMinGap],        words[kTopK],
          words[kIsGreedy] != 0, {words[kSeedLow], words[kSeedHigh], words[kPosition]}};
}

const Kernels& require_kernels(Instructions instructions) {
  const Kernels* kernels = kernels_of(instructions);
  if (kernels == nullptr) {
    throw std::invalid_argument(
        "[sampling] instructions: expected some that this machine has, got avx2");
  }
  return *kernels;
}

} // namespace

Sampler::Sampler(Instructions instructions) : drawer_(require_kernels(instructions)) {
}

void Sampler::sample(const Batch& batch) {
  for (std::size_t row = 0; row < batch.batch_size; ++row) {
    require_parameters(batch, row);
  }
  for (std::size_t row = 0; row < batch.batch_size; ++row) {
    const Answer answer = drawer_.draw(view_of(batch, row), settings_of(batch, row));
    batch.tokens[row] = answer.token;
    batch.errors[row] = static_cast<std::uint32_t>(answer.error);
    batch.log_probs[row] = answer.log_prob;
  }
}

} // namespace pensieve::sampling
