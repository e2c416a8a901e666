// First of the sampling kernels: what each split of a row of logits has for the draw.
//
//   grid  [num_splits * THREADS, batch_size]: a threadgroup for each split of each row
//
// A split has SPLIT_SIZE tokens whatever the batch, so that a row's results do not
// depend on the others. Which result a row needs its parameters say; see
// split_results.h.
namespace sampling {

// The chain of winners of a split. Only the first link if it is_plain().
template <int THREADS, int SLOTS, int CHAIN, int SIZE, typename C, typename Reals,
          typename Words>
inline void write_chain(thread const Tokens<SIZE>& tokens,
                        thread const float (&keys)[SIZE], bool is_plain, Place at,
                        C cells, Reals reals, Words words, uint begin) {
  Runner last = no_runner();
  uint length = 0;
  for (; length < uint(is_plain ? 1 : CHAIN); ++length) {
    const Runner next = winner_before<THREADS>(last, tokens, keys, at, cells);
    if (next.id == NONE) {
      break;
    }
    if (at.index == 0) {
      reals[begin + length] = next.x;
      words[begin + length] = next.id;
    }
    last = next;
  }
  if (at.index == 0) {
    words[begin + SLOTS] = length;
    words[begin + SLOTS + 1] = !is_plain && length == uint(CHAIN) ? 1u : 0u;
  }
}

template <int THREADS, int SLOTS, int SIZE, typename L, typename C, typename Reals,
          typename Words>
inline void write_top(thread const Tokens<SIZE>& tokens, uint top_k, Place at, L lists,
                      C cells, Reals reals, Words words, uint begin) {
  const uint length = select_top<THREADS, SLOTS>(tokens, top_k, at, lists, cells);
  if (at.index < top_k) {
    const bool is_there = at.index < length;
    reals[begin + at.index] = is_there ? float(lists.top_x[at.index]) : -infinity();
    words[begin + at.index] = is_there ? uint(lists.top_id[at.index]) : uint(NONE);
  }
  if (at.index == 0) {
    words[begin + SLOTS] = length;
    words[begin + SLOTS + 1] = 0u;
  }
}

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN, typename R,
          typename L, typename C, typename Reals, typename Words>
inline void sample_split(thread const R& row, thread const Params& params, uint split,
                         Place at, L lists, C cells, Reals reals, Words words) {
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  Tokens<SIZE> tokens;
  load_split<VOCAB_SIZE, SPLIT_SIZE, THREADS>(tokens, row, params, split, at);

  float mass = 0.0f;
  float largest = -infinity();
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    if (is_nan(tokens.x[i])) {
      mass = tokens.x[i]; // and so the sum
      tokens.x[i] = -infinity();
    }
    largest = metal::max(largest, tokens.x[i]);
  }
  largest = largest_of<THREADS>(largest, at, cells);
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    mass += weight_of(tokens.x[i], largest, params.inv_temp);
  }
  mass = sum_of<THREADS>(mass, at, cells);

  const uint begin =
      results_at<SLOTS>(row.index, num_splits(VOCAB_SIZE, SPLIT_SIZE), split);
  if (at.index == 0) {
    reals[begin + SLOTS] = largest;
    reals[begin + SLOTS + 1] = mass;
  }
  if (is_selected<SLOTS>(params)) {
    write_top<THREADS, SLOTS>(tokens, params.top_k, at, lists, cells, reals, words,
                              begin);
    return;
  }
  float keys[SIZE];
  if (params.is_greedy) {
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      keys[i] = tokens.x[i];
    }
  } else {
    keys_of(keys, tokens, largest, params);
  }
  write_chain<THREADS, SLOTS, CHAIN>(tokens, keys, is_plain<SLOTS>(params), at, cells,
                                     reals, words, begin);
}

} // namespace sampling
