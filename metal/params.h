// What a row is drawn with: its row of `params` [batch_size, 16], eight reals' bits and
// eight words.
namespace sampling {

struct Params {
  float inv_temp;
  float inv_temp_2; // of weights that are powers of 2
  float top_p;
  float min_gap; // -log(min_p), infinity for none
  float repetition;
  float inv_repetition;
  float presence;
  float frequency;
  uint top_k; // 0: none
  uint seed_low;
  uint seed_high;
  uint position;
  bool is_greedy;
  uint history; // which row of the histories is its own, or NONE; likewise
  uint bias;
  uint mask;
};

template <typename Words>
inline Params params_of(Words words, uint row, uint vocab_size) {
  const uint reals = 16 * row;
  const uint others = 16 * row + 8;
  Params params;
  params.is_greedy = words[others + 4] != 0;
  params.inv_temp = as_type<float>(uint(words[reals])); // 1 where it is greedy
  params.inv_temp_2 = params.inv_temp * 1.44269504f;    // log2(e)
  params.top_p = as_type<float>(uint(words[reals + 1]));
  params.min_gap = as_type<float>(uint(words[reals + 2]));
  params.repetition = as_type<float>(uint(words[reals + 3]));
  params.inv_repetition = as_type<float>(uint(words[reals + 4]));
  params.presence = as_type<float>(uint(words[reals + 5]));
  params.frequency = as_type<float>(uint(words[reals + 6]));
  const uint top_k = words[others];
  params.top_k = top_k < vocab_size ? top_k : 0u;
  params.seed_low = words[others + 1];
  params.seed_high = words[others + 2];
  params.position = words[others + 3];
  params.history = words[others + 5];
  params.bias = words[others + 6];
  params.mask = words[others + 7];
  return params;
}

// Write the parameters of the row's next token, for a batch whose rows stay.
template <typename Words, typename Next>
inline void write_next(Words words, uint row, Place at, Next next) {
  if (at.index < 16) {
    const uint place = 16 * row + at.index;
    const uint word = words[place];
    next[place] = at.index == 8 + 3 ? word + 1 : word; // its position
  }
}

} // namespace sampling
