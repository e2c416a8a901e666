// The likeliest tokens of those that a threadgroup's threads hold, exactly, in order.
//
// Threads are taken in groups, and of the groups' own largest logits the k-th is a
// bound: k tokens at least are as likely. Few more are, as a rule; these are gathered,
// and each counts how many come before it. Where many are, since most groups are empty,
// or the likeliest stand close together or are equal, each thread is a group, and of
// equals their ids decide. No sort, and no loop that depends on the logits but then.
namespace sampling {

// Threadgroup memory of a selection: a list [list_size()], and what is found [SLOTS].
template <typename Reals, typename Words> struct Lists {
  Reals x;
  Words id;
  Reals top_x;
  Words top_id;
};

template <typename Reals, typename Words>
inline Lists<Reals, Words> lists_of(Reals x, Words id, Reals top_x, Words top_id) {
  Lists<Reals, Words> lists = {x, id, top_x, top_id};
  return lists;
}

// With groups of one thread fewer than SLOTS threads have tokens above the bound.
constexpr int list_size(int slots, int size, int threads) {
  return slots * size > threads ? slots * size : threads;
}

// 1 << this many threads are a group: groups are half as many again as are looked for,
// or all threads.
template <int THREADS> inline uint group_shift(uint top_k) {
  uint shift = 0;
  while (shift < 5 && 3 * top_k <= uint(THREADS) >> shift) {
    ++shift;
  }
  return shift;
}

// A logit that `top_k` groups at least have in them, or lowest() if fewer groups have
// any.
//
//   x  the largest of this thread's tokens
template <int THREADS, typename L, typename C>
inline float bound_of(float x, uint shift, uint top_k, Place at, L lists, C cells) {
  for (uint step = 0; step < shift; ++step) {
    const float other = metal::simd_shuffle_xor(x, 1u << step);
    x = metal::max(x, other);
  }
  const uint groups = uint(THREADS) >> shift;
  const uint group = at.index >> shift;
  if (group << shift == at.index) {
    lists.x[group] = x;
  }
  barrier();
  float candidate = -infinity();
  if (at.index < groups) {
    const float mine = lists.x[at.index];
    uint not_less = 0;
    for (uint i = 0; i < groups; ++i) {
      const float other = lists.x[i];
      not_less += other >= mine ? 1u : 0u;
    }
    candidate = not_less >= top_k ? mine : -infinity();
  }
  return metal::max(largest_of<THREADS>(candidate, at, cells), lowest());
}

// How many of a list's tokens come before one.
template <typename L> inline uint rank_in(L lists, uint length, float x, uint id) {
  uint rank = 0;
  for (uint i = 0; i < length; ++i) {
    const float other_x = lists.x[i];
    const uint other_id = lists.id[i];
    rank += comes_before(other_x, other_id, x, id) ? 1u : 0u;
  }
  return rank;
}

inline bool is_gathered(float x, uint id, float bound, uint last_id) {
  return x >= bound && (x > bound || id <= last_id);
}

template <int SIZE>
inline uint number_gathered(thread const Tokens<SIZE>& tokens, float bound,
                            uint last_id) {
  uint number = 0;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    number += is_gathered(tokens.x[i], tokens.id[i], bound, last_id) ? 1u : 0u;
  }
  return number;
}

// The last of the tokens equal to `bound` that are among the top_k likeliest.
template <int THREADS, int SIZE, typename C>
inline uint last_of_equals(float bound, uint top_k, thread const Tokens<SIZE>& tokens,
                           Place at, C cells) {
  uint above = 0;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    above += tokens.x[i] > bound ? 1u : 0u;
  }
  const uint wanted = top_k - sum_of<THREADS>(above, at, cells);
  uint low = 0;
  uint high = NONE;
  while (low < high) {
    const uint middle = low + (high - low) / 2;
    uint number = 0;
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
      number += tokens.x[i] == bound && tokens.id[i] <= middle ? 1u : 0u;
    }
    if (sum_of<THREADS>(number, at, cells) >= wanted) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// Fill lists.top_x and lists.top_id with the `top_k` likeliest tokens and return how
// many there are: fewer if only so many are not -infinity.
//
//   top_k    1 to SLOTS, and SLOTS is at most THREADS
//   largest  of this thread's tokens; none that is NaN is selected
template <int THREADS, int SLOTS, int SIZE, typename L, typename C>
inline uint select_top(thread const Tokens<SIZE>& tokens, float largest, uint top_k,
                       Place at, L lists, C cells) {
  const uint shift = group_shift<THREADS>(top_k);
  float bound = bound_of<THREADS>(largest, shift, top_k, at, lists, cells);
  uint last_id = NONE;
  Turn turn = turn_of<THREADS>(number_gathered(tokens, bound, last_id), at, cells);
  // PERF: what is gathered is compared each with each.
  if (turn.sum > uint(2 * SLOTS)) {
    bound = bound_of<THREADS>(largest, 0u, top_k, at, lists, cells);
    turn = turn_of<THREADS>(number_gathered(tokens, bound, last_id), at, cells);
  }
  if (turn.sum > uint(2 * SLOTS)) {
    last_id = last_of_equals<THREADS>(bound, top_k, tokens, at, cells);
    turn = turn_of<THREADS>(number_gathered(tokens, bound, last_id), at, cells);
  }
  uint slot = turn.before;
#pragma unroll
  for (int i = 0; i < SIZE; ++i) {
    if (is_gathered(tokens.x[i], tokens.id[i], bound, last_id)) {
      lists.x[slot] = tokens.x[i];
      lists.id[slot] = tokens.id[i];
      ++slot;
    }
  }
  barrier();
  for (uint i = at.index; i < turn.sum; i += THREADS) {
    const float x = lists.x[i];
    const uint id = lists.id[i];
    const uint rank = rank_in(lists, turn.sum, x, id);
    if (rank < top_k) {
      lists.top_x[rank] = x;
      lists.top_id[rank] = id;
    }
  }
  barrier();
  return metal::min(turn.sum, top_k);
}

} // namespace sampling
