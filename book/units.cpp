#include "upfeed/units.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ostream>

#include "powers.hpp"
#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

using detail::NumberParts;
using detail::NumberStatus;

constexpr Int128 kWideLimit = Int128{1} << 126;
constexpr std::size_t kDigitsMax = 39;  // of 2^128

Uint128 magnitude_of(Int128 value) {
  const auto bits = static_cast<Uint128>(value);
  return value < 0 ? 0 - bits : bits;
}

/// text, as a multiple of 1e-8 within +-limit.
std::optional<Int128> parse_fixed(std::string_view text, Int128 limit) {
  NumberParts parts;
  Int128 raw = 0;
  if (detail::split_number(text, parts) != NumberStatus::ok) return std::nullopt;
  if (!detail::to_fixed(parts, limit, raw)) return std::nullopt;
  return raw;
}

/// Decimal digits of value without sign or leading zeros ("0" for zero); returns their end.
char* write_digits(char* out, Uint128 value) {
  constexpr std::uint64_t kChunk = detail::kPowersOfTen64[detail::kPowerMax64];
  if (value > UINT64_MAX) {
    out = write_digits(out, value / kChunk);
    char digits[20];
    const char* const end =
        std::to_chars(digits, digits + sizeof digits, static_cast<std::uint64_t>(value % kChunk))
            .ptr;
    const auto count = static_cast<std::size_t>(end - digits);
    std::memset(out, '0', detail::kPowerMax64 - count);
    out += detail::kPowerMax64 - count;
    std::memcpy(out, digits, count);
    return out + count;
  }
  return std::to_chars(out, out + 20, static_cast<std::uint64_t>(value)).ptr;
}

/// magnitude x 10^exponent as plain text: no exponent, no zeros that say nothing.
char* write_plain(char* out, bool negative, Uint128 magnitude, int exponent) {
  if (magnitude == 0) {
    *out = '0';
    return out + 1;
  }
  char digits[kDigitsMax + 1];
  const char* end = write_digits(digits, magnitude);
  for (; exponent < 0 && end[-1] == '0'; ++exponent) --end;
  const int count = static_cast<int>(end - digits);

  if (negative) *out++ = '-';
  if (exponent >= 0) {
    out = std::copy(static_cast<const char*>(digits), end, out);
    return std::fill_n(out, exponent, '0');
  }
  const int integer_count = count + exponent;
  if (integer_count > 0) {
    out = std::copy_n(digits, integer_count, out);
    *out++ = '.';
    return std::copy(digits + integer_count, const_cast<char*>(end), out);
  }
  *out++ = '0';
  *out++ = '.';
  out = std::fill_n(out, -integer_count, '0');
  return std::copy(static_cast<const char*>(digits), end, out);
}

/// magnitude x 10^exponent, correctly rounded; |exponent| at most a few hundred.
double nearest_double(bool negative, Uint128 magnitude, int exponent) {
  // Both operands are exact doubles here, so the one operation rounds once: correctly.
  constexpr Uint128 kExactIntegers = Uint128{1} << 53;
  constexpr double kExactPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  double result = 0;
  if (magnitude <= kExactIntegers && exponent >= -22 && exponent <= 22) {
    const auto integer = static_cast<double>(static_cast<std::uint64_t>(magnitude));
    result = exponent < 0 ? integer / kExactPowers[-exponent] : integer * kExactPowers[exponent];
  } else {
    // from_chars rounds correctly whatever the number of digits, and neither allocates nor looks
    // at the locale (units_test holds it to the former).
    char text[kDigitsMax + 8];
    char* end = write_digits(text, magnitude);
    *end++ = 'e';
    end = std::to_chars(end, text + sizeof text, exponent).ptr;
    [[maybe_unused]] const std::from_chars_result parsed = std::from_chars(text, end, result);
    UPFEED_ASSERT(parsed.ec == std::errc{} && parsed.ptr == end);
  }
  return negative ? -result : result;
}

/// Drops trailing zeros; value is not zero.
void normalise(Uint128& value, int& exponent) {
  for (int zeros = 32; zeros > 0; zeros /= 2) {
    const Uint128 power = detail::kPowersOfTen[static_cast<std::size_t>(zeros)];
    if (value % power != 0) continue;
    value /= power;
    exponent += zeros;
  }
}

template <class Value>
std::string text_of(const Value& value) {
  char text[kNumberTextMax];
  return {text, to_chars(text, value)};
}

template <class Value>
std::ostream& print(std::ostream& out, const Value& value) {
  char text[kNumberTextMax];
  const char* const end = to_chars(text, value);
  return out << std::string_view(text, static_cast<std::size_t>(end - text));
}

}  // namespace

std::optional<Price> Price::parse(std::string_view text) noexcept {
  const std::optional<Int128> raw = parse_fixed(text, INT64_MAX);
  if (!raw) return std::nullopt;
  return Price(static_cast<std::int64_t>(*raw));
}

std::optional<Quantity> Quantity::parse(std::string_view text) noexcept {
  const std::optional<Int128> raw = parse_fixed(text, INT64_MAX);
  if (!raw) return std::nullopt;
  return Quantity(static_cast<std::int64_t>(*raw));
}

