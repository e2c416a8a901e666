// The words of the Metal Shading Language that the kernels use, as C++20 on fibers. In
// the place of metal/prelude_metal.h.
#pragma once
#include "runner.hpp"
#include <algorithm>
#include <bit>
#include <cmath>

using uint = std::uint32_t;
using half = _Float16;

struct bfloat {
  std::uint16_t bits;
  operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};

template <typename To, typename From> inline To as_type(From value) {
  return std::bit_cast<To>(value);
}

inline float rounded_product(float a, float b) {
  return a * b;
}

inline float exp2_of(float x) {
  return std::exp2(x);
}

namespace metal {
using std::fmax;
using std::log;
using std::max;
using std::min;

inline uint mulhi(uint a, uint b) {
  return uint((std::uint64_t(a) * b) >> 32);
}

enum class mem_flags { mem_threadgroup };

inline void threadgroup_barrier(mem_flags, const char* file = __builtin_FILE(),
                                int line = __builtin_LINE()) {
  emulated::wait(emulated::State::AT_BARRIER, {file, line});
}

// Leave a value for the simdgroup's other lanes, and wait for theirs.
template <typename T> inline void exchange(T value, emulated::Site site) {
  emulated::Lane& lane = emulated::group.lanes[emulated::group.thread];
  lane.turn ^= 1;
  std::memcpy(&lane.slots[lane.turn], &value, sizeof value);
  emulated::wait(emulated::State::AT_SIMD, site);
}

template <typename T> inline T of_lane(uint number) {
  const uint thread = emulated::group.thread;
  const uint turn = emulated::group.lanes[thread].turn;
  T value;
  const auto& lane = emulated::group.lanes[(thread & ~31u) + number];
  std::memcpy(&value, &lane.slots[turn], sizeof value);
  return value;
}

template <typename T, typename Join>
inline T joined(T value, emulated::Site site, Join join) {
  exchange(value, site);
  T result = of_lane<T>(0);
  for (uint i = 1; i < 32; ++i) {
    result = join(result, of_lane<T>(i));
  }
  return result;
}

template <typename T>
inline T simd_sum(T value, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return joined(value, {file, line}, [](T a, T b) { return T(a + b); });
}
template <typename T>
inline T simd_max(T value, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return joined(value, {file, line}, [](T a, T b) { return a < b ? b : a; });
}
template <typename T>
inline T simd_min(T value, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return joined(value, {file, line}, [](T a, T b) { return b < a ? b : a; });
}
template <typename T>
inline T simd_shuffle_xor(T value, uint mask, const char* file = __builtin_FILE(),
                          int line = __builtin_LINE()) {
  exchange(value, {file, line});
  return of_lane<T>((emulated::group.thread & 31) ^ mask);
}
template <typename T>
inline T simd_prefix_exclusive_sum(T value, const char* file = __builtin_FILE(),
                                   int line = __builtin_LINE()) {
  exchange(value, {file, line});
  T sum = 0;
  for (uint i = 0; i < (emulated::group.thread & 31); ++i) {
    sum += of_lane<T>(i);
  }
  return sum;
}
} // namespace metal

#define THREADGROUP_ARRAY(T, name, length)                                             \
  static emulated::ThreadgroupArray<T, length> name##_memory;                          \
  [[maybe_unused]] const emulated::ThreadgroupPointer<T> name = {                      \
      name##_memory.values, name##_memory.accesses, length, #name};

struct uint3 {
  uint x, y, z;
};

inline uint running_thread() {
  return emulated::group.thread;
}
inline uint3 running_threadgroup() {
  return {emulated::group.x, emulated::group.y, 0};
}

// What MLX's signature has of these names.
#define RUNNING_THREAD                                                                 \
  [[maybe_unused]] const uint3 thread_position_in_threadgroup = {running_thread(), 0,  \
                                                                 0};                   \
  [[maybe_unused]] const uint3 threadgroup_position_in_grid = running_threadgroup();   \
  [[maybe_unused]] const uint thread_index_in_simdgroup = running_thread() % 32;       \
  [[maybe_unused]] const uint simdgroup_index_in_threadgroup = running_thread() / 32;

#define thread
#define device
