#include "exact.hpp"

#include <bit>
#include <cmath>

#include "upfeed/assert.hpp"

namespace upfeed::detail {
namespace {

constexpr int kTopBit = 254;  // one bit is kept free for the doubling of a remainder

int bit_width(const Uint256& value) {
  const std::uint64_t words[] = {
      static_cast<std::uint64_t>(value.high >> 64), static_cast<std::uint64_t>(value.high),
      static_cast<std::uint64_t>(value.low >> 64), static_cast<std::uint64_t>(value.low)};
  int below = 192;
  for (const std::uint64_t word : words) {
    if (word != 0) return below + static_cast<int>(std::bit_width(word));
    below -= 64;
  }
  return 0;
}

/// count  0 to 255.
Uint256 shift_left(const Uint256& value, int count) {
  if (count == 0) return value;
  if (count >= 128) return {value.low << (count - 128), 0};
  return {value.high << count | value.low >> (128 - count), value.low << count};
}

}  // namespace

Uint256 multiply(Uint128 a, std::uint64_t b) noexcept {
  const Uint128 low = static_cast<Uint128>(static_cast<std::uint64_t>(a)) * b;
  const Uint128 middle = static_cast<Uint128>(static_cast<std::uint64_t>(a >> 64)) * b;
  return Uint256{0, low} + Uint256{middle >> 64, middle << 64};
}

double nearest_quotient(Uint256 numerator, Uint256 denominator) noexcept {
  UPFEED_ASSERT(!denominator.is_zero());
  if (numerator.is_zero()) return 0;
  // Both are moved up to the same top bit, then the quotient lies within (1/2, 2).
  const int numerator_shift = kTopBit + 1 - bit_width(numerator);
  const int denominator_shift = kTopBit + 1 - bit_width(denominator);
  UPFEED_ASSERT(numerator_shift >= 0);
  UPFEED_ASSERT(denominator_shift >= 0);
  numerator = shift_left(numerator, numerator_shift);
  denominator = shift_left(denominator, denominator_shift);
  int exponent = denominator_shift - numerator_shift;
  if (numerator < denominator) {
    numerator = shift_left(numerator, 1);
    --exponent;
  }
  // Binary long division, first bit 1: 53 bits of a double and the one that rounds.
  constexpr int kBits = 54;
  std::uint64_t quotient = 0;
  for (int bit = 0; bit < kBits; ++bit) {
    quotient <<= 1;
    if (!(numerator < denominator)) {
      numerator = numerator - denominator;
      quotient |= 1;
    }
    numerator = shift_left(numerator, 1);
  }
  const bool round_bit = (quotient & 1) != 0;
  const bool rest = !numerator.is_zero();
  quotient >>= 1;
  if (round_bit && (rest || (quotient & 1) != 0)) ++quotient;
  return std::ldexp(static_cast<double>(quotient), exponent - (kBits - 2));
}

}  // namespace upfeed::detail
