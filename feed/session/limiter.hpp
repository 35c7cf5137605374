// Exact sliding-window limits: at most `count` events in any half-open interval of `window_ns`.
// A window remembers the times of the last `count` grants, oldest first in a ring:
//
//   times_  [ t(n-5) | t(n-4) | t(n-3) | t(n-2) | t(n-1) ]      next grant >= t(n-5) + window_ns
//             ^ oldest_
//
// The server counts when a message arrives, not when it leaves, and two messages may come closer
// together than they went out. So every window is kept longer by a margin.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <vector>

#include "upfeed/assert.hpp"
#include "upfeed/time.hpp"

namespace upfeed {

/// At most `count` grants in any window of `window_ns`.
class SlidingWindow {
 public:
  SlidingWindow(std::uint32_t count, std::int64_t window_ns)
      : times_(count, MonoTime{kLongAgo}), window_ns_(window_ns) {
    UPFEED_ASSERT(count > 0);
  }
  /// The earliest time of the next grant; in the past when it may be given now.
  [[nodiscard]] MonoTime ready_at() const { return times_[oldest_] + window_ns_; }
  /// The earliest time of the grant after the next, if that is given now; never where the window
  /// has room for one only.
  [[nodiscard]] MonoTime ready_after_next() const {
    if (times_.size() == 1) return MonoTime{INT64_MAX};
    return times_[oldest_ + 1 == times_.size() ? 0 : oldest_ + 1] + window_ns_;
  }
  /// now  at or after ready_at().
  void take(MonoTime now) {
    UPFEED_ASSERT(now >= ready_at());
    times_[oldest_] = now;
    oldest_ = oldest_ + 1 == times_.size() ? 0 : oldest_ + 1;
  }
  void reset() { std::fill(times_.begin(), times_.end(), MonoTime{kLongAgo}); }

 private:
  static constexpr std::int64_t kLongAgo = INT64_MIN / 2;
  std::vector<MonoTime> times_;
  std::size_t oldest_ = 0;
  std::int64_t window_ns_;
};

/// Two limits that hold together, e.g. 5 per second and 100 per minute.
struct RateLimits {
  std::uint32_t per_second = 5;
  std::uint32_t per_minute = 100;
  std::int64_t margin_ns = 50'000'000;  ///< Added to both windows against jitter of the network.
  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

class RateLimiter {
 public:
  explicit RateLimiter(const RateLimits& limits)
      : second_(limits.per_second, 1'000'000'000 + limits.margin_ns),
        minute_(limits.per_minute, 60'000'000'000 + limits.margin_ns) {}
  [[nodiscard]] MonoTime ready_at() const {
    return std::max(second_.ready_at(), minute_.ready_at());
  }
  [[nodiscard]] MonoTime ready_after_next() const {
    return std::max(second_.ready_after_next(), minute_.ready_after_next());
  }
  void take(MonoTime now) {
    second_.take(now);
    minute_.take(now);
  }
  void reset() {
    second_.reset();
    minute_.reset();
  }

 private:
  SlidingWindow second_;
  SlidingWindow minute_;
};

/// What all connections to one endpoint share: how often they may dial, and the time until which
/// the exchange wants no dial at all (429, 418; it blocks the address, not the connection).
/// threads  any; a dial is rare, so a mutex will do.
/// source   docs.upbit.com/kr/reference/rate-limits (read 2026-11); 100 per minute is older text.
class DialBudget {
 public:
  explicit DialBudget(const RateLimits& limits = {}) : limiter_(limits) {}

  /// Takes one dial. Returns `now` if it was granted, else the time to ask again, which is later.
  [[nodiscard]] MonoTime try_take(MonoTime now) {
    const std::lock_guard lock(mutex_);
    const MonoTime ready_at = std::max(limiter_.ready_at(), blocked_until_);
    if (ready_at > now) return ready_at;
    limiter_.take(now);
    return now;
  }
  /// No dial before `until`. Never shortens a block.
  void block(MonoTime until) {
    const std::lock_guard lock(mutex_);
    blocked_until_ = std::max(blocked_until_, until);
  }
  [[nodiscard]] MonoTime blocked_until() const {
    const std::lock_guard lock(mutex_);
    return blocked_until_;
  }

 private:
  mutable std::mutex mutex_;
  RateLimiter limiter_;
  MonoTime blocked_until_{INT64_MIN};
};

}  // namespace upfeed
