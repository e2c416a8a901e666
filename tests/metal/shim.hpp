// The few words of the Metal Shading Language that the kernels use, as C++20.
#include <algorithm>
#include <cmath>
#include <cstdint>

using uint = std::uint32_t;

namespace metal {
using std::log;
using std::min;
inline uint mulhi(uint a, uint b) {
  return uint((std::uint64_t(a) * b) >> 32);
}
} // namespace metal
