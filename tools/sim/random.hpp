#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "sim/number.hpp"

namespace upfeed::sim {

/// A seeded generator (xoshiro256**) with the few draws the market needs. Own code instead of
/// <random>, whose distributions differ between standard libraries: a seed must mean the same
/// market everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& word : state_) {
      seed += 0x9E3779B97F4A7C15ULL;  // splitmix64
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound), bound > 0.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<UInt128>(next()) * bound) >> 64);
  }

  bool chance(unsigned percent) { return below(100) < percent; }

  /// Uniform in (0, 1].
  double unit() { return (static_cast<double>(next() >> 11) + 1.0) * 0x1.0p-53; }

  /// Between low and high (0 < low <= high), every power of two about equally likely.
  Int128 log_uniform(Int128 low, Int128 high) {
    const int low_bits = bit_width(low);
    const int high_bits = bit_width(high);
    for (;;) {
      const int bits =
          low_bits + static_cast<int>(below(static_cast<unsigned>(high_bits - low_bits) + 1));
      const Int128 floor = Int128{1} << (bits - 1);
      const Int128 value =
          floor +
          (static_cast<Int128>((static_cast<UInt128>(next()) << 60) | (next() >> 4)) & (floor - 1));
      if (value >= low && value <= high) return value;
    }
  }

 private:
  static int bit_width(Int128 value) {
    const auto high = static_cast<std::uint64_t>(static_cast<UInt128>(value) >> 64);
    return high != 0 ? 64 + static_cast<int>(std::bit_width(high))
                     : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(value)));
  }

  std::array<std::uint64_t, 4> state_;
};

}  // namespace upfeed::sim
