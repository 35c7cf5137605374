#pragma once

// Frames of every stream in every spelling of numbers that the exchange has: Double and BigDecimal
// (Java's toString), plain, with trailing zeros, by magnitude from 0 to beyond int64.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "frame_samples.hpp"
#include "sim/number.hpp"

namespace upfeed {

/// What a number stands for decides how the exchange may write it.
enum class NumberGroup : std::uint8_t { price, size, sum, rate };
/// How it is written: the simulator's spellings, and what only sums, rates and zeros have.
enum class NumberColumn : std::uint8_t {
  plain,
  big_decimal,
  java_double,
  trimmed_decimal,
  integer_or_double,
  sixteen_decimals,    ///< up to 27 digits
  seventeen_digits,    ///< of a double
  ten_decimals,        ///< or eleven
  zero,                ///< 0
  zero_point_zero,     ///< 0.0
  zero_exponent,       ///< 0E-8
  zero_eight_decimals  ///< 0.00000000
};
/// How large it is.
enum class NumberRow : std::uint8_t {
  zero,
  below_1e_6,
  below_1e_3,
  below_1e7,
  from_1e7,
  beyond_int64  ///< times 1e8
};
/// One of the ways to write a number, in one stream.
struct SpellingCell {
  std::size_t stream;
  NumberGroup group;
  NumberColumn column;
  NumberRow row;
  friend auto operator<=>(const SpellingCell&, const SpellingCell&) = default;
};

class SpelledFrames {
 public:
  explicit SpelledFrames(std::uint64_t seed) : random_(seed) {}

  /// A whole frame as the exchange could send it.
  /// stream  EventKind's number.
  std::string frame(std::size_t stream, WireFormat format) {
    stream_ = stream;
    SampleFrame frame = all_samples()[stream];
    for (SampleKey& key : frame) respell(key);
    // What older frames, and those of regional hosts, do not have.
    if (below(4) == 0) frame = without(frame, "level");
    if (below(4) == 0) {
      for (const char* best :
           {"best_ask_price", "best_ask_size", "best_bid_price", "best_bid_size"}) {
        frame = without(frame, best);
      }
    }
    return sample_text(frame, format, stream == kOrderbook ? units() : sample_units());
  }

  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }
  /// How many numbers of the frames so far were written in each way.
  [[nodiscard]] const std::map<SpellingCell, std::size_t>& cells() const { return cells_; }

 private:
  static constexpr std::size_t kOrderbook = 2;

  /// A random number from 10^low on, below 10^high, times 1e8: any count of digits, and of zeros at
  /// their end, is as likely as any other.
  sim::Int128 magnitude(int low, int high) {
    const std::size_t digits =
        9 + static_cast<std::size_t>(low +
                                     static_cast<int>(below(static_cast<std::size_t>(high - low))));
    const std::size_t significant = 1 + below(digits);
    auto value = static_cast<sim::Int128>(1 + below(9));
    for (std::size_t i = 1; i < digits; ++i) {
      value = value * 10 + static_cast<sim::Int128>(i < significant ? below(10) : 0);
    }
    return value;
  }

  void note(NumberGroup group, NumberColumn column, sim::Exact value) {
    const auto power = [](int exponent) {
      sim::Int128 result = 1;
      for (; exponent > 0; --exponent) result *= 10;
      return result;
    };
    NumberRow row = NumberRow::zero;
    if (value.units == 0) {
      // As it is.
    } else if (value.units < power(value.scale - 6)) {
      row = NumberRow::below_1e_6;
    } else if (value.units < power(value.scale - 3)) {
      row = NumberRow::below_1e_3;
    } else if (value.units < power(value.scale + 7)) {
      row = NumberRow::below_1e7;
    } else if (value.units / power(value.scale) < INT64_MAX / 100'000'000) {
      row = NumberRow::from_1e7;
    } else {
      row = NumberRow::beyond_int64;
    }
    ++cells_[{stream_, group, column, row}];
  }
  std::string zero(NumberGroup group) {
    static const std::vector<std::string> kZeros = {"0", "0.0", "0E-8", "0.00000000"};
    const std::size_t which = below(kZeros.size());
    note(group, static_cast<NumberColumn>(static_cast<std::size_t>(NumberColumn::zero) + which),
         {});
    return kZeros[which];
  }

