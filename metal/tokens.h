// Tokens that a thread holds, and how far and heavy they are.
namespace sampling {

// Some tokens of one thread.
template <int SIZE> struct Tokens {
  float x[SIZE]; // -infinity: not there
  uint id[SIZE]; // all different, in all threads; of those that are there they ascend
};

template <int SIZE> inline float largest_x(thread const Tokens<SIZE>& tokens) {
  float largest = -infinity();
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    largest = metal::fmax(largest, tokens.x[i]); // of a NaN and another the other
  }
  return largest;
}

// How far x is below the largest, in units of the temperature.
inline float gap_of(float x, float largest, float inv_temp) {
  return x == largest ? 0.0f : rounded_product(largest - x, inv_temp);
}

// exp(-gap), of -infinity 0.
//
//   largest  no less than lowest()
inline float weight_of(float x, float largest, thread const Params& params) {
  return exp2_of(x == largest ? 0.0f : (x - largest) * params.inv_temp_2);
}

} // namespace sampling
