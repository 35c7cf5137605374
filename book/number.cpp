// Number text to digits and exponent, exactly.
//
//   -  0 . 0 0 0 7 7 7 2 0  E - 4      digits 7772, exponent -7 - 4, negative
//   |  |   |             |  |
//   |  integer  fraction |  exponent
//                        trailing zeros: cut, so that one value has one form
//
// Up to 19 digits the value is gathered while the grammar is checked, in 64 bits; longer numbers
// (turnovers of 27 digits) take a second pass over the digits that are left after both ends were
// cut. Nothing here rounds: what does not fit 38 digits is refused.

#include "powers.hpp"
#include "upfeed/assert.hpp"
#include "upfeed/units.hpp"

namespace upfeed::detail {
namespace {

constexpr std::int64_t kExponentLimit = 10'000;
/// Exponents stop growing here: far beyond kExponentLimit plus any length of text in memory, and
/// far from overflow.
constexpr std::int64_t kExponentSaturated = 1'000'000'000'000'000'000 / 20;

/// The parts of a number's text that is known to obey the grammar.
struct NumberText {
  const char* integer = nullptr;
  const char* integer_end = nullptr;
  const char* fraction = nullptr;
  const char* fraction_end = nullptr;
  std::int64_t exponent = 0;
  std::uint64_t value = 0;  ///< of all digits, modulo 2^64
  bool negative = false;

  [[nodiscard]] std::ptrdiff_t digit_count() const {
    return (integer_end - integer) + (fraction_end - fraction);
  }
};

bool is_digit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

/// Moves `at` behind the digits and appends them to `value`, which may wrap.
const char* scan_digits(const char* at, const char* end, std::uint64_t& value) {
  for (; at != end && is_digit(*at); ++at) {
    value = value * 10 + static_cast<std::uint64_t>(*at - '0');
  }
  return at;
}

/// at  behind the letter e. nullptr: no digits.
const char* scan_exponent(const char* at, const char* end, std::int64_t& exponent) {
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  const char* const first = at;
  for (; at != end && is_digit(*at); ++at) {
    if (exponent < kExponentSaturated) exponent = exponent * 10 + (*at - '0');
  }
  if (negative) exponent = -exponent;
  return at == first ? nullptr : at;
}

/// false: not in the grammar number = [ "-" ] int [ frac ] [ exp ] of RFC 8259 section 6.
bool scan(std::string_view text, NumberText& out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  out.negative = at != end && *at == '-';
  if (out.negative) ++at;

  out.integer = at;
  at = scan_digits(at, end, out.value);
  out.integer_end = at;
  if (at == out.integer || (*out.integer == '0' && at - out.integer > 1)) return false;

  out.fraction = at;
  if (at != end && *at == '.') {
    out.fraction = ++at;
    at = scan_digits(at, end, out.value);
    if (at == out.fraction) return false;
  }
  out.fraction_end = at;

  if (at != end && (*at == 'E' || *at == 'e')) {
    at = scan_exponent(at + 1, end, out.exponent);
  }
  return at == end;
}

/// Cuts the trailing zeros off the text and makes the exponent that of the last digit left.
/// Returns how many were cut.
std::size_t cut_trailing_zeros(NumberText& text) {
  const std::ptrdiff_t before = text.digit_count();
  while (text.fraction_end != text.fraction && text.fraction_end[-1] == '0') --text.fraction_end;
  if (text.fraction_end == text.fraction) {
    while (text.integer_end != text.integer && text.integer_end[-1] == '0') {
      --text.integer_end;
      ++text.exponent;
    }
  }
  text.exponent -= text.fraction_end - text.fraction;
  return static_cast<std::size_t>(before - text.digit_count());
}

/// Value of a number too long for 64 bits, trailing zeros cut. false: more than 38 digits.
bool gather_long(NumberText text, Uint128& out) {
  while (text.integer != text.integer_end && *text.integer == '0') ++text.integer;
  if (text.integer == text.integer_end) {
    while (text.fraction != text.fraction_end && *text.fraction == '0') ++text.fraction;
  }
  if (text.digit_count() > static_cast<std::ptrdiff_t>(kPowerMax)) return false;
  Uint128 value = 0;
  for (const char* at = text.integer; at != text.integer_end; ++at) {
    value = value * 10 + static_cast<unsigned>(*at - '0');
  }
  for (const char* at = text.fraction; at != text.fraction_end; ++at) {
    value = value * 10 + static_cast<unsigned>(*at - '0');
  }
  out = value;
  return true;
}

}  // namespace

NumberStatus split_number(std::string_view text, NumberParts& out) noexcept {
  NumberText number;
  if (!scan(text, number)) return NumberStatus::not_a_number;

  const bool in_64_bits = number.digit_count() <= static_cast<std::ptrdiff_t>(kPowerMax64);
  const std::size_t zeros = cut_trailing_zeros(number);
  Uint128 digits = 0;
  if (in_64_bits) {
    // 19 zeros at most, and then the number is zero.
    digits = zeros == 0 ? number.value : number.value / kPowersOfTen64[zeros];
  } else if (!gather_long(number, digits)) {
    return NumberStatus::out_of_range;
  }
  if (digits == 0) {
    out = {};
    return NumberStatus::ok;
  }
  if (number.exponent > kExponentLimit || number.exponent < -kExponentLimit) {
    return NumberStatus::out_of_range;
  }
  out.digits = digits;
  out.exponent = static_cast<int>(number.exponent);
  out.negative = number.negative;
  return NumberStatus::ok;
}

bool to_fixed(const NumberParts& parts, Int128 limit, Int128& out) noexcept {
  UPFEED_ASSERT(limit >= 0);
  if (parts.digits == 0) {
    out = 0;
    return true;
  }
  // Digits have no trailing zeros: below 1e-8 a digit is left that the unit cannot hold.
  const int shift = parts.exponent + kFixedDecimals;
  if (shift < 0 || shift > static_cast<int>(kPowerMax)) return false;

  const auto limit_magnitude = static_cast<Uint128>(limit);
  Uint128 magnitude = 0;
  if (parts.digits <= UINT64_MAX && shift <= static_cast<int>(kPowerMax64)) {
    magnitude = parts.digits * kPowersOfTen64[static_cast<std::size_t>(shift)];
    if (magnitude > limit_magnitude) return false;
  } else {
    const Uint128 power = kPowersOfTen[static_cast<std::size_t>(shift)];
    if (parts.digits > limit_magnitude / power) return false;
    magnitude = parts.digits * power;
  }
  out = parts.negative ? -static_cast<Int128>(magnitude) : static_cast<Int128>(magnitude);
  return true;
}

}  // namespace upfeed::detail
