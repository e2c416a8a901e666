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

// Where the mass before a link of the chain is; its count is MEASURED words later.
template <int MEASURED> inline uint measured_at(uint split, uint link) {
  return split * 2 * MEASURED + link;
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

// Load the links of all splits' chains, and their keys in the whole row's race; return
// whether some chain has more links than there are.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int CHAIN, int SIZE,
          typename Words>
inline bool load_links(thread Tokens<SIZE>& tokens, thread float (&keys)[SIZE],
                       Words results, Results in, float largest,
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
      has_more = has_more || results[in.has_more + split] != 0;
      if (link < results[in.length + split]) {
        tokens.x[i] = as_type<float>(uint(results[in.x + place]));
        tokens.id[i] = results[in.id + place];
        keys[i] = params.is_greedy ? tokens.x[i]
                                   : key_of(tokens.x[i], tokens.id[i], largest, params);
      }
    }
  }
  return has_more;
}

} // namespace sampling
