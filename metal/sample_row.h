// Last of the sampling kernels for all rows: the draw of each, from what the splits
// have told.
//
//   grid  [THREADS, batch_size]: a threadgroup for each row
namespace sampling {

// A row without a small top_k: the first link of its chain that the filters keep. Links
// are measured by sample_mass, if it has run, as far as it goes; by this threadgroup
// from there on.
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
  if (is_selected<SLOTS>(params)) {
    select_row<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS>(
        row.index, params, at, lists, cells, results, tokens, errors, log_probs);
    return;
  }
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  const Softmax softmax =
      softmax_of<VOCAB_SIZE, SPLIT_SIZE, THREADS>(results, in, params, at, cells);
  if (!has_draw(softmax, row.index, at, tokens, errors, log_probs)) {
    return;
  }
  const Runner draw =
      draw_of_chain<VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS, CHAIN, MEASURED>(
          row, params, softmax, at, cells, results, in, masses);
  write_draw(draw, softmax, params, row.index, at, tokens, errors, log_probs);
}

} // namespace sampling