  /// low, high  powers of ten that bound the magnitude. A tenth are zeros.
  std::string number(NumberGroup group, int low, int high) {
    if (below(10) == 0) return zero(group);
    using enum sim::Spelling;
    static constexpr sim::Spelling kSpellings[] = {plain, big_decimal, java_double, trimmed_decimal,
                                                   integer_or_double};
    sim::Exact value{magnitude(low, high), sim::kScale};
    if (below(3) == 0) value = {value.units / 10'000, 4};  // four decimals, as in 2023
    if (value.units == 0) value.units = 1;
    std::string text;
    const std::size_t spelling = below(5);
    sim::spell(text, value, kSpellings[spelling]);
    note(group, static_cast<NumberColumn>(spelling), value);
    return text;
  }
  std::string price() { return number(NumberGroup::price, -8, 10); }
  std::string size() {
    return below(20) == 0 ? number(NumberGroup::size, 10, 14) : number(NumberGroup::size, -8, 11);
  }
  /// Sums of products: 8 or 16 decimals, 27 digits; doubles of 17 digits.
  std::string sum() {
    if (below(3) == 0) return number(NumberGroup::sum, -8, 14);
    std::string text;
    const sim::Exact value{magnitude(8, 19), 16};
    if (below(2) == 0) {
      sim::spell(text, value, sim::Spelling::big_decimal);
      note(NumberGroup::sum, NumberColumn::sixteen_decimals, value);
    } else {
      sim::spell(text, sim::to_significant(value, 17), sim::Spelling::plain);
      note(NumberGroup::sum, NumberColumn::seventeen_digits, value);
    }
    return text;
  }
  std::string rate() {
    if (below(8) == 0) {
      note(NumberGroup::rate, NumberColumn::zero, {});
      return "0";
    }
    std::string text;
    const sim::Exact value{magnitude(-8, 2), 10 + static_cast<int>(below(2))};
    sim::spell(text, value, sim::Spelling::big_decimal);
    note(NumberGroup::rate, NumberColumn::ten_decimals, value);
    return text;
  }
  std::string integer(std::size_t digits_min, std::size_t digits_max) {
    std::string text(1, static_cast<char>('1' + below(9)));
    const std::size_t digits = digits_min + below(digits_max - digits_min + 1);
    while (text.size() < digits) text += static_cast<char>('0' + below(10));
    return text;
  }
  std::string pick(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }

  void respell(SampleKey& key) {
    const std::string_view name = key.name;
    const auto ends_with = [name](std::string_view end) { return name.ends_with(end); };
    if (name == "code") {
      key.value = pick({"\"KRW-BTC\"", "\"KRW-ETH\"", "\"USDT-BTC\"", "\"BTC-1INCH\""});
    } else if (name.starts_with("acc_") || name.starts_with("candle_acc") ||
               name.starts_with("total_")) {
      key.value = sum();
    } else if (ends_with("change_rate")) {
      key.value = (name[0] == 's' && below(2) == 0 ? "-" : "") + rate();
    } else if (name == "signed_change_price") {
      key.value = (below(2) == 0 ? "-" : "") + price();
    } else if (ends_with("price")) {
      key.value = price();
    } else if (ends_with("volume") || ends_with("size")) {
      key.value = size();
    } else if (ends_with("timestamp")) {
      key.value = below(8) == 0 ? integer(16, 16) : integer(13, 13);
    } else if (name == "sequential_id") {
      key.value = integer(16, 17);
    } else if (name == "level") {
      key.value = pick({"0", "1", "10000", "0.1", "1.0E7", "0.0"});
    } else if (name == "change") {
      key.value = pick({"\"RISE\"", "\"EVEN\"", "\"FALL\""});
    } else if (name == "ask_bid") {
      key.value = pick({"\"ASK\"", "\"BID\""});
    } else if (name == "stream_type") {
      key.value = pick({"\"SNAPSHOT\"", "\"REALTIME\""});
    } else if (name == "type" && key.value.starts_with("\"candle")) {
      static const std::vector<std::string> kUnits = {"1s",  "1m",  "3m",  "5m",  "10m",
                                                      "15m", "30m", "60m", "240m"};
      key.value = "\"candle." + pick(kUnits) + '"';
    } else if (name == "is_trading_suspended") {
      key.value = pick({"true", "false", "null"});
    } else if (ends_with("52_week_date") || name == "delisting_date") {
      key.value = pick({"\"2025-08-14\"", "null"});
    } else if (name == "market_state") {
      key.value = pick({"\"PREVIEW\"", "\"ACTIVE\"", "\"DELISTED\"", "null"});
    } else if (name == "trade_time" && key.value.size() == 10) {
      key.value = pick({"\"07:46:20\"", "\"07:46\""});  // 2021 left :00 out
    }
  }

  std::vector<SampleUnit> units() {
    static constexpr std::size_t kCounts[] = {1, 5, 15, 30};
    const std::size_t count = kCounts[below(4)];
    const std::size_t asks = below(4) == 0 ? below(count + 1) : count;
    const std::size_t bids = below(4) == 0 ? below(count + 1) : count;
    const std::string no_price = pick({"0", "0.0"});
    const std::string no_size = pick({"0", "0.0", "0E-8"});
    std::vector<SampleUnit> units;
    for (std::size_t i = 0; i < count; ++i) {
      units.push_back({i < asks ? price() : no_price, i < bids ? price() : no_price,
                       i < asks ? size() : no_size, i < bids ? size() : no_size});
    }
    return units;
  }

  std::mt19937_64 random_;
  std::size_t stream_ = 0;
  std::map<SpellingCell, std::size_t> cells_;
};

/// Every cell that frames of the four market streams can have.
inline std::vector<SpellingCell> all_spelling_cells() {
  using enum NumberGroup;
  using enum NumberColumn;
  std::vector<SpellingCell> cells;
  const auto add = [&](std::size_t stream, NumberGroup group, NumberColumn first, NumberColumn last,
                       NumberRow smallest, NumberRow largest) {
    for (auto column = static_cast<int>(first); column <= static_cast<int>(last); ++column) {
      for (auto row = static_cast<int>(smallest); row <= static_cast<int>(largest); ++row) {
        cells.push_back({stream, group, NumberColumn(column), NumberRow(row)});
      }
    }
  };
  const auto add_group = [&](std::size_t stream, NumberGroup group, NumberRow largest) {
    add(stream, group, plain, integer_or_double, NumberRow::below_1e_6, largest);
    add(stream, group, NumberColumn::zero, zero_eight_decimals, NumberRow::zero, NumberRow::zero);
  };
  constexpr std::size_t kTicker = 0;
  constexpr std::size_t kTrade = 1;
  constexpr std::size_t kOrderbook = 2;
  constexpr std::size_t kCandle = 3;
  for (const std::size_t stream : {kTicker, kTrade, kOrderbook, kCandle}) {
    add_group(stream, price, NumberRow::from_1e7);
    if (stream != kCandle) add_group(stream, size, NumberRow::beyond_int64);
    if (stream == kTrade) continue;
    add_group(stream, sum, NumberRow::beyond_int64);
    add(stream, sum, sixteen_decimals, seventeen_digits, NumberRow::below_1e7,
        NumberRow::beyond_int64);
  }
  add(kTicker, rate, ten_decimals, ten_decimals, NumberRow::below_1e_6, NumberRow::below_1e7);
  add(kTicker, rate, NumberColumn::zero, NumberColumn::zero, NumberRow::zero, NumberRow::zero);
  return cells;
}

}  // namespace upfeed
