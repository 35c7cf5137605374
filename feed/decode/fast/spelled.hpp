#pragma once

// A number as it is spelled, and what it is worth.
//
//   1.16539E8      integer 1 (1 digit), fraction 16539 (5 digits), exponent 8
//   0.00077720     integer 0 (1 digit), fraction 77720 (8 digits), exponent 0
//
// The kernels find the digits, this file multiplies them out, exactly. What does not fit the
// arithmetic here is no error: it is left to parse_value, which all decoders share.

#include <array>
#include <cstdint>

#include "decode/fast/fixed_text.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {

/// Most digits before the point, and most behind it.
inline constexpr unsigned kSpelledDigitsMax = 16;

/// A number in JSON's grammar, without its sign: at most kSpelledDigitsMax digits in front of the
/// point and as many behind it.
struct Spelled {
  std::uint64_t integer = 0;
  std::uint64_t fraction = 0;
  unsigned fraction_digits = 0;  ///< 0 to kSpelledDigitsMax
  int exponent = 0;              ///< -9 to 19
  unsigned size = 0;             ///< in characters
};

inline constexpr unsigned kSpelledPowerMax = 19;
/// 10^(i - 16); 0 for what is no whole number.
inline constexpr auto kSpelledPowersFrom = -static_cast<int>(kSpelledDigitsMax);
inline constexpr auto kSpelledPowerTable = [] {
  std::array<std::uint64_t, kSpelledDigitsMax + kSpelledPowerMax + 1> powers{};
  std::uint64_t power = 1;
  for (std::size_t i = kSpelledDigitsMax; i < powers.size(); ++i, power *= 10) powers[i] = power;
  return powers;
}();
/// index  -16 to 19.
UPFEED_ALWAYS_INLINE std::uint64_t spelled_power(int index) {
  return (kSpelledPowerTable.data() + kSpelledDigitsMax)[index];
}

/// The number times 1e8. false: decimals beyond 1e-8 that are not 0, or an exponent out of the
/// usual; magnitude is then anything.
UPFEED_ALWAYS_INLINE bool to_magnitude(const Spelled& number, Uint128& magnitude) {
  const int integer_power = kFixedDecimals + number.exponent;
  const int fraction_power = integer_power - static_cast<int>(number.fraction_digits);
  if (static_cast<unsigned>(integer_power) > kSpelledPowerMax) return false;
  magnitude = Uint128{number.integer} * spelled_power(integer_power) +
              Uint128{number.fraction} * spelled_power(fraction_power);
  return (fraction_power >= 0) | (number.fraction == 0);
}
/// The same within int64.
UPFEED_ALWAYS_INLINE bool to_magnitude(const Spelled& number, std::int64_t& magnitude) {
  constexpr std::uint64_t kIntegerMax = INT64_MAX / kFixedScale - 1;
  if (number.exponent == 0 && number.integer <= kIntegerMax) {
    const int fraction_power = kFixedDecimals - static_cast<int>(number.fraction_digits);
    magnitude = static_cast<std::int64_t>(number.integer * kFixedScale +
                                          number.fraction * spelled_power(fraction_power));
    return (fraction_power >= 0) | (number.fraction == 0);
  }
  Uint128 wide = 0;
  if (!to_magnitude(number, wide)) return false;
  magnitude = static_cast<std::int64_t>(wide);
  return wide <= INT64_MAX;
}

/// Divides the zeros at the end of value away; returns how many. value is not 0.
UPFEED_ALWAYS_INLINE unsigned cut_zeros(std::uint64_t& value) {
  if ((value & 1) != 0) return 0;
  unsigned zeros = 0;
  for (const int step : {8, 4, 2, 1}) {
    const std::uint64_t quotient = value / spelled_power(step);
    const bool divides = quotient * spelled_power(step) == value;
    value = divides ? quotient : value;
    zeros += divides ? static_cast<unsigned>(step) : 0;
  }
  return zeros;
}

/// Every number that is Spelled is a Decimal.
UPFEED_ALWAYS_INLINE Decimal to_decimal(const Spelled& number, bool negative) {
  Uint128 mantissa = 0;
  int exponent = number.exponent;
  if (number.fraction != 0) {
    std::uint64_t fraction = number.fraction;
    const unsigned digits = number.fraction_digits - cut_zeros(fraction);
    mantissa = Uint128{number.integer} * spelled_power(static_cast<int>(digits)) + fraction;
    exponent -= static_cast<int>(digits);
  } else if (number.integer != 0) {
    std::uint64_t integer = number.integer;
    exponent += static_cast<int>(cut_zeros(integer));
    mantissa = integer;
  } else {
    exponent = 0;
  }
  const auto magnitude = static_cast<Int128>(mantissa);
  return Decimal::from_normalised(negative ? -magnitude : magnitude, exponent);
}

}  // namespace upfeed::detail
