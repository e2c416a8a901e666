// Philox-4x32-10: a counter and a key in, four random words out. No state.
//
//   counter  (c0, c1, c2, c3), c0 the least significant      key  (k0, k1), likewise
//
// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
// (SC 2011), section 3.3. Specification in MLX operations: pensieve/engine/philox.py.
struct PhiloxWords {
  uint word[4];
};

inline PhiloxWords philox_4x32_10(uint c0, uint c1, uint c2, uint c3, uint k0,
                                  uint k1) {
  for (int round = 0; round < 10; ++round) {
    const uint high0 = metal::mulhi(0xD2511F53u, c0);
    const uint high1 = metal::mulhi(0xCD9E8D57u, c2);
    const uint low0 = 0xD2511F53u * c0;
    const uint low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  PhiloxWords words;
  words.word[0] = c0;
  words.word[1] = c1;
  words.word[2] = c2;
  words.word[3] = c3;
  return words;
}
