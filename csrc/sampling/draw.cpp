#include "sampling/draw.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace pensieve::sampling {

namespace {

// As many candidates are gone through one by one rather than with the whole row.
constexpr std::size_t kFew = 4096;

template <typename Visit> void for_each_hit(const Hits& hits, Visit visit) {
  for (std::size_t word = 0; word < hits.size(); ++word) {
    for (std::uint64_t rest = hits.at(word); rest != 0; rest &= rest - 1) {
      visit(64 * word + static_cast<std::size_t>(std::countr_zero(rest)));
    }
  }
}

// What x has to be above to be before a token, by the block that it is in: in blocks
// before the token's own an equal is before it, in those behind it is not.
class Pivot {
public:
  explicit Pivot(const Candidate& token)
      : x_(token.x),
        next_below_(std::nextafter(token.x, -std::numeric_limits<float>::infinity())),
        own_block_(token.token / kBlockTokens), place_(token.token % kBlockTokens) {}

  [[nodiscard]] float in(std::size_t block) const {
    return block < own_block_ ? next_below_ : x_;
  }

  // Calls for those equals in the token's own block that are before it.
  template <typename Visit>
  void for_each_equal(std::size_t block, const float* x, Visit visit) const {
    if (block == own_block_) {
      for (std::size_t i = 0; i < place_; ++i) {
        if (x[i] == x_) {
          visit(i);
        }
      }
    }
  }

private:
  float x_;
  float next_below_;
  std::size_t own_block_;
  std::size_t place_;
};

Answer failure(Error error) {
  return {0, std::numeric_limits<float>::quiet_NaN(), error};
}

} // namespace

Answer Drawer::draw(const RowView& view, const Settings& settings) {
  row_.read(view, *kernels_);
  if (peaks_.size() < row_.num_blocks()) {
    peaks_.resize(row_.num_blocks());
  }
  Peak peak{-std::numeric_limits<float>::infinity(), false};
  std::size_t highest_block = 0;
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    const Peak found = kernels_->peak(row_.block(block));
    peaks_[block] = found.largest;
    peak.has_nan = peak.has_nan || found.has_nan;
    if (found.largest > peak.largest) {
      peak.largest = found.largest;
      highest_block = block;
    }
  }
  if (peak.has_nan) {
    return failure(Error::kNotANumber);
  }
  if (peak.largest == -std::numeric_limits<float>::infinity()) {
    return failure(Error::kNothing);
  }
  const Scale scale{peak.largest, settings.is_greedy ? 1.0F : settings.inv_temp,
                    settings.min_gap};
  const Candidate first{peak.largest, first_token(highest_block, peak.largest), 1.0F};
  Outcome outcome{};
  if (settings.is_greedy) {
    outcome = {first, total_weight(scale)};
  } else if (settings.top_k != 0 && settings.top_k < view.vocab_size) {
    outcome = draw_of_top_k(scale, settings, first);
  } else {
    outcome = draw_of_all(scale, settings, first);
  }
  const double gap = gap_of(outcome.winner.x, scale);
  return {outcome.winner.token, static_cast<float>(-gap - std::log(outcome.total)),
          Error::kNone};
}

std::uint32_t Drawer::first_token(std::size_t block, float largest) const {
  const float* x = row_.block(block);
  const auto place = std::find(x, x + kBlockTokens, largest) - x;
  return static_cast<std::uint32_t>(block * kBlockTokens +
                                    static_cast<std::size_t>(place));
}

double Drawer::total_weight(const Scale& scale) const {
  std::array<float, kBlockTokens> weights; // NOLINT(*-member-init)
  double total = 0;
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    total += kernels_->weigh(row_.block(block), scale, weights.data());
  }
  return total;
}

Drawer::Outcome Drawer::draw_of_top_k(const Scale& scale, const Settings& settings,
                                      const Candidate& first) {
  std::array<float, kBlockTokens> weights; // NOLINT(*-member-init)
  double total = 0;
  top_.begin(settings.top_k);
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    const float* x = row_.block(block);
    total += kernels_->weigh(x, scale, weights.data());
    if (!(peaks_[block] > top_.threshold())) {
      continue;
    }
    for_each_hit(kernels_->above(x, top_.threshold()), [&](std::size_t place) {
      top_.enter(x[place], block * kBlockTokens + place);
    });
  }
  std::vector<Candidate>& candidates = top_.finish();
  double mass = 0;
  for (Candidate& candidate : candidates) {
    const float gap = gap_of(candidate.x, scale);
    const float weight = std::exp(-gap);
    mass += weight;
    candidate.weight = gap <= scale.min_gap ? weight : 0.0F;
  }
  mass = settings.top_p < 1.0F ? settings.top_p * mass
                               : std::numeric_limits<double>::infinity();
  return {draw_of_candidates(candidates, scale, settings.noise, first, mass), total};
}

