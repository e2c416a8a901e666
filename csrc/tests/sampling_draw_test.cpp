#include "sampling/sampler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace pensieve::sampling {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr std::array<Instructions, 3> kAll = {
    Instructions::kScalar, Instructions::kBaseline, Instructions::kAvx2};

Settings settings(std::uint32_t position = 0) {
  return {1.0F, 1.0F, kInfinity, 0, false, {11, 22, position}};
}

RowView view_of(const std::vector<float>& x) {
  return {x.data(), Dtype::kFloat32, x.size(), nullptr, nullptr, nullptr, {1, 1, 0, 0}};
}

std::vector<std::uint32_t> sorted(const std::vector<float>& x) {
  std::vector<std::uint32_t> order(x.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](std::uint32_t token) { return x[token]; });
  return order;
}

// By sorting, in double: the reference. Nothing near a threshold is asked of it.
std::uint32_t drawn_by_sorting(const std::vector<float>& x,
                               std::vector<std::uint32_t> order, const Settings& how) {
  const double largest = x[order[0]];
  if (how.top_k != 0 && how.top_k < order.size()) {
    order.resize(how.top_k);
  }
  const auto gap = [&](std::uint32_t token) {
    return (largest - double{x[token]}) * double{how.inv_temp};
  };
  double total = 0;
  for (const std::uint32_t token : order) {
    total += std::exp(-gap(token));
  }
  double mass = 0;
  double best_key = -std::numeric_limits<double>::infinity();
  std::uint32_t best = 0;
  for (const std::uint32_t token : order) {
    if ((how.top_p < 1 && mass > 0 && mass >= how.top_p * total) ||
        gap(token) > how.min_gap) {
      break;
    }
    mass += std::exp(-gap(token));
    const double key = gumbel(word_of(token, how.noise)) - gap(token);
    if (key > best_key) {
      best_key = key;
      best = token;
    }
  }
  return best;
}

std::vector<float> normal_logits(std::size_t size, float deviation, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  std::vector<float> x(size);
  std::ranges::generate(x, [&] { return normal(random); });
  return x;
}

} // namespace

