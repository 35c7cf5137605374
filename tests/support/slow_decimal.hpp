#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

/// The obvious decimal: sign and digit text, nothing binary. The oracle of the number tests; it
/// shares no idea with the library's own path.
struct SlowDecimal {
  bool negative = false;
  std::string integer;   ///< no leading zeros; empty below 1
  std::string fraction;  ///< no trailing zeros

  /// nullopt: not a JSON number. Exponents up to +-99,999.
  static std::optional<SlowDecimal> parse(std::string_view text) {
    if (!is_json_number(text)) return std::nullopt;
    SlowDecimal value;
    std::string rest(text);
    if (rest[0] == '-') {
      value.negative = true;
      rest.erase(0, 1);
    }
    long exponent = 0;
    if (const std::size_t e = rest.find_first_of("eE"); e != std::string::npos) {
      exponent = std::strtol(rest.c_str() + e + 1, nullptr, 10);
      rest.erase(e);
    }
    const std::size_t point = rest.find('.');
    value.integer = rest.substr(0, point);
    value.fraction = point == std::string::npos ? "" : rest.substr(point + 1);
    for (; exponent > 0; --exponent) {
      value.integer += value.fraction.empty() ? '0' : value.fraction[0];
      if (!value.fraction.empty()) value.fraction.erase(0, 1);
    }
    for (; exponent < 0; ++exponent) {
      value.fraction.insert(0, 1, value.integer.empty() ? '0' : value.integer.back());
      if (!value.integer.empty()) value.integer.pop_back();
    }
    value.integer.erase(0, value.integer.find_first_not_of('0'));
    while (!value.fraction.empty() && value.fraction.back() == '0') value.fraction.pop_back();
    if (value.integer.empty() && value.fraction.empty()) value.negative = false;
    return value;
  }

  [[nodiscard]] std::string text() const {
    std::string text = negative ? "-" : "";
    text += integer.empty() ? "0" : integer;
    if (!fraction.empty()) text += "." + fraction;
    return text;
  }

  /// All digits between the first and the last that is not zero.
  [[nodiscard]] std::string significant() const {
    std::string digits = integer + fraction;
    digits.erase(0, digits.find_first_not_of('0'));
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    return digits;
  }

  /// The value times 1e8 as digit text; nullopt: it has more decimals.
  [[nodiscard]] std::optional<std::string> times_1e8() const {
    if (fraction.size() > 8) return std::nullopt;
    std::string digits = integer + fraction + std::string(8 - fraction.size(), '0');
    digits.erase(0, digits.find_first_not_of('0'));
    return digits.empty() ? "0" : digits;
  }

  /// -1, 0 or 1.
  static int compare(const SlowDecimal& a, const SlowDecimal& b) {
    if (a.negative != b.negative) return a.negative ? -1 : 1;
    const std::size_t width = std::max(a.fraction.size(), b.fraction.size());
    const std::string a_digits =
        a.integer + a.fraction + std::string(width - a.fraction.size(), '0');
    const std::string b_digits =
        b.integer + b.fraction + std::string(width - b.fraction.size(), '0');
    const int magnitude = compare_digits(a_digits, b_digits);
    return a.negative ? -magnitude : magnitude;
  }

  /// Digit texts as integers, leading zeros allowed.
  static int compare_digits(std::string a, std::string b) {
    a.insert(0, a.size() < b.size() ? b.size() - a.size() : 0, '0');
    b.insert(0, b.size() < a.size() ? a.size() - b.size() : 0, '0');
    return a < b ? -1 : a > b ? 1 : 0;
  }

  /// The grammar of RFC 8259 section 6 as a table of states.
  static bool is_json_number(std::string_view text) {
    //                                       '-' '0' 1-9  .   e   +
    static constexpr std::int8_t kNext[9][6] = {{1, 2, 3, -1, -1, -1},    // 0 start
                                                {-1, 2, 3, -1, -1, -1},   // 1 sign
                                                {-1, -1, -1, 4, 6, -1},   // 2 zero (ends)
                                                {-1, 3, 3, 4, 6, -1},     // 3 integer (ends)
                                                {-1, 5, 5, -1, -1, -1},   // 4 point
                                                {-1, 5, 5, -1, 6, -1},    // 5 fraction (ends)
                                                {7, 8, 8, -1, -1, 7},     // 6 e
                                                {-1, 8, 8, -1, -1, -1},   // 7 sign of exponent
                                                {-1, 8, 8, -1, -1, -1}};  // 8 exponent (ends)
    int state = 0;
    for (const char c : text) {
      const int kind = c == '-'               ? 0
                       : c == '0'             ? 1
                       : c >= '1' && c <= '9' ? 2
                       : c == '.'             ? 3
                       : c == 'e' || c == 'E' ? 4
                       : c == '+'             ? 5
                                              : -1;
      if (kind < 0) return false;
      state = kNext[state][kind];
      if (state < 0) return false;
    }
    return state == 2 || state == 3 || state == 5 || state == 8;
  }
};
