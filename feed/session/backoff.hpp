// Exponential back-off with full jitter: the n-th delay is uniform in [0, min(cap, base x 2^n)], so
// clients that lost their connections together do not come back together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "upfeed/units.hpp"

namespace upfeed {

/// Seeded generator (splitmix64), for jitter only: never for anything a peer must not guess.
class JitterRandom {
 public:
  explicit JitterRandom(std::uint64_t seed) : state_(seed) {}
  /// Uniform in [0, bound], bound >= 0.
  [[nodiscard]] std::int64_t up_to(std::int64_t bound) {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    return static_cast<std::int64_t>((static_cast<Uint128>(z) * (Uint128(bound) + 1)) >> 64);
  }

 private:
  std::uint64_t state_;
};

class Backoff {
 public:
  Backoff(std::int64_t base_ns, std::int64_t cap_ns, std::uint64_t seed)
      : base_ns_(base_ns), cap_ns_(cap_ns), bound_ns_(base_ns), random_(seed) {}
  /// The next delay in nanoseconds.
  [[nodiscard]] std::int64_t next() {
    const std::int64_t delay_ns = random_.up_to(std::min(bound_ns_, cap_ns_));
    if (bound_ns_ < cap_ns_) bound_ns_ *= 2;
    return delay_ns;
  }
  /// The next delay may be as long as any: what failed will not pass by itself.
  void saturate() { bound_ns_ = cap_ns_; }
  void reset() { bound_ns_ = base_ns_; }

 private:
  std::int64_t base_ns_;
  std::int64_t cap_ns_;
  std::int64_t bound_ns_;
  JitterRandom random_;
};

}  // namespace upfeed
