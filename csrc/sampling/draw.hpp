#pragma once

#include "sampling/kernels.hpp"
#include "sampling/race.hpp"
#include "sampling/row.hpp"
#include "sampling/top_tokens.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pensieve::sampling {

struct Settings {
  float inv_temp;      // 1 where is_greedy
  float top_p;         // 1 or more: all
  float min_gap;       // inf: all
  std::uint32_t top_k; // 0: all
  bool is_greedy;
  NoiseKey noise;
};

enum class Error : std::uint32_t {
  kNone,
  kNotANumber, // some logit is NaN
  kNothing,    // all are -inf
};

struct Answer {
  std::uint32_t token; // 0 at an error
  float log_prob;      // of the tempered logits before all filters; NaN at an error
  Error error;
};

// Draws a row's token: of those that top-k, then top-p, then min-p keep, the one with
// the largest noise - gap. An answer depends on the row and its settings alone.
//
// No row is sorted. Top-k gathers its tokens in passing. What top-p keeps is found out
// for the winner only: the first tokens in order up to a mass contain the winner of
// all, or else the winner is to be found among those that are before it, and so on.
// With probability top_p the first winner is the one.
class Drawer {
public:
  explicit Drawer(const Kernels& kernels) : kernels_(&kernels) {}

  // Allocates for a larger vocabulary or top_k than any before, else never.
  Answer draw(const RowView& view, const Settings& settings);

private:
  struct Outcome {
    Candidate winner;
    double total; // of exp(-gap) over the whole row
  };

  // The first token of the largest logit.
  [[nodiscard]] std::uint32_t first_token(std::size_t block, float largest) const;
  [[nodiscard]] double total_weight(const Scale& scale) const;
  Outcome draw_of_top_k(const Scale& scale, const Settings& settings,
                        const Candidate& first);
  Outcome draw_of_all(const Scale& scale, const Settings& settings,
                      const Candidate& first);

  // Lets those of a block enter that can overtake and have a weight.
  void run(Race& race, std::size_t block, const NoiseKey& noise) const;
  [[nodiscard]] double mass_before(const Candidate& token) const;
  // Leaves weights to those alone that are before a token; returns how many these are.
  std::size_t keep_before(const Candidate& token);
  void gather_weighted();
  // The winner of candidates_ that fewer than `mass` come before.
  static Candidate draw_of_candidates(std::vector<Candidate>& candidates,
                                      const Scale& scale, const NoiseKey& noise,
                                      const Candidate& first, double mass);

  const Kernels* kernels_;
  Row row_;
  std::vector<float> peaks_;   // the largest x of each block
  std::vector<float> weights_; // [num_padded]
  TopTokens top_;
  std::vector<Candidate> few_;
};

} // namespace pensieve::sampling
