// What each split of a row of logits has for the draw of a row with a small top_k.
//
//   grid  [num_splits * THREADS, batch_size]: a threadgroup for each split of each row
//
// A split has SPLIT_SIZE tokens whatever the batch, so that a row's results do not
// depend on the others.
namespace sampling {

// Write a split's largest x and sum of weights, and return the former.
//
//   mine  the largest of this thread's tokens
template <int THREADS, int SIZE, typename C, typename Words>
inline float write_softmax(thread const Tokens<SIZE>& tokens, float mine,
                           thread const Params& params, uint split, Place at, C cells,
                           Words results, Results in) {
  const float largest = largest_of<THREADS>(mine, at, cells);
  const float base = metal::max(largest, lowest());
  float mass = 0.0f;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    mass += weight_of(tokens.x[i], base, params);
  }
  mass = sum_of<THREADS>(mass, at, cells);
  if (at.index == 0) {
    results[in.largest + split] = as_type<uint>(largest);
    results[in.mass + split] = as_type<uint>(mass);
  }
  return largest;
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

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, typename R,
          typename L, typename C, typename Words>
inline void select_split(thread const R& row, thread const Params& params, uint split,
                         Place at, L lists, C cells, Words results) {
  Tokens<SPLIT_SIZE / THREADS> tokens;
  load_split<VOCAB_SIZE, SPLIT_SIZE, THREADS>(tokens, row, params, split, at);
  const float mine = largest_x(tokens);
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  write_softmax<THREADS>(tokens, mine, params, split, at, cells, results, in);
  write_top<THREADS, SLOTS>(tokens, mine, params.top_k, split, at, lists, cells,
                            results, in);
}

} // namespace sampling
