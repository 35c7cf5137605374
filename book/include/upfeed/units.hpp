#pragma once

// Exact numbers. The exchange writes decimal text; these types hold it without loss and never pass
// through a double on the way.
//   Price         int64, 1e-8 of the quote currency
//   Quantity      int64, 1e-8 of the base currency; what a book level holds
//   WideQuantity  128 bit, 1e-8 of the base currency; BTT-class sizes overflow int64
//   Decimal       128-bit mantissa and a power of ten; turnovers, rates and balances
// A number that does not fit is refused by the parser (nullopt), never wrapped, clamped or rounded.

#include <compare>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace upfeed {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

/// Longest text the to_chars functions below can write: sign, 39 digits, point, up to 64 zeros.
inline constexpr std::size_t kNumberTextMax = 128;
/// Decimals of Price, Quantity and WideQuantity.
inline constexpr int kFixedDecimals = 8;
inline constexpr std::int64_t kFixedScale = 100'000'000;

class Decimal;

namespace detail {

/// How an Int128 lies in a record: aligned to 8 only. With the 16 of an Int128 no record could
/// start behind a header of 8 bytes, and a Decimal would take 32 bytes.
class StoredInt128 {
 public:
  constexpr StoredInt128() = default;
  constexpr StoredInt128(Int128 value)  // NOLINT(google-explicit-constructor): it is the value
      : low_(static_cast<std::uint64_t>(value)), high_(static_cast<std::int64_t>(value >> 64)) {}
  [[nodiscard]] constexpr Int128 value() const {
    return static_cast<Int128>(Uint128{static_cast<std::uint64_t>(high_)} << 64 | low_);
  }
  friend constexpr bool operator==(StoredInt128, StoredInt128) = default;

 private:
  std::uint64_t low_ = 0;
  std::int64_t high_ = 0;
};

}  // namespace detail

/// A price in units of 1e-8 of the quote currency; also a signed price difference.
/// Range +-92,233,720,368.54775807.
class Price {
 public:
  constexpr Price() = default;
  /// raw  the price times 1e8.
  [[nodiscard]] static constexpr Price from_raw(std::int64_t raw) { return Price(raw); }
  /// Any JSON number form ("116539000", "1.16539E8", "0E-8", "9E-8"), the whole text.
  /// nullopt: not a JSON number, more than 8 decimals that are not zero, or out of range.
  [[nodiscard]] static std::optional<Price> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr std::int64_t raw() const { return raw_; }
  /// Nearest double, ties to even; for the user's own arithmetic, never used by the library.
  [[nodiscard]] double to_double() const noexcept;
  /// Plain decimal text without exponent or trailing zeros, e.g. "116539000", "0.00000689".
  [[nodiscard]] std::string to_string() const;

  friend constexpr auto operator<=>(Price, Price) = default;
  friend constexpr Price operator+(Price a, Price b) { return Price(a.raw_ + b.raw_); }
  friend constexpr Price operator-(Price a, Price b) { return Price(a.raw_ - b.raw_); }

 private:
  constexpr explicit Price(std::int64_t raw) : raw_(raw) {}
  std::int64_t raw_ = 0;
};

/// An amount of 128 bits in units of 1e-8 of the base currency. Holds every size the exchange has
/// (largest seen: 2,436,173,744,924 BTT) with room to spare.
class WideQuantity {
 public:
  constexpr WideQuantity() = default;
  [[nodiscard]] static constexpr WideQuantity from_raw(Int128 raw) { return WideQuantity(raw); }
  /// As Price::parse, within +-2^126 raw.
  [[nodiscard]] static std::optional<WideQuantity> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr Int128 raw() const { return raw_.value(); }
  [[nodiscard]] double to_double() const noexcept;
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(WideQuantity, WideQuantity) = default;
  friend constexpr std::strong_ordering operator<=>(WideQuantity a, WideQuantity b) {
    return a.raw() < b.raw()   ? std::strong_ordering::less
           : a.raw() > b.raw() ? std::strong_ordering::greater
                               : std::strong_ordering::equal;
  }
  friend constexpr WideQuantity operator+(WideQuantity a, WideQuantity b) {
    return WideQuantity(a.raw() + b.raw());
  }
  friend constexpr WideQuantity operator-(WideQuantity a, WideQuantity b) {
    return WideQuantity(a.raw() - b.raw());
  }

 private:
  constexpr explicit WideQuantity(Int128 raw) : raw_(raw) {}
  detail::StoredInt128 raw_;
};

