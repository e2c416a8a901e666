// One row's logits as they are sampled from: bias, penalties, mask, in this order.
//
// Specification in MLX operations: pensieve/engine/sampling.
namespace sampling {

// What a row of `reals` [batch_size, 8] and of `words` [batch_size, 8] says.
struct Params {
  float inv_temp;
  float top_p;
  float min_gap; // -log(min_p), infinity for none
  float repetition;
  float inv_repetition;
  float presence;
  float frequency;
  uint top_k; // 0: none
  uint seed_low;
  uint seed_high;
  uint position;
  bool is_greedy;
  uint history; // which row of the histories is its own, or NONE; likewise
  uint bias;
  uint mask;
};

template <typename Reals, typename Words>
inline Params params_of(Reals reals, Words words, uint row, uint vocab_size) {
  Params params;
  params.is_greedy = words[8 * row + 4] != 0;
  params.inv_temp = params.is_greedy ? 1.0f : float(reals[8 * row]);
  params.top_p = reals[8 * row + 1];
  params.min_gap = reals[8 * row + 2];
  params.repetition = reals[8 * row + 3];
  params.inv_repetition = reals[8 * row + 4];
  params.presence = reals[8 * row + 5];
  params.frequency = reals[8 * row + 6];
  const uint top_k = words[8 * row];
  params.top_k = top_k < vocab_size ? top_k : 0u;
  params.seed_low = words[8 * row + 1];
  params.seed_high = words[8 * row + 2];
  params.position = words[8 * row + 3];
  params.history = words[8 * row + 5];
  params.bias = words[8 * row + 6];
  params.mask = words[8 * row + 7];
  return params;
}

template <typename Logits, typename Histories, typename Biases, typename Masks>
struct Row {
  Logits logits; // [batch_size, vocab_size], of any float type
  Histories histories;
  Biases biases;
  Masks masks;
  uint index;
};

template <typename Logits, typename Histories, typename Biases, typename Masks>
inline Row<Logits, Histories, Biases, Masks>
row_of(Logits logits, Histories histories, Biases biases, Masks masks, uint index) {
  Row<Logits, Histories, Biases, Masks> row = {logits, histories, biases, masks, index};
  return row;
}

inline bool are_adjusted(thread const Params& params) {
  return (params.history & params.bias & params.mask) != NONE;
}

template <int VOCAB_SIZE, typename R>
inline float adjusted(float x, thread const R& row, thread const Params& params,
                      uint token) {
  if (params.bias != NONE) {
    x += row.biases[params.bias * VOCAB_SIZE + token];
  }
  if (params.history != NONE) {
    const uint history = row.histories[params.history * VOCAB_SIZE + token];
    if (history != 0) {
      const float count = float(history >> 1);
      x = rounded_product(x, x > 0.0f ? params.inv_repetition : params.repetition);
      x = x - rounded_product(params.frequency, count);
      x = count > 0.0f ? x - params.presence : x;
    }
  }
  if (params.mask != NONE) {
    const uint words = (VOCAB_SIZE + 31) / 32;
    const uint word = row.masks[params.mask * words + (token >> 5)];
    x = (word >> (token & 31u) & 1u) != 0 ? x : -infinity();
  }
  return x;
}

// x of one token, which may be NaN.
template <int VOCAB_SIZE, typename R>
inline float x_of(thread const R& row, thread const Params& params, uint token) {
  const float x = float(row.logits[row.index * VOCAB_SIZE + token]);
  return are_adjusted(params) ? adjusted<VOCAB_SIZE>(x, row, params, token) : x;
}

// Some tokens of one thread.
template <int SIZE> struct Tokens {
  float x[SIZE]; // -infinity: not there
  uint id[SIZE]; // all different, in all threads
};

// A split of the vocabulary over the threads, by fours, since four neighbours share the
// words of a Philox block. Past the vocabulary's end x is -infinity; it may be NaN.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, typename R>
inline void load_split(thread Tokens<SPLIT_SIZE / THREADS>& tokens, thread const R& row,
                       thread const Params& params, uint split, Place at) {
#pragma unroll
  for (int i = 0; i < SPLIT_SIZE / THREADS; ++i) {
    const uint block = (i / 4) * THREADS + at.index;
    const uint token = split * SPLIT_SIZE + 4 * block + i % 4;
    tokens.id[i] = token;
    tokens.x[i] = token < uint(VOCAB_SIZE)
                      ? float(row.logits[row.index * VOCAB_SIZE + token])
                      : -infinity();
  }
  if (are_adjusted(params)) {
#pragma unroll
    for (int i = 0; i < SPLIT_SIZE / THREADS; ++i) {
      if (tokens.id[i] < uint(VOCAB_SIZE)) {
        tokens.x[i] = adjusted<VOCAB_SIZE>(tokens.x[i], row, params, tokens.id[i]);
      }
    }
  }
}

// How far x is below the largest, in units of the temperature.
inline float gap_of(float x, float largest, float inv_temp) {
  return x == largest ? 0.0f : (largest - x) * inv_temp;
}

inline float weight_of(float x, float largest, float inv_temp) {
  return x == -infinity() ? 0.0f : metal::exp(-gap_of(x, largest, inv_temp));
}

} // namespace sampling
