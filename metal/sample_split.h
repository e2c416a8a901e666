// First of three sampling kernels for all rows: what each split of a row of logits has
// for the draw. Which result a row needs its parameters say; see split_results.h.
//
//   grid  as select_split's
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

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN, typename R,
          typename L, typename C, typename Words>
inline void sample_split(thread const R& row, thread const Params& params, uint split,
                         Place at, L lists, C cells, Words results) {
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  Tokens<SIZE> tokens;
  load_split<VOCAB_SIZE, SPLIT_SIZE, THREADS>(tokens, row, params, split, at);
  const float mine = largest_x(tokens);
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  const float largest =
      write_softmax<THREADS>(tokens, mine, params, split, at, cells, results, in);
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
