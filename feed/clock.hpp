#pragma once

#include <ctime>

#include "upfeed/time.hpp"

namespace upfeed {

/// Now, on the steady clock; no system call (vDSO).
[[nodiscard]] inline MonoTime mono_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return MonoTime{static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

/// Now, on the clock that sessions live by; no system call (vDSO). It is as steady as the other one
/// and goes on while the machine sleeps, as the exchange's own time-outs do. Only to be compared
/// with itself: events carry mono_now().
[[nodiscard]] inline MonoTime session_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return MonoTime{static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

/// Nanoseconds since 1970 on the wall clock; no system call (vDSO).
[[nodiscard]] inline std::int64_t wall_now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace upfeed
