#include "sim/number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace upfeed::sim {
namespace {

constexpr std::uint64_t kChunk = 1'000'000'000'000'000'000ULL;  // 10^18

/// The digits of a magnitude, without sign or leading zeros ("0" for zero).
class Digits {
 public:
  explicit Digits(UInt128 magnitude) {
    char* const end = buffer_.data() + buffer_.size();
    char* at = end;
    while (magnitude >= kChunk) {
      const UInt128 rest = magnitude / kChunk;
      auto low = static_cast<std::uint64_t>(magnitude - rest * kChunk);
      for (int i = 0; i < 18; ++i, low /= 10) *--at = static_cast<char>('0' + low % 10);
      magnitude = rest;
    }
    auto low = static_cast<std::uint64_t>(magnitude);
    do {
      *--at = static_cast<char>('0' + low % 10);
      low /= 10;
    } while (low != 0);
    text_ = std::string_view(at, static_cast<std::size_t>(end - at));
  }
  Digits(const Digits&) = delete;
  Digits& operator=(const Digits&) = delete;

  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::array<char, 40> buffer_;
  std::string_view text_;
};

/// Writes digits with `scale` of them behind the point.
void write_fixed(std::string& out, std::string_view digits, int scale) {
  const int count = static_cast<int>(digits.size());
  if (scale == 0) {
    out.append(digits);
  } else if (count > scale) {
    out.append(digits.substr(0, static_cast<std::size_t>(count - scale)));
    out.push_back('.');
    out.append(digits.substr(static_cast<std::size_t>(count - scale)));
  } else {
    out.append("0.");
    out.append(static_cast<std::size_t>(scale - count), '0');
    out.append(digits);
  }
}

/// Writes d.dddE-n; `always_point` as Double does (5.0E-4), without as BigDecimal does (9E-8).
void write_scientific(std::string& out, std::string_view digits, int exponent, bool always_point) {
  out.push_back(digits.front());
  if (digits.size() > 1) {
    out.push_back('.');
    out.append(digits.substr(1));
  } else if (always_point) {
    out.append(".0");
  }
  out.push_back('E');
  append_integer(out, exponent);
}

void write_double_layout(std::string& out, std::string_view digits, int scale) {
  const int exponent = static_cast<int>(digits.size()) - 1 - scale;
  if (digits == "0") {
    out.append("0.0");
  } else if (exponent >= -3 && exponent < 7) {
    write_fixed(out, digits, scale);
    if (scale == 0) out.append(".0");
  } else {
    while (digits.size() > 1 && digits.back() == '0') digits.remove_suffix(1);
    write_scientific(out, digits, exponent, true);
  }
}

}  // namespace

void append_integer(std::string& out, std::int64_t value) {
  std::array<char, 24> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

Exact stripped(Exact value) {
  while (value.scale > 0 && value.units % 10 == 0) {
    value.units /= 10;
    --value.scale;
  }
  return value;
}

void spell(std::string& out, Exact value, Spelling spelling) {
  if (spelling != Spelling::big_decimal) value = stripped(value);
  if (value.units < 0) out.push_back('-');
  if (spelling == Spelling::trimmed_decimal && value.scale == 0) value = {value.units * 10, 1};
  const Digits digits(value.units < 0 ? -static_cast<UInt128>(value.units)
                                      : static_cast<UInt128>(value.units));
  const int exponent = static_cast<int>(digits.text().size()) - 1 - value.scale;
  switch (spelling) {
    case Spelling::plain:
      write_fixed(out, digits.text(), value.scale);
      break;
    case Spelling::big_decimal:
    case Spelling::trimmed_decimal:
      if (exponent >= -6) {
        write_fixed(out, digits.text(), value.scale);
      } else {
        write_scientific(out, digits.text(), exponent, false);
      }
      break;
    case Spelling::integer_or_double:
      if (value.scale == 0) {
        write_fixed(out, digits.text(), 0);
        break;
      }
      [[fallthrough]];
    case Spelling::java_double:
      write_double_layout(out, digits.text(), value.scale);
      break;
  }
}

Exact to_significant(Exact value, int digits) {
  Int128 limit = 1;
  for (int i = 0; i < digits; ++i) limit *= 10;
  bool round_up = false;
  while (value.scale > 0 && value.units >= limit) {
    round_up = value.units % 10 >= 5;
    value.units /= 10;
    --value.scale;
  }
  if (round_up) ++value.units;
  return stripped(value);
}

Exact size_as_entered(Int128 size_e8) {
  const Exact shortest = stripped({size_e8, kScale});
  const int zeros = kScale - shortest.scale;
  const auto mixed = static_cast<std::uint64_t>(size_e8) * 0x9E3779B97F4A7C15ULL;
  int kept = 0;
  switch ((mixed >> 60) % 3) {
    case 0:
      kept = zeros;
      break;
    case 1:
      break;
    default:
      kept = zeros / 2;
      break;
  }
  Exact result = shortest;
  for (int i = 0; i < kept; ++i) {
    result.units *= 10;
    ++result.scale;
  }
  return result;
}

std::string to_plain(Exact value) {
  std::string out;
  spell(out, value, Spelling::plain);
  return out;
}

}  // namespace upfeed::sim
