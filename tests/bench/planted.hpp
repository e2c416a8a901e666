// A slowdown on purpose, for builds that are thrown away (see planted_builds.py).
//
// An object at the start of a function makes the CPU time between its calls longer by
// PENSIEVE_PLANTED of itself: what calls it in a loop takes 1 + PENSIEVE_PLANTED as long,
// however short it is. So that reading the clock costs nothing beside that, it is read
// after about 0.4 ms of work, and all that is due is waited for then.
#pragma once

#include <algorithm>
#include <ctime>

#ifndef PENSIEVE_PLANTED
#define PENSIEVE_PLANTED 0.10
#endif

class Planted {
 public:
  Planted() { ++depth_; }
  ~Planted() {
    if (--depth_ == 0 && ++calls_ >= every_) {
      wait();
    }
  }
  void begin() {}  // so that the object is used

 private:
  static constexpr double kPeriod = 400e-6;
  static constexpr double kNotInALoop = 0.5;

  static double now() {
    timespec at{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) + 1e-9 * static_cast<double>(at.tv_nsec);
  }

  static void wait() {
    const double began = now();
    const double period = began - last_;
    if (period < kNotInALoop) {
      while (now() < began + PENSIEVE_PLANTED * period) {
      }
      const double fits = static_cast<double>(every_) * kPeriod / std::max(period, 1e-9);
      every_ = static_cast<long>(std::clamp(fits, 1.0, 4.0 * static_cast<double>(every_)));
    }
    calls_ = 0;
    last_ = now();
  }

  static inline thread_local int depth_ = 0;
  static inline thread_local long calls_ = 0;
  static inline thread_local long every_ = 1;
  static inline thread_local double last_ = 0;
};