/// The size of a book level: int64 in units of 1e-8, so that a level never pays for the wide form.
/// A size that does not fit is the marker `in_wide_form()`; its exact value then stands in the
/// event's or book's wide sizes, and every accessor that returns WideQuantity looks there for you.
class Quantity {
 public:
  constexpr Quantity() = default;
  [[nodiscard]] static constexpr Quantity from_raw(std::int64_t raw) { return Quantity(raw); }
  /// The marker of a size that only the wide form holds.
  [[nodiscard]] static constexpr Quantity wide_marker() { return Quantity(INT64_MIN); }
  /// wide, when it fits int64; else the marker.
  [[nodiscard]] static constexpr Quantity narrow(WideQuantity wide) {
    return wide.raw() > INT64_MIN && wide.raw() <= INT64_MAX
               ? Quantity(static_cast<std::int64_t>(wide.raw()))
               : wide_marker();
  }
  /// As Price::parse.
  [[nodiscard]] static std::optional<Quantity> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr bool in_wide_form() const { return raw_ == INT64_MIN; }
  /// The size times 1e8; meaningless when in_wide_form().
  [[nodiscard]] constexpr std::int64_t raw() const { return raw_; }
  /// Nearest double, ties to even. Not of the marker (asserted), and so for the text forms.
  [[nodiscard]] double to_double() const noexcept;
  [[nodiscard]] std::string to_string() const;

  /// Of the raw numbers; a marker sorts below all sizes.
  friend constexpr auto operator<=>(Quantity, Quantity) = default;

 private:
  constexpr explicit Quantity(std::int64_t raw) : raw_(raw) {}
  std::int64_t raw_ = 0;
};

/// An exact decimal number: mantissa x 10^exponent. Always normalised (the mantissa has no trailing
/// zero; zero is 0 x 10^0), so equal values are equal member by member and hash alike whatever
/// their spelling was.
class Decimal {
 public:
  constexpr Decimal() = default;
  /// Normalises. exponent must lie in [-kExponentMax, kExponentMax] after normalisation, else the
  /// result is nullopt.
  [[nodiscard]] static std::optional<Decimal> from_parts(Int128 mantissa, int exponent) noexcept;
  /// The same where nothing is to be normalised: mantissa without a trailing zero (or 0 with
  /// exponent 0), exponent within the limits.
  [[nodiscard]] static constexpr Decimal from_normalised(Int128 mantissa, int exponent) {
    Decimal result;
    result.mantissa_ = mantissa;
    result.exponent_ = exponent;
    return result;
  }
  [[nodiscard]] static Decimal from(Price price) noexcept;
  [[nodiscard]] static Decimal from(WideQuantity quantity) noexcept;
  /// Any JSON number form, the whole text. nullopt: not a JSON number, more than 38 significant
  /// digits, or exponent out of range.
  [[nodiscard]] static std::optional<Decimal> parse(std::string_view text) noexcept;

  [[nodiscard]] constexpr Int128 mantissa() const { return mantissa_.value(); }
  [[nodiscard]] constexpr int exponent() const { return exponent_; }
  [[nodiscard]] constexpr bool is_zero() const { return mantissa() == 0; }
  [[nodiscard]] double to_double() const noexcept;
  [[nodiscard]] std::string to_string() const;

  friend constexpr bool operator==(const Decimal&, const Decimal&) = default;
  /// Ordering by value.
  [[nodiscard]] static std::strong_ordering compare(const Decimal& a, const Decimal& b) noexcept;

  static constexpr int kExponentMax = 64;

 private:
  detail::StoredInt128 mantissa_;
  std::int32_t exponent_ = 0;
};

/// Write plain decimal text (no exponent, no trailing zeros) without a terminating zero.
/// out must have room for kNumberTextMax characters; returns one past the last written.
/// Never throws or allocates; callable from any thread.
char* to_chars(char* out, Price value) noexcept;
char* to_chars(char* out, Quantity value) noexcept;
char* to_chars(char* out, WideQuantity value) noexcept;
char* to_chars(char* out, const Decimal& value) noexcept;

std::ostream& operator<<(std::ostream& out, Price value);
std::ostream& operator<<(std::ostream& out, Quantity value);
std::ostream& operator<<(std::ostream& out, WideQuantity value);
std::ostream& operator<<(std::ostream& out, const Decimal& value);

namespace detail {

/// One JSON number, split exactly: value = (-1)^negative x digits x 10^exponent, digits without
/// trailing zeros (zero: digits 0, exponent 0).
struct NumberParts {
  Uint128 digits = 0;
  int exponent = 0;
  bool negative = false;
};
enum class NumberStatus : std::uint8_t { ok, not_a_number, out_of_range };

/// text  the whole number and nothing else, in the strict grammar of RFC 8259 section 6.
/// out   written only on ok.
/// out_of_range: more than 38 significant digits or, of a number that is not zero, an exponent
/// beyond +-10,000 after the trailing zeros are dropped.
[[nodiscard]] NumberStatus split_number(std::string_view text, NumberParts& out) noexcept;
/// The value of parts (as split_number gives them) as a multiple of 1e-8.
/// false: it has more decimals, or is beyond +-limit; out is then untouched.
[[nodiscard]] bool to_fixed(const NumberParts& parts, Int128 limit, Int128& out) noexcept;

}  // namespace detail
}  // namespace upfeed

template <>
struct std::hash<upfeed::Price> {
  std::size_t operator()(upfeed::Price price) const noexcept {
    return std::hash<std::int64_t>{}(price.raw());
  }
};
