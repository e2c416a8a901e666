// Tokens of a row that a thread holds, and how far and heavy they are.
namespace sampling {

// x of one token, which may be NaN.
template <int VOCAB_SIZE, typename R>
inline float x_of(thread const R& row, thread const Params& params, uint token) {
  const float x = float(row.logits[row.index * VOCAB_SIZE + token]);
  return are_adjusted(params) ? adjusted<VOCAB_SIZE>(x, row, params, token) : x;
}

// Some tokens of one thread.
template <int SIZE> struct Tokens {
  float x[SIZE]; // -infinity: not there
  uint id[SIZE]; // all different, in all threads; of those that are there they ascend
};

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
  if (are_adjusted(params)) {
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      if (tokens.id[i] < uint(VOCAB_SIZE)) {
        tokens.x[i] = adjusted<VOCAB_SIZE>(tokens.x[i], row, params, tokens.id[i]);
      }
    }
  }
}

template <int SIZE> inline float largest_x(thread const Tokens<SIZE>& tokens) {
  float largest = -infinity();
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    largest = metal::fmax(largest, tokens.x[i]); // of a NaN and another the other
  }
  return largest;
}

// How far x is below the largest, in units of the temperature.
inline float gap_of(float x, float largest, float inv_temp) {
  return x == largest ? 0.0f : rounded_product(largest - x, inv_temp);
}

// exp(-gap), of -infinity 0.
//
//   largest  no less than lowest()
inline float weight_of(float x, float largest, thread const Params& params) {
  return exp2_of(x == largest ? 0.0f : (x - largest) * params.inv_temp_2);
}

} // namespace sampling
