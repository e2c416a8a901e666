// What a kernel leaves of a split for the next one, in a row of words for each row:
//
//   [num_splits] four times: the largest x, the sum of the weights below it (NaN if any
//       x is), how many links the chain has, whether it stands for more
//   [num_splits * SLOTS] twice: x of some tokens, and their ids
//
// The tokens are the likeliest top_k of each split (filled up with -infinity and NONE),
// top_k after top_k; or the splits' chains of winners, each with room for CHAIN.
namespace sampling {

// Rows whose top_k is small enough to be selected in threadgroup memory.
template <int SLOTS> inline bool is_selected(thread const Params& params) {
  return !params.is_greedy && params.top_k > 0 && params.top_k <= uint(SLOTS);
}

constexpr int num_splits(int vocab_size, int split_size) {
  return (vocab_size + split_size - 1) / split_size;
}

// The tokens of each split but the last, at most split_size. PERF: splits are of one
// length, by fours; a short one in the end would have few groups of tokens to select
// from, and all would wait for it.
constexpr int split_length(int vocab_size, int split_size) {
  return ((vocab_size - 1) / (4 * num_splits(vocab_size, split_size)) + 1) * 4;
}

// Where a row's results are.
struct Results {
  uint largest;
  uint mass;
  uint length;
  uint has_more;
  uint x;
  uint id;
};

template <int VOCAB_SIZE, int SPLIT_SIZE, int SLOTS>
inline Results results_of(uint row) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  const uint begin = row * splits * (4 + 2 * SLOTS);
  Results at;
  at.largest = begin;
  at.mass = begin + splits;
  at.length = begin + 2 * splits;
  at.has_more = begin + 3 * splits;
  at.x = begin + 4 * splits;
  at.id = begin + (4 + SLOTS) * splits;
  return at;
}

// The whole row's largest x and sum of weights, the latter NaN if any x is.
struct Softmax {
  float largest;
  float mass;
};

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, typename Words, typename C>
inline Softmax softmax_of(Words results, Results in, thread const Params& params,
                          Place at, C cells) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  constexpr int SIZE = (num_splits(VOCAB_SIZE, SPLIT_SIZE) + THREADS - 1) / THREADS;
  float xs[SIZE];
  float masses[SIZE];
  Softmax softmax = {-infinity(), 0.0f};
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const uint split = i * THREADS + at.index;
    const bool is_there = split < splits;
    xs[i] = is_there ? as_type<float>(uint(results[in.largest + split])) : -infinity();
    masses[i] = is_there ? as_type<float>(uint(results[in.mass + split])) : 0.0f;
    softmax.largest = metal::max(softmax.largest, xs[i]);
  }
  softmax.largest = largest_of<THREADS>(softmax.largest, at, cells);
  const float base = metal::max(softmax.largest, lowest());
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    softmax.mass += rounded_product(masses[i], weight_of(xs[i], base, params));
  }
  softmax.mass = sum_of<THREADS>(softmax.mass, at, cells);
  return softmax;
}

// How many of the tokens that all splits have, `each` so many, are one thread's.
constexpr int share_size(int vocab_size, int split_size, int threads, int each) {
  return (num_splits(vocab_size, split_size) * each + threads - 1) / threads;
}

} // namespace sampling
