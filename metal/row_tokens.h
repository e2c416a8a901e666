// The tokens of a row of logits, which is plain or adjusted.
namespace sampling {

// x of one token, which may be NaN.
template <int VOCAB_SIZE, typename R>
inline float x_of(thread const R& row, thread const Params& params, uint token) {
  const float x = float(row.logits[row.index * VOCAB_SIZE + token]);
  return is_adjusted(row, params) ? adjusted<VOCAB_SIZE>(x, row, params, token) : x;
}

// A split of the vocabulary over the threads, by fours, since four neighbours share the
// words of a Philox block. Past the split's end x is -infinity; it may be NaN.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, typename R>
inline void load_split(thread Tokens<SPLIT_SIZE / THREADS>& tokens, thread const R& row,
                       thread const Params& params, uint split, Place at) {
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  constexpr int LENGTH = split_length(VOCAB_SIZE, SPLIT_SIZE);
  constexpr int LAST = VOCAB_SIZE - (num_splits(VOCAB_SIZE, SPLIT_SIZE) - 1) * LENGTH;
  const uint begin = split * LENGTH;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const uint place = 4 * (i / 4 * THREADS + at.index) + i % 4;
    const uint token = begin + place;
    // What all splits have needs no check.
    const bool is_there = (i / 4 + 1) * 4 * THREADS <= LAST ||
                          (place < uint(LENGTH) && token < uint(VOCAB_SIZE));
    tokens.id[i] = token;
    tokens.x[i] = -infinity();
    if (is_there) {
      tokens.x[i] = float(row.logits[row.index * VOCAB_SIZE + token]);
    }
  }
  if (is_adjusted(row, params)) {
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      if (tokens.x[i] != -infinity()) {
        tokens.x[i] = adjusted<VOCAB_SIZE>(tokens.x[i], row, params, tokens.id[i]);
      }
    }
  }
}

} // namespace sampling
