// First of a kernel's texts on CUDA: the words of the Metal Shading Language that the
// others use. MLX compiles with --device-as-default-execution-space, so that functions
// need no __device__; a threadgroup is a block, a simdgroup a warp.
typedef unsigned int uint;

#define THREADGROUP_ARRAY(T, name, size) __shared__ T name[size];

#define thread_position_in_threadgroup threadIdx
#define threadgroup_position_in_grid blockIdx
#define thread_index_in_simdgroup (threadIdx.x & 31u)
#define simdgroup_index_in_threadgroup (threadIdx.x >> 5)

template <typename To, typename From> inline To as_type(From value) {
  static_assert(sizeof(To) == sizeof(From), "as_type keeps the size");
  To same;
  memcpy(&same, &value, sizeof same);
  return same;
}

inline float rounded_product(float a, float b) {
  return __fmul_rn(a, b);
}

// 2 ** x, within 2 ulp; of -infinity 0, of NaN NaN.
inline float exp2_of(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

namespace metal {
enum class mem_flags { mem_threadgroup };
inline void threadgroup_barrier(mem_flags) {
  __syncthreads();
}

inline float log(float x) {
  return ::logf(x);
}
inline float min(float a, float b) {
  return ::fminf(a, b);
}
inline float max(float a, float b) {
  return ::fmaxf(a, b);
}
inline float fmax(float a, float b) {
  return ::fmaxf(a, b);
}
inline uint min(uint a, uint b) {
  return a < b ? a : b;
}
inline uint max(uint a, uint b) {
  return a < b ? b : a;
}
inline uint mulhi(uint a, uint b) {
  return __umulhi(a, b);
}

// All lanes of a simdgroup come to these together.
inline float simd_sum(float value) {
  for (int step = 16; step > 0; step >>= 1) {
    value += __shfl_xor_sync(0xFFFFFFFFu, value, step);
  }
  return value;
}
inline float simd_max(float value) {
  for (int step = 16; step > 0; step >>= 1) {
    value = max(value, __shfl_xor_sync(0xFFFFFFFFu, value, step));
  }
  return value;
}
inline float simd_shuffle_xor(float value, uint mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, value, mask);
}
inline uint simd_shuffle_xor(uint value, uint mask) {
  return __shfl_xor_sync(0xFFFFFFFFu, value, mask);
}
inline uint simd_prefix_exclusive_sum(uint value) {
  uint sum = value;
  for (int step = 1; step < 32; step <<= 1) {
    const uint before = __shfl_up_sync(0xFFFFFFFFu, sum, step);
    sum += (threadIdx.x & 31u) >= uint(step) ? before : 0u;
  }
  return sum - value;
}
#if __CUDA_ARCH__ >= 800
inline uint simd_sum(uint value) {
  return __reduce_add_sync(0xFFFFFFFFu, value);
}
inline uint simd_max(uint value) {
  return __reduce_max_sync(0xFFFFFFFFu, value);
}
inline uint simd_min(uint value) {
  return __reduce_min_sync(0xFFFFFFFFu, value);
}
#else
inline uint simd_sum(uint value) {
  for (int step = 16; step > 0; step >>= 1) {
    value += __shfl_xor_sync(0xFFFFFFFFu, value, step);
  }
  return value;
}
inline uint simd_max(uint value) {
  for (int step = 16; step > 0; step >>= 1) {
    value = max(value, __shfl_xor_sync(0xFFFFFFFFu, value, step));
  }
  return value;
}
inline uint simd_min(uint value) {
  for (int step = 16; step > 0; step >>= 1) {
    value = min(value, __shfl_xor_sync(0xFFFFFFFFu, value, step));
  }
  return value;
}
#endif
} // namespace metal

// Last, since an empty `device` empties CUDA's own __device__, too.
#define thread
#define device
#define threadgroup
