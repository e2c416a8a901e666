// The race of logit + noise, run for any filter that keeps the likeliest tokens.
//
// A chain begins with the race's winner; each next link is the winner of the tokens
// that come before the last (larger x, of equals the lower id), down to the likeliest
// token. Whichever of the tokens a filter keeps, the first link that it keeps is their
// winner: so one race serves all filters, and what they keep is asked of a few tokens
// only. A chain of n tokens in no order has some log(n) links.
namespace sampling {

// Noise is more than -2.82 and less than 22.88: further below the largest nothing wins.
inline float farthest_gap() {
  return 25.8f;
}

// The keys of tokens that load_split() has loaded; -infinity for those that cannot win.
template <int SIZE>
inline void keys_of(thread float (&keys)[SIZE], thread const Tokens<SIZE>& tokens,
                    float largest, thread const Params& params) {
#pragma unroll
  for (int first = 0; first < SIZE; first += 4) {
    float gaps[4];
    float least = infinity();
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float x = tokens.x[first + i];
      gaps[i] = x == -infinity() ? infinity() : gap_of(x, largest, params.inv_temp);
      least = metal::min(least, gaps[i]);
      keys[first + i] = -infinity();
    }
    // PERF: most blocks of a real model's logits need no noise;
    // bench/gpu/bench_sampling
    if (least < farthest_gap()) {
      const PhiloxWords words = noise_words(tokens.id[first] >> 2, params);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (gaps[i] < farthest_gap()) {
          keys[first + i] = gumbel(words.word[i]) - gaps[i];
        }
      }
    }
  }
}

// The winner of all tokens.
template <int THREADS, int SIZE, typename C>
inline Runner winner_of_all(thread const Tokens<SIZE>& tokens,
                            thread const float (&keys)[SIZE], Place at, C cells) {
  Runner mine = no_runner();
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    if (keys[i] > mine.key) { // of equals the first: ids ascend
      mine.key = keys[i];
      mine.x = tokens.x[i];
      mine.id = tokens.id[i];
    }
  }
  return winner_of<THREADS>(mine, at, cells);
}

// The winner of those that come before `last`.
template <int THREADS, int SIZE, typename C>
inline Runner winner_before(Runner last, thread const Tokens<SIZE>& tokens,
                            thread const float (&keys)[SIZE], Place at, C cells) {
  Runner mine = no_runner();
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    if (keys[i] > mine.key &&
        comes_before(tokens.x[i], tokens.id[i], last.x, last.id)) {
      mine.key = keys[i];
      mine.x = tokens.x[i];
      mine.id = tokens.id[i];
    }
  }
  return winner_of<THREADS>(mine, at, cells);
}

} // namespace sampling
