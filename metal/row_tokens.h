// The tokens of a row of logits, which is plain or adjusted.
namespace sampling {

// x of one token, which may be NaN.
template <int VOCAB_SIZE, typename R>
inline float x_of(thread const R& row, thread const Params& params, uint token) {
  const float x = float(row.logits[row.index * VOCAB_SIZE + token]);
  return is_adjusted(row, params) ? adjusted<VOCAB_SIZE>(x, row, params, token) : x;
}

// A split of the vocabulary over the threads, by fours, since four neighbours share the
// words of a Philox block. Past the vocabulary's end x is -infinity; it may be NaN.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, typename R>
inline void load_split(thread Tokens<SPLIT_SIZE / THREADS>& tokens, thread const R& row,
                       thread const Params& params, uint split, Place at) {
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  const uint begin = split * SPLIT_SIZE + 4 * at.index;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    tokens.id[i] = begin + i / 4 * 4 * THREADS + i % 4;
  }
  if ((split + 1) * SPLIT_SIZE <= uint(VOCAB_SIZE)) { // PERF: all but the last
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      tokens.x[i] = float(row.logits[row.index * VOCAB_SIZE + tokens.id[i]]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      tokens.x[i] = tokens.id[i] < uint(VOCAB_SIZE)
                        ? float(row.logits[row.index * VOCAB_SIZE + tokens.id[i]])
                        : -infinity();
    }
  }
  if (is_adjusted(row, params)) {
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      if (tokens.id[i] < uint(VOCAB_SIZE)) {
        tokens.x[i] = adjusted<VOCAB_SIZE>(tokens.x[i], row, params, tokens.id[i]);
      }
    }
  }
}

} // namespace sampling
