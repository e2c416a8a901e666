// Second of the sampling kernels, for batches with rows that are measured: how many of
// a split's tokens come before each link of the row's chain, and their weights' sum.
//
//   grid  as sample_split's
//
// Every threadgroup finds the row's chain for itself: that is less than another kernel.
namespace sampling {

// The first MEASURED links of a row's chain, in threadgroup memory; returns how many.
template <int THREADS, int MEASURED, int SIZE, typename C, typename Reals,
          typename Words>
inline uint find_chain(thread const Tokens<SIZE>& links,
                       thread const float (&keys)[SIZE], Place at, C cells,
                       Reals chain_x, Words chain_id) {
  Runner last = no_runner();
  uint length = 0;
  for (; length < uint(MEASURED); ++length) {
    last = winner_before<THREADS>(last, links, keys, at, cells);
    if (last.id == NONE) {
      break;
    }
    if (at.index == 0) {
      chain_x[length] = last.x;
      chain_id[length] = last.id;
    }
  }
  barrier();
  return length;
}

// Threadgroup memory of a measurement.
template <typename Reals, typename Words> struct Chain {
  Reals x;      // [MEASURED]
  Words id;     // [MEASURED]
  Reals masses; // [MEASURED * 32], one of each simdgroup
  Words counts; // [MEASURED * 32]
};

template <typename Reals, typename Words>
inline Chain<Reals, Words> chain_of(Reals x, Words id, Reals masses, Words counts) {
  Chain<Reals, Words> chain = {x, id, masses, counts};
  return chain;
}

template <int VOCAB_SIZE, int SPLIT_SIZE, int THREADS, int SLOTS, int CHAIN,
          int MEASURED, typename R, typename H, typename C, typename Words,
          typename Masses>
inline void sample_mass(thread const R& row, thread const Params& params, uint split,
                        Place at, H chain, C cells, Words results, Masses masses) {
  if (!is_measured<SLOTS>(params)) {
    return;
  }
  constexpr int SIZE = SPLIT_SIZE / THREADS;
  Tokens<SIZE> tokens;
  load_split<VOCAB_SIZE, SPLIT_SIZE, THREADS>(tokens, row, params, split, at);

  constexpr int LINKS = share_size(VOCAB_SIZE, SPLIT_SIZE, THREADS, CHAIN);
  const Results in = results_of<VOCAB_SIZE, SPLIT_SIZE, SLOTS>(row.index);
  const float largest =
      softmax_of<VOCAB_SIZE, SPLIT_SIZE, THREADS>(results, in, params, at, cells)
          .largest;
  Tokens<LINKS> links;
  float keys[LINKS];
  load_links<VOCAB_SIZE, SPLIT_SIZE, THREADS, CHAIN>(links, keys, results, in, largest,
                                                     params, at);
  const uint length =
      find_chain<THREADS, MEASURED>(links, keys, at, cells, chain.x, chain.id);

  const float base = metal::max(largest, lowest());
  float weights[SIZE];
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    weights[i] = weight_of(tokens.x[i], base, params);
  }
  for (uint link = 0; link < length; ++link) {
    const float x = chain.x[link];
    const uint id = chain.id[link];
    float mass = 0.0f;
    uint count = 0;
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      const bool is_before = comes_before(tokens.x[i], tokens.id[i], x, id);
      mass += is_before ? weights[i] : 0.0f;
      count += is_before ? 1u : 0u;
    }
    mass = metal::simd_sum(mass);
    count = metal::simd_sum(count);
    if (at.lane == 0) {
      chain.masses[link * 32 + at.simdgroup] = mass;
      chain.counts[link * 32 + at.simdgroup] = count;
    }
  }
  barrier();
  const uint splits = num_splits(VOCAB_SIZE, SPLIT_SIZE);
  const uint place = measured_at<MEASURED>(row.index * splits + split, at.index);
  if (at.index < length) {
    float mass = 0.0f;
    uint count = 0;
    for (int i = 0; i < THREADS / 32; ++i) {
      mass += chain.masses[at.index * 32 + i];
      count += chain.counts[at.index * 32 + i];
    }
    masses[place] = as_type<uint>(mass);
    masses[place + MEASURED] = count;
  }
}

} // namespace sampling
