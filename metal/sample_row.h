// Last of the sampling kernels: the draw of each row, from what the splits have told.
//
//   grid  [THREADS, batch_size]: a threadgroup for each row
namespace sampling {

enum Error : uint { NO_ERROR = 0, NOT_A_NUMBER = 1, NOTHING = 2 };

// Whether a row's filters keep a token, of which is known what comes before it. The
// likeliest they always keep.
inline bool is_kept(float x, Before before, float mass, float largest,
                    thread const Params& params) {
  const bool is_in_top_k = params.top_k == 0 || before.count < params.top_k;
  const bool is_in_top_p = !(params.top_p < 1.0f) || before.mass < params.top_p * mass;
  const bool is_in_min_p = gap_of(x, largest, params.inv_temp) <= params.min_gap;
  return before.count == 0 || (is_in_top_k && is_in_top_p && is_in_min_p);
}

// A row with a small top_k: the selections of its splits, selected from again. top-p
// keeps of the mass that top-k leaves.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, typename L,
          typename C, typename Reals, typename Words>
inline Runner draw_of_top(thread const Params& params, uint row, float largest,
                          Place at, L lists, C cells, Reals split_reals,
                          Words split_words) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  constexpr int SIZE = share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS);
  Tokens<SIZE> tokens;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const uint place = i * THREADS + at.index;
    const uint split = place / params.top_k;
    tokens.x[i] = -infinity();
    tokens.id[i] = NONE - place; // no token's, and no other place's
    if (split < splits) {
      const uint begin = results_at<SLOTS>(row, splits, split);
      const uint token = begin + place % params.top_k;
      tokens.x[i] = split_reals[token];
      tokens.id[i] = tokens.x[i] == -infinity() ? NONE - place : split_words[token];
    }
  }
  const uint length =
      select_top<THREADS, SLOTS>(tokens, params.top_k, at, lists, cells);

  if (at.index < length) {
    lists.x[at.index] = weight_of(lists.top_x[at.index], largest, params.inv_temp);
  }
  barrier();
  Runner mine = no_runner();
  if (at.index < length) {
    Before before = {at.index, 0.0f};
    float mass = 0.0f;
    for (uint i = 0; i < length; ++i) {
      before.mass = i == at.index ? mass : before.mass;
      mass += lists.x[i];
    }
    const float x = lists.top_x[at.index];
    const uint id = lists.top_id[at.index];
    if (is_kept(x, before, mass, largest, params)) {
      mine.key = key_of(x, id, largest, params);
      mine.x = x;
      mine.id = id;
    }
  }
  return winner_of<THREADS>(mine, at, cells);
}

// A row without: the first link of its chain that the filters keep. Links are measured
// by sample_mass, if it has run, as far as it goes; by this threadgroup from there on.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN,
          int MEASURED, typename R, typename C, typename Reals, typename Words,
          typename Masses, typename Counts>
inline Runner draw_of_chain(thread const R& row, thread const Params& params,
                            Softmax softmax, Place at, C cells, Reals split_reals,
                            Words split_words, Masses masses, Counts counts) {
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  const float largest = softmax.largest;
  const bool measures = is_measured<SLOTS>(params);
  float mass = softmax.mass;
  if (params.top_k > 0 && params.top_p < 1.0f && !params.is_greedy) {
    mass = mass_of_top<VOCAB_SIZE, THREADS>(row, params, largest, at, cells);
  }
  constexpr int SIZE = share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, CHAIN);
  Tokens<SIZE> links;
  float keys[SIZE];
  const bool has_more = load_links<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN>(
      links, keys, split_reals, split_words, row.index, largest, params, at);
  const bool is_known = largest_of<THREADS>(has_more ? 1u : 0u, at, cells) == 0;

  Runner link = no_runner();
  for (uint i = 0; is_known && !(measures && i >= uint(MEASURED)); ++i) {
    link = winner_before<THREADS>(link, links, keys, at, cells);
    if (link.id == NONE) {
      break;
    }
    Before before = {NONE, 0.0f}; // not asked for
    if (measures) {
      before.count = 0;
      for (uint split = at.index; split < splits; split += THREADS) {
        const uint place = (row.index * splits + split) * MEASURED + i;
        before.count += counts[place];
        before.mass += masses[place];
      }
      before.count = sum_of<THREADS>(before.count, at, cells);
      before.mass = sum_of<THREADS>(before.mass, at, cells);
    }
    if (is_plain<SLOTS>(params) || is_kept(link.x, before, mass, largest, params)) {
      return link;
    }
  }
  while (true) {
    link = next_link<VOCAB_SIZE, THREADS>(link, row, params, largest, at, cells);
    const Before before = tokens_before<VOCAB_SIZE, THREADS>(
        link.x, link.id, row, params, largest, at, cells);
    if (is_kept(link.x, before, mass, largest, params)) {
      return link;
    }
  }
}

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN,
          int MEASURED, typename R, typename L, typename C, typename Reals,
          typename Words, typename Masses, typename Counts, typename Drawn,
          typename Errors, typename LogProbs>
inline void sample_row(thread const R& row, thread const Params& params, Place at,
                       L lists, C cells, Reals split_reals, Words split_words,
                       Masses masses, Counts counts, Drawn tokens, Errors errors,
                       LogProbs log_probs) {
  const Softmax softmax = softmax_of<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS>(
      split_reals, row.index, params, at, cells);
  const bool has_nan = is_nan(softmax.mass);
  if (has_nan || softmax.largest == -infinity()) {
    if (at.index == 0) {
      tokens[row.index] = 0u;
      errors[row.index] = has_nan ? NOT_A_NUMBER : NOTHING;
      log_probs[row.index] = as_type<float>(0x7FC00000u); // NaN
    }
    return;
  }
  Runner draw;
  if (is_selected<SLOTS>(params)) {
    draw = draw_of_top<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS>(
        params, row.index, softmax.largest, at, lists, cells, split_reals, split_words);
  } else {
    draw = draw_of_chain<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN, MEASURED>(
        row, params, softmax, at, cells, split_reals, split_words, masses, counts);
  }
  if (at.index == 0) {
    tokens[row.index] = draw.id;
    errors[row.index] = NO_ERROR;
    log_probs[row.index] =
        -gap_of(draw.x, softmax.largest, params.inv_temp) - metal::log(softmax.mass);
  }
}

} // namespace sampling
