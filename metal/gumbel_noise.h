// A Gumbel variate of a random word: -log(E), E = -log(1 - u), u = (word + 1/2) / 2^32.
//
// The winners of a race have a small E, so u is small there and E keeps its relative
// precision. MSL has no log1p; log(v) * u / (1 - v) with v = 1 - u, rounded, is W.
// Kahan's way to have it. Specification in MLX operations: pensieve/engine/gumbel.py.
inline float gumbel(uint word) {
  const float uniform = (float(word) + 0.5f) * 2.3283064365386963e-10f; // 2^-32
  const float u = metal::min(uniform, 0.99999994f);                     // 1 - 2^-24
  const float v = 1.0f - u;
  const float exponential = v == 1.0f ? u : -metal::log(v) * (u / (1.0f - v));
  return -metal::log(exponential);
}
