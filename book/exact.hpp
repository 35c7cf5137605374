#pragma once

// The little exact arithmetic that the helpers of a book need. A price of 63 bits times a size of
// 126 bits, summed over 30 levels, has up to 194 bits: 256 hold every sum and product here with
// room to spare, so nothing is ever rounded before the one final quotient.
// Not a big-integer library: unsigned, and only the operations used.

#include <compare>
#include <cstdint>

#include "upfeed/units.hpp"

namespace upfeed::detail {

/// high x 2^128 + low.
struct Uint256 {
  Uint128 high = 0;
  Uint128 low = 0;

  [[nodiscard]] bool is_zero() const { return (high | low) == 0; }
  friend bool operator==(const Uint256&, const Uint256&) = default;
  friend bool operator<(const Uint256& a, const Uint256& b) {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
  /// Modulo 2^256; callers stay below.
  friend Uint256 operator+(const Uint256& a, const Uint256& b) {
    const Uint128 sum = a.low + b.low;
    return {a.high + b.high + (sum < a.low ? 1 : 0), sum};
  }
  /// a >= b.
  friend Uint256 operator-(const Uint256& a, const Uint256& b) {
    return {a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low};
  }
};

/// a x b, exact.
[[nodiscard]] Uint256 multiply(Uint128 a, std::uint64_t b) noexcept;

/// numerator / denominator as the nearest double, ties to even. Both below 2^255, the denominator
/// not zero.
[[nodiscard]] double nearest_quotient(Uint256 numerator, Uint256 denominator) noexcept;

}  // namespace upfeed::detail
