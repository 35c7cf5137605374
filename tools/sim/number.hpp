#pragma once

#include <cstdint>
#include <string>

/// Exact decimals and the spellings the exchange gives them.
///
/// Every price, size and sum of the simulator is an integer times a power of ten; no value ever is
/// a double. The same value is written differently by field, format and magnitude (Java's Double
/// and BigDecimal both leave traces on the wire), and a decoder has to read them all.
namespace upfeed::sim {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

/// Decimals of prices and sizes: a unit is 1e-8.
inline constexpr int kScale = 8;
/// 10^8, one whole in units of 1e-8.
inline constexpr std::int64_t kOne = 100'000'000;

/// units x 10^-scale, with scale in 0..20.
struct Exact {
  Int128 units = 0;
  int scale = 0;
};

/// How a number is written.
enum class Spelling : std::uint8_t {
  plain,              ///< no exponent, no needless zeros: 116606000, 0.02054761, 0
  big_decimal,        ///< java.math.BigDecimal.toString, scale kept: 0.00077720, 9E-8, 0E-8
  java_double,        ///< java.lang.Double.toString layout: 1.16539E8, 64598.0, 5.0E-4, 0.0
  trimmed_decimal,    ///< BigDecimal of 2021, one decimal at least: 127.0, 3.6E-7, 14444463.76
  integer_or_double,  ///< plain when whole, otherwise java_double: 116606000, 6.89E-6
};

/// Appends `value` to `out`. All spellings of one value denote exactly that value: where a double
/// could not hold the digits, they are still all written, in the layout of a double.
void spell(std::string& out, Exact value, Spelling spelling);

/// `value` at the smallest scale that holds it exactly.
[[nodiscard]] Exact stripped(Exact value);

/// `value` cut (half up) to `digits` significant digits: the look of a sum kept in a double.
[[nodiscard]] Exact to_significant(Exact value, int digits);

/// A size as somebody entered it: trailing zeros partly kept. The choice depends on the digits
/// only, so a level that did not change is spelled the same in every frame. `size_e8` in 1e-8.
[[nodiscard]] Exact size_as_entered(Int128 size_e8);

/// The decimal text of `value` in plain spelling.
[[nodiscard]] std::string to_plain(Exact value);

/// Appends a decimal integer.
void append_integer(std::string& out, std::int64_t value);

}  // namespace upfeed::sim
