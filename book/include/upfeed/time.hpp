#pragma once

// Three clocks that must never be mixed, so each is a type of its own:
//   ExchangeTime  what the exchange wrote into the frame
//   KernelTime    wall clock of this host's kernel when the segment arrived (SO_TIMESTAMPNS)
//   MonoTime      steady clock of this host, for every timer, age and latency
// Nothing here reads a clock.

#include <compare>
#include <cstdint>

namespace upfeed {

/// A time stamp of the exchange, kept exactly as it was written.
/// The wire carries milliseconds; some frames (seen: USDT-ETC 2023-08-08, Bithumb always) carry
/// microseconds, told apart by magnitude: beyond 1e15 it is microseconds (1e15 ms is the year
/// 33658). Any number on the wire is safe to hold, convert and compare.
class ExchangeTime {
 public:
  constexpr ExchangeTime() = default;
  /// wire  the number in the frame, milliseconds or microseconds since 1970 UTC.
  constexpr explicit ExchangeTime(std::int64_t wire) : wire_(wire) {}

  /// The number as the exchange wrote it; 0 when the frame had none.
  [[nodiscard]] constexpr std::int64_t wire() const { return wire_; }
  [[nodiscard]] constexpr bool in_microseconds() const {
    return wire_ > kMicrosecondsAbove || wire_ < -kMicrosecondsAbove;
  }
  /// Microseconds since 1970 UTC, whatever the unit on the wire.
  [[nodiscard]] constexpr std::int64_t unix_us() const {
    return in_microseconds() ? wire_ : wire_ * 1000;
  }
  /// Milliseconds since 1970 UTC, truncated.
  [[nodiscard]] constexpr std::int64_t unix_ms() const {
    return in_microseconds() ? wire_ / 1000 : wire_;
  }

  friend constexpr bool operator==(ExchangeTime a, ExchangeTime b) {
    return a.unix_us() == b.unix_us();
  }
  friend constexpr std::strong_ordering operator<=>(ExchangeTime a, ExchangeTime b) {
    return a.unix_us() <=> b.unix_us();
  }

 private:
  static constexpr std::int64_t kMicrosecondsAbove = 1'000'000'000'000'000;
  std::int64_t wire_ = 0;
};

/// Wall-clock nanoseconds since 1970 at which the kernel received the last segment of the frame.
/// On TCP this is an upper bound of the arrival where frames shared a segment
/// (kKernelTimeShared). Zero when unknown (replay, no time stamping).
struct KernelTime {
  std::int64_t unix_ns = 0;
  [[nodiscard]] constexpr bool known() const { return unix_ns != 0; }
  friend constexpr auto operator<=>(KernelTime, KernelTime) = default;
};

/// Nanoseconds of the host's steady clock (CLOCK_MONOTONIC). Only differences mean anything.
struct MonoTime {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(MonoTime, MonoTime) = default;
  /// Nanoseconds from b to a; negative when a is earlier.
  friend constexpr std::int64_t operator-(MonoTime a, MonoTime b) { return a.ns - b.ns; }
  friend constexpr MonoTime operator+(MonoTime a, std::int64_t duration_ns) {
    return {a.ns + duration_ns};
  }
};

}  // namespace upfeed
