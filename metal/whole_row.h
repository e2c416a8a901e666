// What one threadgroup finds out of a whole row of logits, where splits have not told:
// slow, exact, and seldom needed. No token is NaN.
namespace sampling {

template <int VOCAB_SIZE, int THREADS, typename R, typename C>
inline Before tokens_before(float x, uint id, thread const R& row,
                            thread const Params& params, float largest, Place at,
                            C cells) {
  uint count = 0;
  float mass = 0.0f;
  for (uint token = at.index; token < uint(VOCAB_SIZE); token += THREADS) {
    const float other = x_of<VOCAB_SIZE>(row, params, token);
    if (comes_before(other, token, x, id)) {
      count += 1;
      mass += weight_of(other, largest, params);
    }
  }
  Before before;
  before.count = sum_of<THREADS>(count, at, cells);
  before.mass = sum_of<THREADS>(mass, at, cells);
  return before;
}

// The next link of the chain.
template <int VOCAB_SIZE, int THREADS, typename R, typename C>
inline Runner next_link(Runner last, thread const R& row, thread const Params& params,
                        float largest, Place at, C cells) {
  Runner mine = no_runner();
  for (uint token = at.index; token < uint(VOCAB_SIZE); token += THREADS) {
    const float x = x_of<VOCAB_SIZE>(row, params, token);
    if (x > -infinity() && comes_before(x, token, last.x, last.id) &&
        gap_of(x, largest, params.inv_temp) < farthest_gap()) {
      const float key = key_of(x, token, largest, params);
      if (comes_before(key, token, mine.key, mine.id)) {
        mine.key = key;
        mine.x = x;
        mine.id = token;
      }
    }
  }
  return winner_of<THREADS>(mine, at, cells);
}

// Words that order as floats do; both zeros have one.
inline uint order_of(float x) {
  const uint bits = x == 0.0f ? 0u : as_type<uint>(x);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

inline float float_of(uint order) {
  return as_type<float>((order & 0x80000000u) != 0 ? order & 0x7FFFFFFFu : ~order);
}

// The weights' sum of the top_k likeliest tokens. Equal x have equal weights, so it
// does not matter which of those that share the last place are in.
template <int VOCAB_SIZE, int THREADS, typename R, typename C>
inline float mass_of_top(thread const R& row, thread const Params& params,
                         float largest, Place at, C cells) {
  // The top_k-th likeliest is in [low, high]; both become some token's.
  uint low = order_of(-infinity());
  uint high = order_of(largest);
  while (low < high) {
    const uint middle = low + (high - low + 1) / 2;
    uint count = 0;
    uint above = 0; // ~ of the least from the middle on: there is largest_of alone
    uint below = low;
    for (uint token = at.index; token < uint(VOCAB_SIZE); token += THREADS) {
      const uint order = order_of(x_of<VOCAB_SIZE>(row, params, token));
      if (order >= middle) {
        count += 1;
        above = metal::max(above, ~order);
      } else {
        below = metal::max(below, order);
      }
    }
    if (sum_of<THREADS>(count, at, cells) >= params.top_k) {
      low = ~largest_of<THREADS>(above, at, cells);
    } else {
      high = largest_of<THREADS>(below, at, cells);
    }
  }
  const float last = float_of(low);
  const Before above =
      tokens_before<VOCAB_SIZE, THREADS>(last, 0u, row, params, largest, at, cells);
  return above.mass +
         float(params.top_k - above.count) * weight_of(last, largest, params);
}

} // namespace sampling