std::optional<WideQuantity> WideQuantity::parse(std::string_view text) noexcept {
  const std::optional<Int128> raw = parse_fixed(text, kWideLimit);
  if (!raw) return std::nullopt;
  return WideQuantity(*raw);
}

double Price::to_double() const noexcept {
  return nearest_double(raw_ < 0, magnitude_of(raw_), -kFixedDecimals);
}

double Quantity::to_double() const noexcept {
  UPFEED_ASSERT(!in_wide_form());
  return nearest_double(raw_ < 0, magnitude_of(raw_), -kFixedDecimals);
}

double WideQuantity::to_double() const noexcept {
  return nearest_double(raw() < 0, magnitude_of(raw()), -kFixedDecimals);
}

double Decimal::to_double() const noexcept {
  return nearest_double(mantissa() < 0, magnitude_of(mantissa()), exponent_);
}

std::optional<Decimal> Decimal::from_parts(Int128 mantissa, int exponent) noexcept {
  Decimal result;
  if (mantissa == 0) return result;
  // Keeps the sum below from overflowing; 38 zeros is the most that normalising can drop.
  if (exponent > kExponentMax || exponent < -kExponentMax - 38) return std::nullopt;
  Uint128 magnitude = magnitude_of(mantissa);
  normalise(magnitude, exponent);
  if (exponent > kExponentMax || exponent < -kExponentMax) return std::nullopt;
  result.mantissa_ = static_cast<Int128>(mantissa < 0 ? 0 - magnitude : magnitude);
  result.exponent_ = exponent;
  return result;
}

Decimal Decimal::from(Price price) noexcept {
  return *from_parts(price.raw(), -kFixedDecimals);
}

Decimal Decimal::from(WideQuantity quantity) noexcept {
  return *from_parts(quantity.raw(), -kFixedDecimals);
}

std::optional<Decimal> Decimal::parse(std::string_view text) noexcept {
  NumberParts parts;
  if (detail::split_number(text, parts) != NumberStatus::ok) return std::nullopt;
  if (parts.exponent > kExponentMax || parts.exponent < -kExponentMax) return std::nullopt;
  Decimal result;  // split_number's parts are normalised, and 38 digits fit the mantissa
  const auto digits = static_cast<Int128>(parts.digits);
  result.mantissa_ = parts.negative ? -digits : digits;
  result.exponent_ = parts.exponent;
  return result;
}

std::strong_ordering Decimal::compare(const Decimal& a, const Decimal& b) noexcept {
  const auto sign = [](const Decimal& value) {
    return (value.mantissa() > 0 ? 1 : 0) - (value.mantissa() < 0 ? 1 : 0);
  };
  if (sign(a) != sign(b) || sign(a) == 0) return sign(a) <=> sign(b);

  char a_text[kDigitsMax + 1];
  char b_text[kDigitsMax + 1];
  const char* const a_end = write_digits(a_text, magnitude_of(a.mantissa()));
  const char* const b_end = write_digits(b_text, magnitude_of(b.mantissa()));
  const std::string_view a_digits(a_text, static_cast<std::size_t>(a_end - a_text));
  const std::string_view b_digits(b_text, static_cast<std::size_t>(b_end - b_text));
  // The place of the first digit decides; where it is the same, the digits do. There are no
  // trailing zeros, so of two where one begins the other the longer is the larger.
  const int a_first = static_cast<int>(a_digits.size()) + a.exponent_;
  const int b_first = static_cast<int>(b_digits.size()) + b.exponent_;
  const std::strong_ordering magnitudes =
      a_first != b_first ? a_first <=> b_first : a_digits <=> b_digits;
  return sign(a) > 0 ? magnitudes : 0 <=> magnitudes;
}

char* to_chars(char* out, Price value) noexcept {
  return write_plain(out, value.raw() < 0, magnitude_of(value.raw()), -kFixedDecimals);
}

char* to_chars(char* out, Quantity value) noexcept {
  UPFEED_ASSERT(!value.in_wide_form());
  return write_plain(out, value.raw() < 0, magnitude_of(value.raw()), -kFixedDecimals);
}

char* to_chars(char* out, WideQuantity value) noexcept {
  return write_plain(out, value.raw() < 0, magnitude_of(value.raw()), -kFixedDecimals);
}

char* to_chars(char* out, const Decimal& value) noexcept {
  return write_plain(out, value.mantissa() < 0, magnitude_of(value.mantissa()), value.exponent());
}

std::string Price::to_string() const {
  return text_of(*this);
}
std::string Quantity::to_string() const {
  return text_of(*this);
}
std::string WideQuantity::to_string() const {
  return text_of(*this);
}
std::string Decimal::to_string() const {
  return text_of(*this);
}

std::ostream& operator<<(std::ostream& out, Price value) {
  return print(out, value);
}
std::ostream& operator<<(std::ostream& out, Quantity value) {
  return print(out, value);
}
std::ostream& operator<<(std::ostream& out, WideQuantity value) {
  return print(out, value);
}
std::ostream& operator<<(std::ostream& out, const Decimal& value) {
  return print(out, value);
}

}  // namespace upfeed
