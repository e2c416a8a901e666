// Body for mx.fast.metal_kernel, after philox.h and gumbel_noise.h. One thread makes
// the noise of four neighbouring tokens.
//
//   seed [2]: low, high word    position [1]    template: VOCAB_SIZE
//   out: noise [VOCAB_SIZE]
const uint block = thread_position_in_grid.x;
const PhiloxWords words = philox_4x32_10(block, position[0], 0u, 0u, seed[0], seed[1]);
for (uint lane = 0; lane < 4; ++lane) {
  const uint token = 4 * block + lane;
  if (token < uint(VOCAB_SIZE)) {
    noise[token] = gumbel(words.word[lane]);
  }
}
