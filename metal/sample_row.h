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

// Load what the splits have selected; nothing, if `top_k` is 0.
template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SIZE, typename Words>
inline void load_top(thread Tokens<SIZE>& tokens, uint top_k, Words results, Results in,
                     Place at) {
  const uint number = num_splits(VOCAB_SIZE, SPLIT_SIZE) * top_k;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    const uint place = i * THREADS + at.index;
    tokens.x[i] = -infinity();
    tokens.id[i] = NONE;
    if (place < number) {
      tokens.x[i] = as_type<float>(uint(results[in.x + place]));
      tokens.id[i] = results[in.id + place];
    }
  }
}

// A row with a small top_k: the selections of its splits, selected from again. top-p
// keeps of the mass that top-k leaves.
template <int THREADS, int SLOTS, int SIZE, typename L, typename C>
inline Runner draw_of_top(thread const Tokens<SIZE>& tokens,
                          thread const Params& params, float largest, Place at, L lists,
                          C cells) {
  const uint length = select_top<THREADS, SLOTS>(tokens, largest_x(tokens),
                                                 params.top_k, at, lists, cells);
  if (at.index < length) {
    lists.x[at.index] = weight_of(lists.top_x[at.index], largest, params);
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
          int MEASURED, typename R, typename C, typename Words, typename Masses>
inline Runner draw_of_chain(thread const R& row, thread const Params& params,
                            Softmax softmax, Place at, C cells, Words results,
                            Results in, Masses masses) {
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
  const bool has_more = load_links<VOCAB_SIZE, SPLIT_SIZE, THREADS, CHAIN>(
      links, keys, results, in, largest, params, at);
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
        const uint place = measured_at<MEASURED>(row.index * splits + split, i);
        before.mass += as_type<float>(uint(masses[place]));
        before.count += masses[place + MEASURED];
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
          int MEASURED, typename R, typename L, typename C, typename Words,
          typename Masses, typename Drawn, typename Errors, typename LogProbs>
inline void sample_row(thread const R& row, thread const Params& params, Place at,
                       L lists, C cells, Words results, Masses masses, Drawn tokens,
                       Errors errors, LogProbs log_probs) {
  constexpr int SIZE = share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS);
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  const bool selects = is_selected<SLOTS>(params);
  Tokens<SIZE> top; // PERF: read before anything waits for the others
  load_top<VOCAB_SIZE, SPLIT_SIZE, THREADS>(top, selects ? params.top_k : 0u, results,
                                            in, at);
  const Softmax softmax =
      softmax_of<VOCAB_SIZE, SPLIT_SIZE, THREADS>(results, in, params, at, cells);
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
  if (selects) {
    draw = draw_of_top<THREADS, SLOTS>(top, params, softmax.largest, at, lists, cells);
  } else {
    draw = draw_of_chain<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN, MEASURED>(
        row, params, softmax, at, cells, results, in, masses);
  }
  if (at.index == 0) {
    tokens[row.index] = draw.id;
    errors[row.index] = NO_ERROR;
    log_probs[row.index] =
        -gap_of(draw.x, softmax.largest, params.inv_temp) - metal::log(softmax.mass);
  }
}

} // namespace sampling
