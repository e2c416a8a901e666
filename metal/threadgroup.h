// What the threads of a threadgroup find out together. Every thread calls these, and
// every thread gets the result. THREADS is a multiple of 32, at most 1024.
//
// MLX hands arrays to a kernel in one of two address spaces, by their size; so here and
// below what an array is comes from a template's argument.
namespace sampling {

enum Nowhere : uint { NONE = 0xFFFFFFFFu };

inline float infinity() {
  return as_type<float>(0x7F800000u);
}

inline float lowest() {
  return as_type<float>(0xFF7FFFFFu);
}

inline bool is_nan(float x) {
  return (as_type<uint>(x) & 0x7FFFFFFFu) > 0x7F800000u;
}

// Whether a token comes before another: the larger value, of equals the lower id.
inline bool comes_before(float value, uint id, float other_value, uint other_id) {
  return value > other_value || (value == other_value && id < other_id);
}

struct Place {
  uint index; // of the thread in the threadgroup
  uint lane;  // in the simdgroup
  uint simdgroup;
};

// Threadgroup memory for a value of each simdgroup, three times [32].
template <typename Reals, typename Words> struct Cells {
  Reals key;
  Reals x;
  Words id;
};

template <typename Reals, typename Words>
inline Cells<Reals, Words> cells_of(Reals key, Reals x, Words id) {
  Cells<Reals, Words> cells = {key, x, id};
  return cells;
}

inline void barrier() {
  metal::threadgroup_barrier(metal::mem_flags::mem_threadgroup);
}

template <int THREADS, typename C> inline float sum_of(float value, Place at, C cells) {
  const float simdgroups = metal::simd_sum(value);
  if (at.lane == 0) {
    cells.key[at.simdgroup] = simdgroups;
  }
  barrier();
  float sum = 0.0f;
  for (int i = 0; i < THREADS / 32; ++i) {
    sum += cells.key[i];
  }
  barrier(); // the cells may be written again
  return sum;
}

template <int THREADS, typename C> inline uint sum_of(uint value, Place at, C cells) {
  const uint simdgroups = metal::simd_sum(value);
  if (at.lane == 0) {
    cells.id[at.simdgroup] = simdgroups;
  }
  barrier();
  uint sum = 0;
  for (int i = 0; i < THREADS / 32; ++i) {
    sum += cells.id[i];
  }
  barrier();
  return sum;
}

template <int THREADS, typename C>
inline float largest_of(float value, Place at, C cells) {
  const float simdgroups = metal::simd_max(value);
  if (at.lane == 0) {
    cells.x[at.simdgroup] = simdgroups;
  }
  barrier();
  float largest = cells.x[0];
  for (int i = 1; i < THREADS / 32; ++i) {
    const float other = cells.x[i];
    largest = metal::max(largest, other);
  }
  barrier();
  return largest;
}

template <int THREADS, typename C>
inline uint largest_of(uint value, Place at, C cells) {
  const uint simdgroups = metal::simd_max(value);
  if (at.lane == 0) {
    cells.id[at.simdgroup] = simdgroups;
  }
  barrier();
  uint largest = cells.id[0];
  for (int i = 1; i < THREADS / 32; ++i) {
    const uint other = cells.id[i];
    largest = metal::max(largest, other);
  }
  barrier();
  return largest;
}

// Of values that threads have: what those before this one have together, and all.
struct Turn {
  uint before;
  uint sum;
};

template <int THREADS, typename C> inline Turn turn_of(uint value, Place at, C cells) {
  Turn turn = {metal::simd_prefix_exclusive_sum(value), 0u};
  if (at.lane == 31) {
    cells.id[at.simdgroup] = turn.before + value;
  }
  barrier();
  for (int i = 0; i < THREADS / 32; ++i) {
    const uint simdgroup = cells.id[i];
    turn.before += uint(i) < at.simdgroup ? simdgroup : 0u;
    turn.sum += simdgroup;
  }
  barrier();
  return turn;
}

// A token in the race: its key, and what orders it.
struct Runner {
  float key;
  float x;
  uint id;
};

inline Runner no_runner() {
  Runner none = {-infinity(), -infinity(), NONE};
  return none;
}

// The runner with the largest key, of equals the lowest id; no_runner() if all are.
template <int THREADS, typename C>
inline Runner winner_of(Runner mine, Place at, C cells) {
  const float key = metal::simd_max(mine.key);
  const uint id = metal::simd_min(mine.key == key ? mine.id : uint(NONE));
  const float x = metal::simd_max(mine.id == id ? mine.x : -infinity());
  if (at.lane == 0) {
    cells.key[at.simdgroup] = key;
    cells.x[at.simdgroup] = x;
    cells.id[at.simdgroup] = id;
  }
  barrier();
  Runner winner = {cells.key[0], cells.x[0], cells.id[0]};
  for (int i = 1; i < THREADS / 32; ++i) {
    const Runner other = {cells.key[i], cells.x[i], cells.id[i]};
    if (comes_before(other.key, other.id, winner.key, winner.id)) {
      winner = other;
    }
  }
  barrier();
  return winner;
}

} // namespace sampling
