// What is left of splits of rows whose draw is a link of their chain.
namespace sampling {

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

// Where the mass before a link of the chain is; its count is MEASURED words later.
template <int MEASURED> inline uint measured_at(uint split, uint link) {
  return split * 2 * MEASURED + link;
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
