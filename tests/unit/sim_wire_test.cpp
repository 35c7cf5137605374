// The simulator's spellings and frames: whatever a number looks like, it denotes the exact value.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/market.hpp"
#include "sim/number.hpp"
#include "sim/wire.hpp"

namespace upfeed::sim {
namespace {

constexpr std::int64_t kStartMs = 1'790'134'742'000;  // 2026-09-23T02:19:02Z
constexpr Int128 kInt64Max = std::numeric_limits<std::int64_t>::max();

/// A decimal in a form that can be compared: digits without outer zeros, and where the point is.
/// Independent of the simulator's own arithmetic: it moves characters only.
struct Normal {
  std::string digits;
  int exponent = 0;  // value = 0.digits x 10^exponent
  bool negative = false;

  friend bool operator==(const Normal&, const Normal&) = default;
};

Normal normalise(std::string_view text) {
  Normal value;
  if (!text.empty() && text.front() == '-') {
    value.negative = true;
    text.remove_prefix(1);
  }
  int exponent = 0;
  if (const auto e = text.find('E'); e != std::string_view::npos) {
    exponent = std::stoi(std::string(text.substr(e + 1)));
    text = text.substr(0, e);
  }
  const auto point = std::min(text.find('.'), text.size());
  for (const char c : text) {
    if (c != '.') value.digits.push_back(c);
  }
  EXPECT_EQ(value.digits.find_first_not_of("0123456789"), std::string::npos) << text;
  value.exponent = static_cast<int>(point) + exponent;
  while (!value.digits.empty() && value.digits.front() == '0') {
    value.digits.erase(0, 1);
    --value.exponent;
  }
  while (!value.digits.empty() && value.digits.back() == '0') value.digits.pop_back();
  if (value.digits.empty()) value = {};
  return value;
}

Normal normalise(Exact value) {
  std::string digits;
  for (Int128 rest = value.units < 0 ? -value.units : value.units; rest > 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  if (digits.empty()) digits = "0";
  return normalise((value.units < 0 ? "-" : "") + digits + "E-" + std::to_string(value.scale));
}

std::string spelled(Exact value, Spelling spelling) {
  std::string out;
  spell(out, value, spelling);
  return out;
}

/// The text of the value behind every occurrence of "key": in a frame.
std::vector<std::string> values_of(std::string_view frame, std::string_view key) {
  const std::string mark = "\"" + std::string(key) + "\":";
  std::vector<std::string> values;
  for (std::size_t at = 0; (at = frame.find(mark, at)) != std::string_view::npos;) {
    at += mark.size();
    values.emplace_back(frame.substr(at, frame.find_first_of(",}]", at) - at));
  }
  return values;
}

std::string value_of(std::string_view frame, std::string_view key) {
  const auto values = values_of(frame, key);
  return values.empty() ? "missing" : values.front();
}

TEST(SimNumber, spellings_follow_java_and_the_wire) {
  // Goal: every cell of the spelling matrix; method: a table of value, spelling and seen or derived
  // wire text.
  struct Row {
    Exact value;
    Spelling spelling;
    std::string_view text;
  };
  const Int128 beyond = static_cast<Int128>(2'436'173'744'924) * kOne + 71'000'000;
  const std::vector<Row> rows{
      {{0, 8}, Spelling::big_decimal, "0E-8"},
      {{0, 0}, Spelling::big_decimal, "0"},
      {{9, 8}, Spelling::big_decimal, "9E-8"},
      {{22, 8}, Spelling::big_decimal, "2.2E-7"},
      {{113, 8}, Spelling::big_decimal, "0.00000113"},
      {{77'720, 8}, Spelling::big_decimal, "0.00077720"},
      {{10, 4}, Spelling::big_decimal, "0.0010"},
      {{10'669'100'000'000'000, 8}, Spelling::big_decimal, "106691000.00000000"},
      {{beyond, 8}, Spelling::big_decimal, "2436173744924.71000000"},
      {{63'211, 10}, Spelling::big_decimal, "0.0000063211"},
      {{-63'211, 10}, Spelling::big_decimal, "-0.0000063211"},
      {{0, 8}, Spelling::java_double, "0.0"},
      {{9, 8}, Spelling::java_double, "9.0E-8"},
      {{689, 8}, Spelling::java_double, "6.89E-6"},
      {{50'000, 8}, Spelling::java_double, "5.0E-4"},
      {{100'000, 8}, Spelling::java_double, "0.001"},
      {{79'276, 8}, Spelling::java_double, "7.9276E-4"},
      {{64'598 * kOne, 8}, Spelling::java_double, "64598.0"},
      {{999'999'950'000'000, 8}, Spelling::java_double, "9999999.5"},
      {{10'000'000 * kOne, 8}, Spelling::java_double, "1.0E7"},
      {{116'539'000 * kOne, 8}, Spelling::java_double, "1.16539E8"},
      {{static_cast<Int128>(10'000'000'000) * kOne, 8}, Spelling::java_double, "1.0E10"},
      {{beyond, 8}, Spelling::java_double, "2.43617374492471E12"},
      {{0, 8}, Spelling::integer_or_double, "0"},
      {{116'606'000 * kOne, 8}, Spelling::integer_or_double, "116606000"},
      {{689, 8}, Spelling::integer_or_double, "6.89E-6"},
      {{4'140'000'00, 8}, Spelling::integer_or_double, "4.14"},
      {{0, 8}, Spelling::plain, "0"},
      {{106'705'000 * kOne, 8}, Spelling::plain, "106705000"},
      {{9, 8}, Spelling::plain, "0.00000009"},
      {{beyond, 8}, Spelling::plain, "2436173744924.71"},
  };
  for (const Row& row : rows) EXPECT_EQ(spelled(row.value, row.spelling), row.text);
}

TEST(SimNumber, spellings_of_2021_are_trimmed_decimals) {
  // Goal: the column of the 2021 captures; method: numbers seen there.
  EXPECT_EQ(spelled({127 * kOne, 8}, Spelling::trimmed_decimal), "127.0");
  EXPECT_EQ(spelled({36, 8}, Spelling::trimmed_decimal), "3.6E-7");
  EXPECT_EQ(spelled({9, 8}, Spelling::trimmed_decimal), "9E-8");
  EXPECT_EQ(spelled({1'444'446'376'230'923, 8}, Spelling::trimmed_decimal), "14444463.76230923");
}

TEST(SimNumber, every_spelling_denotes_the_same_exact_value) {
  // Goal: no spelling changes a value; method: random values of all magnitudes up to 2^100, parsed
  // back by an independent reader.
  constexpr std::uint64_t kSeed = 20'261'122;
  Random random(kSeed);
  for (int round = 0; round < 20'000; ++round) {
    const auto bits = static_cast<int>(random.below(101));
    Int128 units = bits == 0 ? 0 : random.log_uniform(Int128{1} << (bits - 1), Int128{1} << bits);
    if (random.chance(20)) units -= units % 100'000;
    const Exact value{units, static_cast<int>(random.below(17))};
    for (const Spelling spelling : {Spelling::plain, Spelling::big_decimal, Spelling::java_double,
                                    Spelling::integer_or_double, Spelling::trimmed_decimal}) {
      const std::string text = spelled(value, spelling);
      ASSERT_EQ(normalise(text), normalise(value)) << text << " seed " << kSeed;
    }
    ASSERT_EQ(normalise(spelled(size_as_entered(units), Spelling::big_decimal)),
              normalise(Exact{units, kScale}))
        << "seed " << kSeed;
  }
}

TEST(SimNumber, significant_digits_round_half_up) {
  // Goal: the cut of double sums; method: hand-picked edges.
  EXPECT_EQ(to_plain(to_significant({1'234'567, 3}, 4)), "1235");
  EXPECT_EQ(to_plain(to_significant({1'234'444, 3}, 5)), "1234.4");
  EXPECT_EQ(to_plain(to_significant({9'999, 3}, 3)), "10");
  EXPECT_EQ(to_plain(to_significant({5'000, 3}, 17)), "5");
}

SyntheticProfile small_profile() {
  SyntheticProfile profile;
  profile.markets = {12, 24, 4};
  profile.frames_per_second = 400;
  return profile;
}

TEST(SimWire, orderbook_numbers_are_exact_and_cover_the_matrix) {
  // Goal: prices and sizes of every format denote the book's values, and every spelling occurs;
  // method: frames of a running market read back number by number.
  constexpr std::uint64_t kSeed = 17;
  Market market(kSeed, small_profile(), kStartMs);
  std::set<std::string> seen;
  for (int step = 0; step < 12'000; ++step) {
    const Event& event = market.step();
    if (event.kind != EventKind::book) continue;
    const Book& book = market.published_book(event.market);
    const Instrument& it = market.instruments()[event.market];
    for (const Format format : {Format::full, Format::simple_list}) {
      const bool simple = format == Format::simple_list;
      std::string frame;
      write_orderbook(frame, format, StreamType::realtime, it, book, {});
      const auto prices = values_of(frame, simple ? "ap" : "ask_price");
      const auto sizes = values_of(frame, simple ? "bs" : "bid_size");
      ASSERT_EQ(prices.size(), kDepthMax);
      ASSERT_EQ(sizes.size(), kDepthMax);
      for (std::size_t i = 0; i < kDepthMax; ++i) {
        const Level ask = i < book.asks.count ? book.asks.levels[i] : Level{};
        const Level bid = i < book.bids.count ? book.bids.levels[i] : Level{};
        ASSERT_EQ(normalise(prices[i]), normalise(Exact{ask.price, kScale})) << prices[i];
        ASSERT_EQ(normalise(sizes[i]), normalise(Exact{bid.size, kScale})) << sizes[i];
        const std::string where = simple ? "S " : "D ";
        if (ask.price == 0) seen.insert(where + "zero price " + prices[i]);
        if (bid.price == 0) seen.insert(where + "zero size " + sizes[i]);
        if (ask.price >= 10'000'000 * kOne) {
          seen.insert(where + "big price " +
                      (prices[i].find("E8") != std::string::npos ? "E" : "plain"));
        }
        if (ask.price > 0 && ask.price < 100'000) {
          seen.insert(where + "small price " +
                      (prices[i].find("E-") != std::string::npos ? "E" : "?"));
        }
        if (bid.size > 0 && bid.size < 10) seen.insert(where + "dust " + sizes[i].substr(1));
        if (bid.size > kInt64Max) seen.insert(where + "wide size");
        if (bid.size > 0 && sizes[i].back() == '0' && !sizes[i].ends_with(".0") &&
            sizes[i].find('.') != std::string::npos && sizes[i].find('E') == std::string::npos) {
          seen.insert(where + "kept zeros");
        }
      }
    }
  }
  for (const char* cell :
       {"D big price E", "S big price plain", "D small price E", "S small price E", "D dust E-8",
        "S dust .0E-8", "D wide size", "S wide size", "D kept zeros", "D zero price 0.0",
        "D zero price 0", "D zero size 0", "D zero size 0E-8", "S zero price 0",
        "S zero size 0.0"}) {
    EXPECT_TRUE(seen.contains(cell)) << cell << " seed " << kSeed;
  }
  EXPECT_FALSE(seen.contains("S kept zeros"));
}

TEST(SimWire, trade_and_ticker_frames_hold_the_exact_values) {
  // Goal: spelling and exactness of the BigDecimal fields; method: frames of a running market,
  // numbers read back.
  Market market(23, small_profile(), kStartMs);
  std::set<std::string> changes;
  for (int step = 0; step < 20'000; ++step) {
    const Event& event = market.step();
    if (event.kind != EventKind::trade) continue;
    const Instrument& it = market.instruments()[event.market];
    const Trade& trade = market.last_trade(event.market);
    const Ticker& day = market.ticker(event.market);
    std::string frame;
    write_trade(frame, Format::full, StreamType::realtime, it, trade, day.prev_closing,
                event.time_ms());
    ASSERT_EQ(value_of(frame, "trade_price"),
              spelled({trade.price, kScale}, Spelling::big_decimal));
    ASSERT_EQ(normalise(value_of(frame, "trade_volume")), normalise(Exact{trade.volume, kScale}));
    ASSERT_EQ(value_of(frame, "best_ask_size").find('E'), std::string::npos);
    ASSERT_EQ(value_of(frame, "sequential_id").size(), 17U);
    const Int128 gap = trade.price > day.prev_closing ? trade.price - day.prev_closing
                                                      : day.prev_closing - trade.price;
    if (gap == 0) {
      ASSERT_EQ(value_of(frame, "change_price"), "0E-8");
    }
    frame.clear();
    write_ticker(frame, Format::simple, StreamType::realtime, it, day, trade, event.time_ms());
    changes.insert(value_of(frame, "c"));
    ASSERT_EQ(normalise(value_of(frame, "atp")), normalise(Exact{day.acc_price_e16, 16}));
    ASSERT_EQ(normalise(value_of(frame, "atv")), normalise(Exact{day.acc_volume, kScale}));
    ASSERT_EQ(value_of(frame, "cr") == "0", gap == 0);
    ASSERT_EQ(value_of(frame, "atp24h").find('E'), std::string::npos);
    ASSERT_LE(normalise(value_of(frame, "atp24h")).digits.size(), 17U);
  }
  EXPECT_EQ(changes, (std::set<std::string>{"\"RISE\"", "\"EVEN\"", "\"FALL\""}));
}

TEST(SimWire, keys_come_in_the_documented_order) {
  // Goal: the key orders of the wire; method: one frame of each stream, compared whole.
  Instrument it;
  it.code = "KRW-BTC";
  Trade trade;
  trade.time_ms = 1'788'335'180'377;
  trade.sequential_id = 17'883'351'803'770'004;
  trade.price = 106'691'000 * kOne;
  trade.volume = 9'372;
  trade.aggressor = Aggressor::ask;
  trade.best_ask = {106'705'000 * kOne, 906'333};
  trade.best_bid = {106'691'000 * kOne, 702'247};
  std::string frame;
  write_trade(frame, Format::full, StreamType::snapshot, it, trade, 107'005'000 * kOne,
              1'788'335'180'423);
  EXPECT_EQ(
      frame,
      R"({"type":"trade","code":"KRW-BTC","timestamp":1788335180423,"trade_date":"2026-09-02",)"
      R"("trade_time":"07:46:20","trade_timestamp":1788335180377,"trade_price":106691000.00000000,)"
      R"("trade_volume":0.00009372,"ask_bid":"ASK","prev_closing_price":107005000.00000000,)"
      R"("change":"FALL","change_price":314000.00000000,"sequential_id":17883351803770004,)"
      R"("best_ask_price":106705000,"best_ask_size":0.00906333,"best_bid_price":106691000,)"
      R"("best_bid_size":0.00702247,"stream_type":"SNAPSHOT"})");
  Book book;
  book.asks.levels[0] = {116'539'000 * kOne, 2'054'761};
  book.bids.levels[0] = {116'538'000 * kOne, 8'120'946};
  book.asks.count = book.bids.count = 1;
  book.time_ms = 1'790'134'742'106;
  frame.clear();
  write_orderbook(frame, Format::simple_list, StreamType::realtime, it, book,
                  {1, 0, true, Era::y2026});
  EXPECT_EQ(
      frame,
      R"([{"ty":"orderbook","cd":"KRW-BTC","tms":1790134742106,"tas":0.02054761,"tbs":0.08120946,)"
      R"("obu":[{"ap":116539000,"bp":116538000,"as":0.02054761,"bs":0.08120946}],)"
      R"("st":"REALTIME","lv":0}])");
  const Candle candle{1'785'397'500,
                      91'154'000 * kOne,
                      91'157'000 * kOne,
                      91'142'000 * kOne,
                      91'157'000 * kOne,
                      15'511'395,
                      static_cast<Int128>(1'413'944'826'754'000) * kOne,
                      1'785'397'531'885};
  frame.clear();
  write_candle(frame, Format::full, StreamType::snapshot, it, 1, candle);
  EXPECT_EQ(frame,
            R"({"type":"candle.1m","code":"KRW-BTC","candle_date_time_utc":"2026-07-30T07:45:00",)"
            R"("candle_date_time_kst":"2026-07-30T16:45:00","opening_price":91154000.00000000,)"
            R"("high_price":91157000.00000000,"low_price":91142000.00000000,)"
            R"("trade_price":91157000.00000000,"candle_acc_trade_volume":0.15511395,)"
            R"("candle_acc_trade_price":14139448.26754000,"timestamp":1785397531885,)"
            R"("stream_type":"SNAPSHOT"})");
}

TEST(SimWire, frames_of_2021_have_their_own_keys_and_spelling) {
  // Goal: the old SIMPLE form; method: one trade and one book, compared whole.
  Instrument it;
  it.code = "KRW-IQ";
  Trade trade;
  trade.time_ms = 1'617'646'620'000;
  trade.sequential_id = 16'176'466'200'000'000;
  trade.price = 412 * kOne / 10;
  trade.volume = 1'211'168'782'622;
  trade.aggressor = Aggressor::ask;
  std::string frame;
  write_trade(frame, Format::simple, StreamType::realtime, it, trade, 432 * kOne / 10,
              1'617'646'621'082, Era::y2021);
  EXPECT_EQ(frame,
            R"({"ty":"trade","cd":"KRW-IQ","tms":1617646621082,"td":"2021-04-05","ttm":"18:17",)"
            R"("ttms":1617646620000,"tp":41.2,"tv":12111.68782622,"ab":"ASK","pcp":43.20000000,)"
            R"("c":"FALL","cp":2.00000000,"sid":16176466200000000,"st":"REALTIME"})");
  Book book;
  book.asks.levels[0] = {42 * kOne, 30 * kOne};
  book.bids.levels[0] = {412 * kOne / 10, 2'434'789'599'112};
  book.asks.count = book.bids.count = 1;
  book.time_ms = 1'617'646'620'673;
  frame.clear();
  write_orderbook(frame, Format::simple, StreamType::realtime, it, book, {1, 0, false, Era::y2021});
  EXPECT_EQ(
      frame,
      R"({"ty":"orderbook","cd":"KRW-IQ","tms":1617646620673,"tas":30.0,"tbs":24347.89599112,)"
      R"("obu":[{"ap":42.0,"bp":41.2,"as":30.0,"bs":24347.89599112}],"st":"REALTIME"})");
}

}  // namespace
}  // namespace upfeed::sim
