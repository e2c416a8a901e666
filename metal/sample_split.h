// First of the sampling kernels: what each split of a row of logits has for the draw.
//
//   grid  [num_splits * THREADS, batch_size]: a threadgroup for each split of each row
//
// A split has SPLIT_SIZE tokens whatever the batch, so that a row's results do not
// depend on the others. Which result a row needs its parameters say; see
// split_results.h.
namespace sampling {

// The chain of winners of a split. Only the first link if it is_plain().
template <int THREADS, int CHAIN, int SIZE, typename C, typename Words>
inline void write_chain(thread const Tokens<SIZE>& tokens,
                        thread const float (&keys)[SIZE], bool is_plain, uint split,
                        Place at, C cells, Words results, Results in) {
  Runner link = winner_of_all<THREADS>(tokens, keys, at, cells);
  uint length = 0;
  while (link.id != NONE) {
    if (at.index == 0) {
      results[in.x + split * CHAIN + length] = as_type<uint>(link.x);
      results[in.id + split * CHAIN + length] = link.id;
    }
    ++length;
    if (is_plain || length == uint(CHAIN)) {
      break;
    }
    link = winner_before<THREADS>(link, tokens, keys, at, cells);
  }
  if (at.index == 0) {
    results[in.length + split] = length;
    results[in.has_more + split] = !is_plain && length == uint(CHAIN) ? 1u : 0u;
  }
}

template <int THREADS, int SLOTS, int SIZE, typename L, typename C, typename Words>
inline void write_top(thread const Tokens<SIZE>& tokens, float largest, uint top_k,
                      uint split, Place at, L lists, C cells, Words results,
                      Results in) {
  const uint length =
      select_top<THREADS, SLOTS>(tokens, largest, top_k, at, lists, cells);
  if (at.index < top_k) {
    const bool is_there = at.index < length;
    const float x = is_there ? float(lists.top_x[at.index]) : -infinity();
    results[in.x + split * top_k + at.index] = as_type<uint>(x);
    results[in.id + split * top_k + at.index] =
        is_there ? uint(lists.top_id[at.index]) : uint(NONE);
  }
}

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN, typename R,
          typename L, typename C, typename Words>
inline void sample_split(thread const R& row, thread const Params& params, uint split,
                         Place at, L lists, C cells, Words results) {
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  Tokens<SIZE> tokens;
  load_split<VOCAB_SIZE, SPLIT_SIZE, THREADS>(tokens, row, params, split, at);

  const float mine = largest_x(tokens);
  const float largest = largest_of<THREADS>(mine, at, cells);
  const float base = metal::max(largest, lowest());
  float mass = 0.0f;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    mass += weight_of(tokens.x[i], base, params);
  }
  mass = sum_of<THREADS>(mass, at, cells);

  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  if (at.index == 0) {
    results[in.largest + split] = as_type<uint>(largest);
    results[in.mass + split] = as_type<uint>(mass);
  }
  if (is_selected<SLOTS>(params)) {
    write_top<THREADS, SLOTS>(tokens, mine, params.top_k, split, at, lists, cells,
                              results, in);
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
  write_chain<THREADS, CHAIN>(tokens, keys, is_plain<SLOTS>(params), split, at, cells,
                              results, in);
}

} // namespace sampling
