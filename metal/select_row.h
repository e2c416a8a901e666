// The draw of rows with a small top_k, from what their splits have selected.
//
//   grid  [THREADS, batch_size]: a threadgroup for each row
namespace sampling {

// Before a token: how many, and the sum of their weights.
struct Before {
  uint count;
  float mass;
};

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

// Whether there is a draw of a row; where there is none, write why.
template <typename Drawn, typename Errors, typename LogProbs>
inline bool has_draw(Softmax softmax, uint row, Place at, Drawn tokens, Errors errors,
                     LogProbs log_probs) {
  const bool has_nan = is_nan(softmax.mass);
  if (!has_nan && softmax.largest > -infinity()) {
    return true;
  }
  if (at.index == 0) {
    tokens[row] = 0u;
    errors[row] = has_nan ? NOT_A_NUMBER : NOTHING;
    log_probs[row] = as_type<float>(0x7FC00000u); // NaN
  }
  return false;
}

template <typename Drawn, typename Errors, typename LogProbs>
inline void write_draw(Runner draw, Softmax softmax, thread const Params& params,
                       uint row, Place at, Drawn tokens, Errors errors,
                       LogProbs log_probs) {
  if (at.index == 0) {
    tokens[row] = draw.id;
    errors[row] = NO_ERROR;
    log_probs[row] =
        -gap_of(draw.x, softmax.largest, params.inv_temp) - metal::log(softmax.mass);
  }
}

// Load what the splits have selected.
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

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, typename L,
          typename C, typename Words, typename Drawn, typename Errors,
          typename LogProbs>
inline void select_row(uint row, thread const Params& params, Place at, L lists,
                       C cells, Words results, Drawn tokens, Errors errors,
                       LogProbs log_probs) {
  constexpr int SIZE = share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, SLOTS);
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row);
  Tokens<SIZE> top; // PERF: read before anything waits for the others
  load_top<VOCAB_SIZE, SPLIT_SIZE, THREADS>(top, params.top_k, results, in, at);
  const Softmax softmax =
      softmax_of<VOCAB_SIZE, SPLIT_SIZE, THREADS>(results, in, params, at, cells);
  if (!has_draw(softmax, row, at, tokens, errors, log_probs)) {
    return;
  }
  const Runner draw =
      draw_of_top<THREADS, SLOTS>(top, params, softmax.largest, at, lists, cells);
  write_draw(draw, softmax, params, row, at, tokens, errors, log_probs);
}

} // namespace sampling
