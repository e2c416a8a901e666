// The race of logit + noise: among tokens, the one with the largest key is drawn.
namespace sampling {

inline uint noise_word(PhiloxWords words, uint token) {
  const uint low = (token & 1u) != 0 ? words.word[1] : words.word[0];
  const uint high = (token & 1u) != 0 ? words.word[3] : words.word[2];
  return (token & 2u) != 0 ? high : low;
}

inline PhiloxWords noise_words(uint block, thread const Params& params) {
  return philox_4x32_10(block, params.position, 0u, 0u, params.seed_low,
                        params.seed_high);
}

// The key of one token: noise - gap.
inline float key_of(float x, uint token, float largest, thread const Params& params) {
  const PhiloxWords words = noise_words(token >> 2, params);
  return gumbel(noise_word(words, token)) - gap_of(x, largest, params.inv_temp);
}

} // namespace sampling