TEST_CASE("draws are those of sorting, with every filter and every set of kernels") {
  for (const Instructions instructions : kAll) {
    const Kernels* kernels = kernels_of(instructions);
    if (kernels == nullptr) {
      continue;
    }
    Drawer drawer(*kernels);
    std::uint32_t position = 0;
    for (const std::size_t size : {1U, 2U, 255U, 256U, 257U, 1003U, 6000U}) {
      for (const float deviation : {0.001F, 1.0F, 4.0F, 30.0F}) {
        const std::vector<float> x = normal_logits(size, deviation, ++position);
        const std::vector<std::uint32_t> order = sorted(x);
        for (const std::uint32_t top_k : {0U, 1U, 3U, 40U, 700U}) {
          for (const float top_p : {1.0F, 0.9F, 0.31F, 1e-3F, 0.0F}) {
            for (const float min_gap : {kInfinity, 2.5F, 0.0F}) {
              Settings how = settings(++position);
              how.top_k = top_k;
              how.top_p = top_p;
              how.min_gap = min_gap;
              CAPTURE(position);
              const Answer answer = drawer.draw(view_of(x), how);
              REQUIRE(answer.error == Error::kNone);
              REQUIRE(answer.token == drawn_by_sorting(x, order, how));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("of equals the lower ids are kept, over the borders of blocks") {
  Drawer drawer(*kernels_of(best_instructions()));
  const std::vector<float> x(1000, 1.0F);
  const std::vector<std::uint32_t> order = sorted(x);
  for (std::uint32_t position = 0; position < 100; ++position) {
    Settings how = settings(position);
    how.top_p = 0.5495F; // the 550th token reaches it
    REQUIRE(drawer.draw(view_of(x), how).token < 550);
    REQUIRE(drawer.draw(view_of(x), how).token == drawn_by_sorting(x, order, how));
    how.top_p = 1.0F;
    how.top_k = 300;
    REQUIRE(drawer.draw(view_of(x), how).token < 300);
  }
}

TEST_CASE("a flat row with little to keep is narrowed down in the whole and in a few") {
  Drawer drawer(*kernels_of(best_instructions()));
  const std::vector<float> x = normal_logits(60'000, 1e-3F, 5);
  const std::vector<std::uint32_t> order = sorted(x);
  for (std::uint32_t position = 0; position < 16; ++position) {
    Settings how = settings(position);
    how.top_p = position % 2 == 0 ? 2e-4F : 0.3F;
    REQUIRE(drawer.draw(view_of(x), how).token == drawn_by_sorting(x, order, how));
  }
}

TEST_CASE("log-probabilities are of the tempered logits before all filters") {
  Drawer drawer(*kernels_of(best_instructions()));
  const std::vector<float> x = {0.0F, 1.0F, 2.0F};
  Settings how = settings();
  how.inv_temp = 2.0F;
  how.top_k = 1;
  const double total = 1 + std::exp(-2.0) + std::exp(-4.0);

  const Answer drawn = drawer.draw(view_of(x), how);
  CHECK(drawn.token == 2);
  CHECK(drawn.log_prob == doctest::Approx(-std::log(total)));

  how.is_greedy = true;
  const Answer taken = drawer.draw(view_of(x), how);
  CHECK(taken.token == 2);
  CHECK(taken.log_prob == doctest::Approx(-std::log(1 + std::exp(-1) + std::exp(-2))));
}

TEST_CASE("halves are drawn as the float32 that they are") {
  constexpr std::size_t kSize = 700;
  std::vector<std::uint16_t> halves(kSize);
  std::vector<float> float16s(kSize);
  std::vector<float> bfloat16s(kSize);
  std::mt19937 random(2);
  for (std::size_t i = 0; i < kSize; ++i) {
    const auto fraction = static_cast<std::uint32_t>(random() % 0x80); // of 7 bits
    halves[i] = static_cast<std::uint16_t>(0x4000U + fraction);
    float16s[i] = 2.0F + static_cast<float>(fraction) / 512.0F;
    bfloat16s[i] = 2.0F + static_cast<float>(fraction) / 64.0F;
  }
  Drawer drawer(*kernels_of(best_instructions()));
  RowView view = view_of(float16s);
  view.logits = halves.data();
  for (std::uint32_t position = 0; position < 20; ++position) {
    view.dtype = Dtype::kFloat16;
    CHECK(drawer.draw(view, settings(position)).token ==
          drawn_by_sorting(float16s, sorted(float16s), settings(position)));
    view.dtype = Dtype::kBfloat16;
    CHECK(drawer.draw(view, settings(position)).token ==
          drawn_by_sorting(bfloat16s, sorted(bfloat16s), settings(position)));
  }
}

TEST_CASE("several infinities share the mass, and the first of them is taken") {
  Drawer drawer(*kernels_of(best_instructions()));
  const std::vector<float> x = {0.0F, kInfinity, 5.0F, kInfinity, -kInfinity};
  std::array<int, 5> counts{};
  for (std::uint32_t position = 0; position < 200; ++position) {
    const Answer answer = drawer.draw(view_of(x), settings(position));
    CHECK(answer.log_prob == doctest::Approx(std::log(0.5)));
    ++counts.at(answer.token);
  }
  CHECK(counts[1] + counts[3] == 200);
  CHECK(std::min(counts[1], counts[3]) > 60);

  Settings greedy = settings();
  greedy.is_greedy = true;
  CHECK(drawer.draw(view_of(x), greedy).token == 1);
}

TEST_CASE("rows that cannot be drawn from are told by their errors") {
  Drawer drawer(*kernels_of(best_instructions()));
  std::vector<float> x(700, -kInfinity);
  const Answer nothing = drawer.draw(view_of(x), settings());
  CHECK(nothing.error == Error::kNothing);
  CHECK(nothing.token == 0);
  CHECK(std::isnan(nothing.log_prob));

  x[699] = std::numeric_limits<float>::quiet_NaN();
  CHECK(drawer.draw(view_of(x), settings()).error == Error::kNotANumber);

  std::vector<std::uint32_t> mask(22);
  mask[3] = 1U << 4U;
  x[100] = 2.0F;
  RowView masked = view_of(x);
  masked.mask = mask.data();
  const Answer hidden = drawer.draw(masked, settings());
  CHECK(hidden.error == Error::kNone);
  CHECK(hidden.token == 100);
  CHECK(hidden.log_prob == 0.0F);
}

TEST_CASE("bias, then penalties, then the mask are applied, in a last block too") {
  std::vector<float> x(300, 0.0F);
  std::vector<float> bias(300, 0.0F);
  std::vector<std::uint32_t> history(300, 0);
  x[298] = 4.0F;
  bias[298] = 2.0F;
  history[298] = 3U << 1U;
  x[299] = 9.0F;
  std::vector<std::uint32_t> mask(10, 0xFFFFFFFF);
  mask[9] = ~(1U << 11U);
  RowView view = view_of(x);
  view.bias = bias.data();
  view.history = history.data();
  view.mask = mask.data();
  view.penalties = {2.0F, 0.5F, 0.25F, 0.5F};
  Drawer drawer(*kernels_of(best_instructions()));
  Settings greedy = settings();
  greedy.is_greedy = true;

  const Answer answer = drawer.draw(view, greedy);

  CHECK(answer.token == 298);
  const double left = (4 + 2) * 0.5 - 3 * 0.5 - 0.25;
  CHECK(answer.log_prob ==
        doctest::Approx(left - std::log(std::exp(left) + 298)).epsilon(1e-5));
}

TEST_CASE("a batch's rows are drawn by themselves, and refused as a whole") {
  const std::vector<float> logits = normal_logits(20, 1.0F, 3);
  std::vector<float> reals(16, 0.0F);
  std::vector<std::uint32_t> words(16, 0);
  for (std::size_t row = 0; row < 2; ++row) {
    std::ranges::copy(std::vector<float>{1, 1, kInfinity, 1, 1, 0, 0},
                      reals.begin() + static_cast<std::ptrdiff_t>(8 * row));
    words[8 * row + 3] = static_cast<std::uint32_t>(row);
    std::fill_n(words.begin() + static_cast<std::ptrdiff_t>(8 * row + 5), 3, kNoRow);
  }
  std::array<std::uint32_t, 2> tokens{77, 77};
  std::array<std::uint32_t, 2> errors{};
  std::array<float, 2> log_probs{};
  Batch batch{logits.data(),
              Dtype::kFloat32,
              2,
              10,
              reals.data(),
              words.data(),
              {},
              {},
              {},
              tokens.data(),
              errors.data(),
              log_probs.data()};
  Sampler sampler(best_instructions());
  const auto refusal = [&]() -> std::string {
    try {
      sampler.sample(batch);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "not refused";
  };

  reals[9] = -1.0F;
  CHECK(refusal() == "[sampling] reals[1, 1] (top_p): expected 0 or more, got -1");
  reals[9] = 1.0F;
  reals[8] = kInfinity;
  CHECK(refusal() == "[sampling] reals[1, 0] (1 / temperature): expected a finite "
                     "number above 0, got inf");
  reals[8] = 1.0F;
  words[14] = 0;
  CHECK(refusal() == "[sampling] words[1, 6] (bias): expected a row below 0 or "
                     "4294967295 for none, got 0");
  words[14] = kNoRow;
  CHECK(tokens[0] == 77);

  sampler.sample(batch);

  Drawer drawer(*kernels_of(Instructions::kScalar));
  for (std::uint32_t row = 0; row < 2; ++row) {
    const auto begin = logits.begin() + std::ptrdiff_t{10} * row;
    const std::vector<float> own(begin, begin + 10);
    Settings how = settings(row);
    how.noise = {0, 0, row};
    CHECK(tokens.at(row) == drawer.draw(view_of(own), how).token);
    CHECK(errors.at(row) == 0);
  }
}

} // namespace pensieve::sampling
