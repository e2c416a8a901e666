// What a kernel leaves of a split for the next one: two rows of SLOTS + 2.
//
//   reals: x of some tokens, then the largest x and the sum of the weights below it,
//          NaN if any x is
//   words: the ids of these tokens, then their number and whether it stands for more
//
// The tokens are the likeliest top_k of the split (filled up with NONE, whose x is
// -infinity), or its chain of winners.
namespace sampling {

// Rows whose top_k is small enough to be selected in threadgroup memory.
template <int SLOTS> inline bool is_selected(thread const Params& params) {
  return !params.is_greedy && params.top_k > 0 && params.top_k <= uint(SLOTS);
}

// Rows whose filters ask how many tokens, or how much mass, come before one.
template <int SLOTS> inline bool is_measured(thread const Params& params) {
  return !params.is_greedy && !is_selected<SLOTS>(params) &&
         (params.top_p < 1.0f || params.top_k > 0);
}

// Rows whose winner is the draw.
template <int SLOTS> inline bool is_plain(thread const Params& params) {
  return params.is_greedy || !(is_selected<SLOTS>(params) || params.top_p < 1.0f ||
                               params.min_gap < infinity() || params.top_k > 0);
}

constexpr int num_splits(int vocab_size, int split_size) {
  return (vocab_size + split_size - 1) / split_size;
}

template <int SLOTS> inline uint results_at(uint row, uint splits, uint split) {
  return (row * splits + split) * (SLOTS + 2);
}

// The whole row's largest x and sum of weights, the latter NaN if any x is.
struct Softmax {
  float largest;
  float mass;
};

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, typename Reals,
          typename C>
inline Softmax softmax_of(Reals split_reals, uint row, thread const Params& params,
                          Place at, C cells) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  Softmax softmax;
  float largest = -infinity();
  for (uint split = at.index; split < splits; split += THREADS) {
    const float other = split_reals[results_at<SLOTS>(row, splits, split) + SLOTS];
    largest = metal::max(largest, other);
  }
  softmax.largest = largest_of<THREADS>(largest, at, cells);
  float mass = 0.0f;
  for (uint split = at.index; split < splits; split += THREADS) {
    const uint begin = results_at<SLOTS>(row, splits, split);
    const float other = split_reals[begin + SLOTS];
    const float weights = split_reals[begin + SLOTS + 1];
    mass += weights * metal::exp(-gap_of(other, softmax.largest, params.inv_temp));
  }
  softmax.mass = sum_of<THREADS>(mass, at, cells);
  return softmax;
}

// How many of the tokens that all splits have, `each` so many, are one thread's.
constexpr int share_size(int vocab_size, int split_size, int threads, int each) {
  return (num_splits(vocab_size, split_size) * each + threads - 1) / threads;
}

// Load the links of all splits' chains, and their keys in the whole row's race; return
// whether some chain has more links than there are.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN, int SIZE,
          typename Reals, typename Words>
inline bool load_links(thread Tokens<SIZE>& tokens, thread float (&keys)[SIZE],
                       Reals split_reals, Words split_words, uint row, float largest,
                       thread const Params& params, Place at) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  bool has_more = false;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const uint place = i * THREADS + at.index;
    const uint split = place / CHAIN;
    const uint link = place % CHAIN;
    tokens.x[i] = -infinity();
    tokens.id[i] = NONE;
    keys[i] = -infinity();
    if (split < splits) {
      const uint begin = results_at<SLOTS>(row, splits, split);
      has_more = has_more || split_words[begin + SLOTS + 1] != 0;
      if (link < split_words[begin + SLOTS]) {
        tokens.x[i] = split_reals[begin + link];
        tokens.id[i] = split_words[begin + link];
        keys[i] = params.is_greedy ? tokens.x[i]
                                   : key_of(tokens.x[i], tokens.id[i], largest, params);
      }
    }
  }
  return has_more;
}

} // namespace sampling
