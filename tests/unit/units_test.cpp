#include "upfeed/units.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "seed.hpp"
#include "slow_decimal.hpp"
#include "upfeed/assert.hpp"

namespace upfeed {
namespace {

using detail::NumberParts;
using detail::NumberStatus;
using detail::split_number;

constexpr Int128 kInt128Max = static_cast<Int128>(~Uint128{0} >> 1);

std::string digits_text(Uint128 value) {
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value != 0);
  return text;
}

NumberStatus status_of(std::string_view text) {
  NumberParts parts;
  return split_number(text, parts);
}

/// A number of the wire's manner: any length, often with zeros at either end, often an exponent.
std::string random_number(std::mt19937_64& random) {
  const auto below = [&](std::uint64_t end) { return random() % end; };
  const auto digit = [&] { return static_cast<char>('0' + (below(3) == 0 ? 0 : below(10))); };
  std::string text = below(4) == 0 ? "-" : "";
  if (below(3) == 0) {
    text += '0';
  } else {
    text += static_cast<char>('1' + below(9));
    for (std::uint64_t i = below(below(8) == 0 ? 40 : 13); i > 0; --i) text += digit();
  }
  if (below(3) != 0) {
    text += '.';
    for (std::uint64_t i = 1 + below(below(8) == 0 ? 40 : 9); i > 0; --i) text += digit();
  }
  if (below(3) == 0) {
    text += below(2) == 0 ? 'E' : 'e';
    const std::uint64_t sign = below(3);
    if (sign > 0) text += sign == 1 ? '-' : '+';
    if (below(8) == 0) text += '0';
    text += std::to_string(below(below(8) == 0 ? 90 : 12));
  }
  return text;
}

// Every spelling of a number that the exchange was seen to use has one value and one printed form.
TEST(Units, every_spelling_of_a_price_has_one_value) {
  struct Case {
    const char* text;
    std::int64_t raw;
    const char* printed;
  };
  const Case cases[] = {
      {"116539000", 11'653'900'000'000'000, "116539000"},
      {"1.16539E8", 11'653'900'000'000'000, "116539000"},
      {"1.16539e+8", 11'653'900'000'000'000, "116539000"},
      {"116539000.0", 11'653'900'000'000'000, "116539000"},
      {"106691000.00000000", 10'669'100'000'000'000, "106691000"},
      {"49053000.0000", 4'905'300'000'000'000, "49053000"},
      {"5.77E7", 5'770'000'000'000'000, "57700000"},
      {"6.89E-6", 689, "0.00000689"},
      {"7.9276E-4", 79'276, "0.00079276"},
      {"5.0E-4", 50'000, "0.0005"},
      {"0.00077720", 77'720, "0.0007772"},
      {"3.6E-7", 36, "0.00000036"},
      {"9E-8", 9, "0.00000009"},
      {"127.0", 12'700'000'000, "127"},
      {"64598.0", 6'459'800'000'000, "64598"},
      {"1e+5", 10'000'000'000'000, "100000"},
      {"0", 0, "0"},
      {"0.0", 0, "0"},
      {"0E-8", 0, "0"},
      {"0e99999999999999999999", 0, "0"},
      {"-0", 0, "0"},
      {"-0.0E5", 0, "0"},
      {"0.0000000000000000000000000000000000000000000000", 0, "0"},
      {"-1250000", -125'000'000'000'000, "-1250000"},
      {"-0.00000001", -1, "-0.00000001"},
      {"1.000000000000000000000000000000000000000000000", 100'000'000, "1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const std::optional<Price> price = Price::parse(c.text);
    ASSERT_TRUE(price.has_value());
    EXPECT_EQ(price->raw(), c.raw);
    EXPECT_EQ(price->to_string(), c.printed);
    EXPECT_EQ(Quantity::parse(c.text)->raw(), c.raw);
    EXPECT_TRUE(WideQuantity::parse(c.text)->raw() == c.raw);
    EXPECT_EQ(*Decimal::parse(c.text), Decimal::from(*price));
    EXPECT_EQ(Decimal::parse(c.text)->to_string(), c.printed);
  }
}

// Text outside the JSON grammar is refused by every type, and nothing is written.
TEST(Units, text_that_is_no_json_number_is_refused) {
  const char* const cases[] = {"",     "-",   "+1",    "01",    "-01",  "00",   ".5",    "5.",
                               "1.e5", "1e",  "1e+",   "1E-",   "1e5.", "1 ",   " 1",    "1,0",
                               "0x10", "NaN", "null",  "--1",   "1-",   "1..2", "1.2.3", "1e5e5",
                               "e5",   "-.5", "1_000", "\"1\"", "0b1",  "1/",   "1:",    "1e1:"};
  for (const char* const text : cases) {
    SCOPED_TRACE(text);
    NumberParts parts{.digits = 7, .exponent = 7, .negative = true};
    EXPECT_EQ(split_number(text, parts), NumberStatus::not_a_number);
    EXPECT_TRUE(parts.digits == 7 && parts.exponent == 7 && parts.negative);
    EXPECT_FALSE(Price::parse(text));
    EXPECT_FALSE(Quantity::parse(text));
    EXPECT_FALSE(WideQuantity::parse(text));
    EXPECT_FALSE(Decimal::parse(text));
  }
  EXPECT_EQ(status_of(std::string_view("1\0", 2)), NumberStatus::not_a_number);
  EXPECT_EQ(status_of(std::string_view()), NumberStatus::not_a_number);
}

// Random strings over the alphabet of numbers are accepted exactly where a table-driven automaton
// accepts them.
TEST(Units, random_text_is_accepted_exactly_by_the_grammar) {
  std::mt19937_64 random(test_seed());
  constexpr std::string_view kAlphabet = "0011259.eE+-";
  int accepted = 0;
  for (int i = 0; i < 500'000; ++i) {
    std::string text;
    for (std::uint64_t n = random() % 9; n > 0; --n) text += kAlphabet[random() % kAlphabet.size()];
    const bool is_number = SlowDecimal::is_json_number(text);
    accepted += is_number ? 1 : 0;
    ASSERT_EQ(status_of(text) != NumberStatus::not_a_number, is_number) << text;
  }
  EXPECT_GT(accepted, 10'000);
}

// Random numbers split, print and scale as digit-text arithmetic says, in every type.
TEST(Units, random_numbers_agree_with_digit_text_arithmetic) {
  std::mt19937_64 random(test_seed());
  const std::string int64_max = std::to_string(INT64_MAX);
  const std::string wide_max = digits_text(Uint128{1} << 126);
  int refused = 0;
  for (int i = 0; i < 400'000; ++i) {
    const std::string text = random_number(random);
    const std::optional<SlowDecimal> slow = SlowDecimal::parse(text);
    ASSERT_TRUE(slow.has_value()) << text;
    NumberParts parts;
    const NumberStatus status = split_number(text, parts);
    const std::string digits = slow->significant();
    ASSERT_EQ(status, digits.size() > 38 ? NumberStatus::out_of_range : NumberStatus::ok) << text;
    const std::optional<std::string> raw = slow->times_1e8();
    const bool fits_price =
        digits.size() <= 38 && raw && SlowDecimal::compare_digits(*raw, int64_max) <= 0;
    const bool fits_wide =
        digits.size() <= 38 && raw && SlowDecimal::compare_digits(*raw, wide_max) <= 0;
    const std::optional<Price> price = Price::parse(text);
    const std::optional<WideQuantity> wide = WideQuantity::parse(text);
    ASSERT_EQ(price.has_value(), fits_price) << text;
    ASSERT_EQ(Quantity::parse(text).has_value(), fits_price) << text;
    ASSERT_EQ(wide.has_value(), fits_wide) << text;
    refused += fits_wide ? 0 : 1;
    if (price) {
      ASSERT_EQ(price->to_string(), slow->text()) << text;
    }
    if (wide) {
      ASSERT_EQ(wide->to_string(), slow->text()) << text;
    }
    if (status != NumberStatus::ok) continue;
    ASSERT_EQ(digits_text(parts.digits), digits.empty() ? "0" : digits) << text;
    ASSERT_EQ(parts.negative, slow->negative) << text;
    const std::optional<Decimal> decimal = Decimal::parse(text);
    ASSERT_EQ(decimal.has_value(), parts.exponent >= -64 && parts.exponent <= 64) << text;
    if (!decimal) continue;
    ASSERT_EQ(decimal->to_string(), slow->text()) << text;
    ASSERT_EQ(*Decimal::parse(decimal->to_string()), *decimal) << text;
  }
  EXPECT_GT(refused, 1000);
}

// Numbers of ten thousand characters and absurd exponents are judged by value, without overflow.
TEST(Units, long_numbers_and_huge_exponents_are_handled) {
  const std::string zeros(10'000, '0');
  EXPECT_EQ(status_of(std::string(10'000, '7')), NumberStatus::out_of_range);
  EXPECT_EQ(status_of("0." + std::string(10'000, '7')), NumberStatus::out_of_range);
  EXPECT_EQ(Price::parse("5." + zeros)->raw(), 500'000'000);
  EXPECT_EQ(Price::parse("5" + zeros + "E-10000")->raw(), 500'000'000);
  EXPECT_EQ(Price::parse("5" + zeros + "." + zeros + "e-10008")->raw(), 5);
  EXPECT_EQ(Price::parse("0." + zeros + "25E10001")->raw(), 250'000'000);
  EXPECT_EQ(Price::parse("0." + zeros)->raw(), 0);
  EXPECT_EQ(Price::parse("1E0" + zeros + "2")->raw(), 10'000'000'000);
  EXPECT_EQ(status_of("5" + zeros), NumberStatus::ok);  // 5E10000: split, but fits no type
  EXPECT_FALSE(Decimal::parse("5" + zeros));
  EXPECT_FALSE(WideQuantity::parse("5" + zeros));
  for (const char* const text :
       {"1E999999999999", "1E-999999999999", "1E10001", "1E-10001", "1E99999999999999999999999999",
        "1E-99999999999999999999999999", "1E9223372036854775807", "1E9223372036854775808",
        "1E-9223372036854775808", "1E18446744073709551616"}) {
    EXPECT_EQ(status_of(text), NumberStatus::out_of_range) << text;
    EXPECT_FALSE(Decimal::parse(text)) << text;
  }
  EXPECT_EQ(status_of("1E10000"), NumberStatus::ok);
  EXPECT_EQ(status_of("1E-10000"), NumberStatus::ok);
}

// The edges of every range: the last value inside is exact, the first outside is refused.
TEST(Units, values_beyond_the_range_are_refused_not_wrapped) {
  EXPECT_EQ(Price::parse("92233720368.54775807")->raw(), INT64_MAX);
  EXPECT_EQ(Price::parse("-92233720368.54775807")->raw(), -INT64_MAX);
  EXPECT_FALSE(Price::parse("92233720368.54775808"));
  EXPECT_FALSE(Price::parse("-92233720368.54775808"));
  EXPECT_FALSE(Quantity::parse("-92233720368.54775808")) << "it would be the wide marker";
  EXPECT_FALSE(Price::parse("0.000000001"));
  EXPECT_FALSE(Price::parse("1.123456789"));
  EXPECT_FALSE(Price::parse("9E-9"));
  EXPECT_FALSE(Price::parse("184467440737.09551617")) << "1 modulo 2^64";
  const Int128 wide_max = Int128{1} << 126;
  EXPECT_TRUE(WideQuantity::parse("850705917302346158658436518579.42052864")->raw() == wide_max);
  EXPECT_TRUE(WideQuantity::parse("-850705917302346158658436518579.42052864")->raw() == -wide_max);
  EXPECT_FALSE(WideQuantity::parse("850705917302346158658436518579.42052865"));
  EXPECT_FALSE(WideQuantity::parse("1E31"));
  EXPECT_TRUE(WideQuantity::parse("1E29").has_value());
  EXPECT_EQ(WideQuantity::parse("2436173744924.71")->to_string(), "2436173744924.71");
  EXPECT_TRUE(Decimal::parse(std::string(38, '9')).has_value());
  EXPECT_FALSE(Decimal::parse(std::string(39, '9')));
  EXPECT_TRUE(Decimal::parse("1E64").has_value());
  EXPECT_FALSE(Decimal::parse("1E65"));
  EXPECT_TRUE(Decimal::parse("10E63").has_value());
  EXPECT_TRUE(Decimal::parse("1E-64").has_value());
  EXPECT_FALSE(Decimal::parse("1E-65"));
}

// A size that does not fit int64 becomes the marker; all that fit are themselves.
TEST(Units, narrow_keeps_what_fits_and_marks_what_does_not) {
  const auto narrow = [](Int128 raw) { return Quantity::narrow(WideQuantity::from_raw(raw)); };
  EXPECT_EQ(narrow(INT64_MAX).raw(), INT64_MAX);
  EXPECT_FALSE(narrow(INT64_MAX).in_wide_form());
  EXPECT_TRUE(narrow(Int128{INT64_MAX} + 1).in_wide_form());
  EXPECT_EQ(narrow(-Int128{INT64_MAX}).raw(), -INT64_MAX);
  EXPECT_TRUE(narrow(INT64_MIN).in_wide_form());
  EXPECT_TRUE(narrow(Int128{1} << 100).in_wide_form());
  EXPECT_EQ(narrow(0), Quantity());
}

// to_double is the nearest double: glibc's strtod, correctly rounded, is the judge.
TEST(Units, to_double_is_correctly_rounded) {
  std::mt19937_64 random(test_seed());
  const auto nearest = [](const std::string& text) { return std::strtod(text.c_str(), nullptr); };
  for (int i = 0; i < 300'000; ++i) {
    const std::uint64_t bits = random() >> random() % 64;
    const Price price = Price::from_raw(static_cast<std::int64_t>(bits) * (i % 2 == 0 ? 1 : -1));
    if (price.raw() == INT64_MIN) continue;
    ASSERT_EQ(price.to_double(), nearest(price.to_string())) << price;
    ASSERT_EQ(Quantity::from_raw(price.raw()).to_double(), nearest(price.to_string())) << price;
    const Uint128 both = (Uint128{random()} << 64 | random()) >> random() % 127 >> 1;
    const auto wide = WideQuantity::from_raw(static_cast<Int128>(both) * (i % 2 == 0 ? 1 : -1));
    ASSERT_EQ(wide.to_double(), nearest(wide.to_string())) << wide;
    const std::optional<Decimal> decimal =
        Decimal::from_parts(wide.raw(), static_cast<int>(random() % 129) - 64);
    if (decimal) {
      ASSERT_EQ(decimal->to_double(), nearest(decimal->to_string())) << *decimal;
    }
  }
}

// Halfway between two doubles the even one is taken, on both sides of the fast path's limit.
TEST(Units, to_double_takes_the_even_neighbour_of_a_tie) {
  const Int128 two_53 = Int128{1} << 53;
  EXPECT_EQ(Decimal::from_parts(two_53, 0)->to_double(), 0x1p53);
  EXPECT_EQ(Decimal::from_parts(two_53 + 1, 0)->to_double(), 0x1p53);
  EXPECT_EQ(Decimal::from_parts(two_53 + 2, 0)->to_double(), 0x1p53 + 2);
  EXPECT_EQ(Decimal::from_parts(two_53 + 3, 0)->to_double(), 0x1p53 + 4);
  EXPECT_EQ(Decimal::from_parts(-two_53 - 1, 0)->to_double(), -0x1p53);
  EXPECT_EQ(Decimal::parse("9007199254740993.0000000000000000000001")->to_double(), 0x1p53 + 2);
  EXPECT_EQ(Price::from_raw(-INT64_MAX - 1).to_double(), -92233720368.54775808);
}

// Equal values are equal objects whatever their spelling, and no mantissa ends in zero.
TEST(Units, decimals_are_normalised) {
  EXPECT_EQ(*Decimal::parse("1.10"), *Decimal::parse("11E-1"));
  EXPECT_EQ(*Decimal::from_parts(11'000, -4), *Decimal::parse("1.1"));
  EXPECT_EQ(*Decimal::from_parts(0, 1'000'000), Decimal());
  EXPECT_EQ(Decimal::parse("0E-8")->exponent(), 0);
  EXPECT_EQ(Decimal::from_parts(-7000, 0)->exponent(), 3);
  EXPECT_EQ(Decimal::from_parts(-7000, 0)->to_string(), "-7000");
  EXPECT_TRUE(Decimal::from_parts(kInt128Max, 64).has_value());
  EXPECT_EQ(Decimal::from_parts(-kInt128Max - 1, 0)->to_string(),
            "-170141183460469231731687303715884105728");
  EXPECT_FALSE(Decimal::from_parts(1, 65));
  EXPECT_FALSE(Decimal::from_parts(10, 64)) << "1E65 after normalising";
  EXPECT_EQ(Decimal::from_parts(100, -66)->exponent(), -64);
  EXPECT_FALSE(Decimal::from_parts(10, -66));
  EXPECT_FALSE(Decimal::from_parts(1, INT32_MAX));
  EXPECT_FALSE(Decimal::from_parts(1, INT32_MIN));
  Int128 power = 1;
  for (int zeros = 0; zeros <= 38; ++zeros, power *= zeros <= 38 ? 10 : 1) {
    const std::optional<Decimal> decimal = Decimal::from_parts(power, -zeros);
    ASSERT_TRUE(decimal.has_value());
    EXPECT_TRUE(decimal->mantissa() == 1 && decimal->exponent() == 0) << zeros;
  }
}

// Decimals of any two exponents compare as their digit texts do.
TEST(Units, decimals_compare_by_value) {
  std::mt19937_64 random(test_seed());
  const auto pick = [&] {
    // Few digits and near exponents, so that equal leading digits are common.
    const std::uint64_t span = random() % 2 == 0 ? 20 : 2000;
    const auto mantissa = static_cast<Int128>(random() % span) - static_cast<Int128>(span / 2);
    const bool far = random() % 4 == 0;
    const int exponent = static_cast<int>(random() % (far ? 120 : 5)) - (far ? 60 : 2);
    return *Decimal::from_parts(random() % 4 == 0 ? mantissa * (kInt128Max / 1000) : mantissa,
                                exponent);
  };
  int equal = 0;
  for (int i = 0; i < 200'000; ++i) {
    const Decimal a = pick();
    const Decimal b = pick();
    const int expected = SlowDecimal::compare(*SlowDecimal::parse(a.to_string()),
                                              *SlowDecimal::parse(b.to_string()));
    const std::strong_ordering order = Decimal::compare(a, b);
    ASSERT_EQ(order < 0 ? -1 : order > 0 ? 1 : 0, expected) << a << ' ' << b;
    ASSERT_EQ(a == b, expected == 0);
    equal += expected == 0 ? 1 : 0;
  }
  EXPECT_GT(equal, 100);
}

// The longest texts of every type stay within kNumberTextMax, and nothing is written behind the
// end.
TEST(Units, printed_text_fits_its_bound) {
  const auto bytes_of = [](const auto& value) {
    char text[kNumberTextMax + 1];
    std::memset(text, '#', sizeof text);
    const char* const end = to_chars(text, value);
    EXPECT_EQ(*end, '#');
    return static_cast<std::size_t>(end - text);
  };
  EXPECT_EQ(bytes_of(*Decimal::from_parts(-kInt128Max, 64)), 104U);
  EXPECT_EQ(bytes_of(*Decimal::from_parts(-kInt128Max, -64)), 67U);
  EXPECT_EQ(bytes_of(*Decimal::from_parts(-kInt128Max, -39)), 42U);
  EXPECT_EQ(bytes_of(*Decimal::from_parts(-kInt128Max, -38)), 41U);
  EXPECT_EQ(bytes_of(Price::from_raw(INT64_MIN)), 21U);
  EXPECT_EQ(bytes_of(WideQuantity::from_raw(-kInt128Max - 1)), 41U);
  std::ostringstream out;
  out << Price::from_raw(150'000'000) << ' ' << Quantity::from_raw(1) << ' '
      << WideQuantity::from_raw(-5) << ' ' << *Decimal::parse("1e3");
  EXPECT_EQ(out.str(), "1.5 0.00000001 -0.00000005 1000");
}

#if !defined(NDEBUG) || defined(UPFEED_CHECKED)
// The marker has no value of its own: asking for one is a bug that checked builds stop at.
TEST(UnitsDeathTest, value_of_the_wide_marker_is_refused) {
  EXPECT_DEATH(static_cast<void>(Quantity::wide_marker().to_double()), "");
  EXPECT_DEATH(static_cast<void>(Quantity::wide_marker().to_string()), "");
}
#endif

}  // namespace
}  // namespace upfeed