Drawer::Outcome Drawer::draw_of_all(const Scale& scale, const Settings& settings,
                                    const Candidate& first) {
  if (weights_.size() < row_.num_padded()) {
    weights_.resize(row_.num_padded());
  }
  double total = 0;
  Race race(scale, settings.noise, first);
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    float* weights = weights_.data() + block * kBlockTokens;
    total += kernels_->weigh(row_.block(block), scale, weights);
    run(race, block, settings.noise);
  }
  if (!(settings.top_p < 1.0F)) {
    return {race.leader(), total};
  }
  const double mass = settings.top_p * total;
  for (Candidate winner = race.leader();;) {
    const double before = mass_before(winner);
    if (before < mass || before == 0) {
      return {winner, total};
    }
    if (keep_before(winner) <= kFew) {
      gather_weighted();
      return {draw_of_candidates(few_, scale, settings.noise, first, mass), total};
    }
    Race next(scale, settings.noise, first);
    for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
      if (peaks_[block] >= winner.x) {
        run(next, block, settings.noise);
      }
    }
    winner = next.leader();
  }
}

void Drawer::run(Race& race, std::size_t block, const NoiseKey& noise) const {
  if (race.is_hopeless(peaks_[block])) {
    return;
  }
  const float* x = row_.block(block);
  const float* weights = weights_.data() + block * kBlockTokens;
  std::array<std::uint32_t, kBlockTokens> words; // NOLINT(*-member-init)
  kernels_->words(static_cast<std::uint32_t>(block * kBlockTokens / 4), noise,
                  words.data());
  const Hits hits = kernels_->contenders(words.data(), weights, race.limit());
  for_each_hit(hits, [&](std::size_t place) {
    const auto token = static_cast<std::uint32_t>(block * kBlockTokens + place);
    race.enter({x[place], token, weights[place]}, words.at(place));
  });
}

double Drawer::mass_before(const Candidate& token) const {
  const Pivot pivot(token);
  double mass = 0;
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    if (peaks_[block] < token.x) {
      continue;
    }
    const float* x = row_.block(block);
    const float* weights = weights_.data() + block * kBlockTokens;
    mass += kernels_->mass_above(x, weights, pivot.in(block));
    pivot.for_each_equal(block, x, [&](std::size_t i) { mass += weights[i]; });
  }
  return mass;
}

std::size_t Drawer::keep_before(const Candidate& token) {
  const Pivot pivot(token);
  const float own_weight = token.weight;
  std::size_t num_kept = 0;
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    const float* x = row_.block(block);
    float* weights = weights_.data() + block * kBlockTokens;
    for (const std::uint64_t hits : kernels_->above(x, pivot.in(block))) {
      num_kept += static_cast<std::size_t>(std::popcount(hits));
    }
    kernels_->keep_above(x, pivot.in(block), weights);
    pivot.for_each_equal(block, x, [&](std::size_t i) {
      weights[i] = own_weight; // equals have equal weights
      ++num_kept;
    });
  }
  return num_kept;
}

void Drawer::gather_weighted() {
  few_.clear();
  for (std::size_t block = 0; block < row_.num_blocks(); ++block) {
    const float* x = row_.block(block);
    const float* weights = weights_.data() + block * kBlockTokens;
    for_each_hit(kernels_->above(weights, 0.0F), [&](std::size_t place) {
      const auto token = static_cast<std::uint32_t>(block * kBlockTokens + place);
      few_.push_back({x[place], token, weights[place]});
    });
  }
}

Candidate Drawer::draw_of_candidates(std::vector<Candidate>& candidates,
                                     const Scale& scale, const NoiseKey& noise,
                                     const Candidate& first, double mass) {
  for (;;) {
    Race race(scale, noise, first);
    for (const Candidate& candidate : candidates) {
      race.enter(candidate);
    }
    const Candidate winner = race.leader();
    double before = 0;
    for (const Candidate& candidate : candidates) {
      before += is_before(candidate, winner) ? candidate.weight : 0.0F;
    }
    if (before < mass || before == 0) {
      return winner;
    }
    std::erase_if(candidates, [&](const Candidate& candidate) {
      return !is_before(candidate, winner);
    });
  }
}

} // namespace pensieve::sampling
