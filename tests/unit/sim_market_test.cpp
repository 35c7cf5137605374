// The simulator's synthetic market: trades, books, tickers and candles that agree.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/market.hpp"
#include "sim/wire.hpp"

namespace upfeed::sim {
namespace {

constexpr std::int64_t kStartMs = 1'790'134'742'000;  // 2026-09-23T02:19:02Z
constexpr Int128 kInt64Max = std::numeric_limits<std::int64_t>::max();

SyntheticProfile small_profile() {
  SyntheticProfile profile;
  profile.markets = {12, 6, 4};
  profile.frames_per_second = 400;
  return profile;
}

TEST(SimMarket, default_has_the_size_and_codes_of_the_real_exchange) {
  // Goal: 855 distinct codes with the known ones among them, valid prices and thin BTC books.
  const Market market(1, {}, kStartMs);
  std::map<std::string, int> quotes;
  std::set<std::string> codes;
  int thin = 0;
  for (const Instrument& it : market.instruments()) {
    ++quotes[it.code.substr(0, it.code.find('-'))];
    EXPECT_TRUE(codes.insert(it.code).second) << it.code;
    EXPECT_EQ(it.reference_price % tick_size(it.quote, it.reference_price), 0) << it.code;
    const Book& book = market.published_book(market.find(it.code));
    EXPECT_TRUE(is_sound(book)) << it.code;
    if (it.quote == Quote::btc && (book.asks.count < kDepthMax || book.bids.count < kDepthMax)) {
      ++thin;
    }
  }
  EXPECT_EQ(quotes, (std::map<std::string, int>{{"BTC", 328}, {"KRW", 289}, {"USDT", 238}}));
  for (const char* code : {"KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-DOGE", "KRW-SOL", "KRW-USDT",
                           "KRW-BTT", "KRW-SHIB", "KRW-PEPE", "KRW-1INCH", "BTC-ETH", "USDT-BTC"}) {
    EXPECT_TRUE(codes.contains(code)) << code;
  }
  EXPECT_GT(thin, 328 / 2);
  EXPECT_LT(thin, 328);
}

TEST(SimMarket, tick_tables_match_the_documented_rows) {
  // Goal: the KRW, USDT and BTC price steps; method: one price per row and its edges.
  EXPECT_EQ(tick_size(Quote::krw, 116'538'000 * kOne), 1'000 * kOne);
  EXPECT_EQ(tick_size(Quote::krw, 1'000'000 * kOne), 1'000 * kOne);
  EXPECT_EQ(tick_size(Quote::krw, 999'999 * kOne), 500 * kOne);
  EXPECT_EQ(tick_size(Quote::krw, 100'000 * kOne), 100 * kOne);
  EXPECT_EQ(tick_size(Quote::krw, 5'000 * kOne), 5 * kOne);
  EXPECT_EQ(tick_size(Quote::krw, 100 * kOne), kOne);
  EXPECT_EQ(tick_size(Quote::krw, 99 * kOne), kOne / 10);
  EXPECT_EQ(tick_size(Quote::krw, kOne), kOne / 100);
  EXPECT_EQ(tick_size(Quote::krw, 48'800), 100);
  EXPECT_EQ(tick_size(Quote::krw, 900), 1);
  EXPECT_EQ(tick_size(Quote::usdt, 64'000 * kOne), kOne / 100);
  EXPECT_EQ(tick_size(Quote::usdt, kOne), kOne / 1'000);
  EXPECT_EQ(tick_size(Quote::usdt, 9'999), 1);
  EXPECT_EQ(tick_size(Quote::btc, 689), 1);
}

/// Recomputes ticker sums and candles from the trades alone.
struct Shadow {
  Ticker ticker;
  std::array<Candle, kCandleTypes.size()> candles;
  Trade last;
  std::array<std::map<std::int64_t, Candle>, kCandleTypes.size()> final_candles;
  std::array<std::map<std::int64_t, Candle>, kCandleTypes.size()> sent_candles;
};

void apply(Shadow& shadow, const Trade& trade) {
  const Int128 turnover = static_cast<Int128>(trade.price) * trade.volume;
  Ticker& ticker = shadow.ticker;
  ticker.acc_volume += trade.volume;
  ticker.acc_volume_24h += trade.volume;
  ticker.acc_price_e16 += turnover;
  ticker.acc_price_24h_e16 += turnover;
  (trade.aggressor == Aggressor::ask ? ticker.acc_ask_volume : ticker.acc_bid_volume) +=
      trade.volume;
  ticker.high = std::max(ticker.high, trade.price);
  ticker.low = std::min(ticker.low, trade.price);
  for (std::size_t i = 0; i < kCandleTypes.size(); ++i) {
    const std::int64_t length_ms = kCandleSeconds[i] * 1000;
    const std::int64_t start_s = trade.time_ms / length_ms * kCandleSeconds[i];
    Candle& candle = shadow.candles[i];
    if (candle.start_s != start_s) {
      candle = {start_s, trade.price, trade.price, trade.price, trade.price, 0, 0, 0};
    }
    candle.high = std::max(candle.high, trade.price);
    candle.low = std::min(candle.low, trade.price);
    candle.closing = trade.price;
    candle.volume += trade.volume;
    candle.turnover_e16 += turnover;
    candle.last_trade_ms = trade.time_ms;
    shadow.final_candles[i][start_s] = candle;
  }
  shadow.last = trade;
}

bool same(const Candle& a, const Candle& b) {
  return a.start_s == b.start_s && a.opening == b.opening && a.high == b.high && a.low == b.low &&
         a.closing == b.closing && a.volume == b.volume && a.turnover_e16 == b.turnover_e16 &&
         a.last_trade_ms == b.last_trade_ms;
}

bool same(const Level& a, const Level& b) {
  return a.price == b.price && a.size == b.size;
}

void check_trade(const Market& market, std::uint32_t index, const Book& before, Shadow& shadow) {
  const Trade& trade = market.last_trade(index);
  const Level& hit = trade.aggressor == Aggressor::bid ? trade.best_ask : trade.best_bid;
  ASSERT_EQ(trade.price, hit.price);
  ASSERT_GT(trade.volume, 0);
  ASSERT_LE(trade.volume, hit.size);
  ASSERT_LT(trade.best_bid.price, trade.best_ask.price);
  ASSERT_TRUE(same(trade.best_ask, before.asks.best()));
  ASSERT_TRUE(same(trade.best_bid, before.bids.best()));
  ASSERT_GE(trade.time_ms, shadow.last.time_ms);
  ASSERT_GT(trade.sequential_id, shadow.last.sequential_id);
  ASSERT_EQ(trade.sequential_id / 10'000, static_cast<std::uint64_t>(trade.time_ms));
  apply(shadow, trade);
  const Ticker& ticker = market.ticker(index);
  ASSERT_EQ(ticker.acc_volume, shadow.ticker.acc_volume);
  ASSERT_EQ(ticker.acc_price_e16, shadow.ticker.acc_price_e16);
  ASSERT_EQ(ticker.acc_price_24h_e16, shadow.ticker.acc_price_24h_e16);
  ASSERT_EQ(ticker.acc_volume, ticker.acc_ask_volume + ticker.acc_bid_volume);
  ASSERT_EQ(ticker.acc_bid_volume, shadow.ticker.acc_bid_volume);
  ASSERT_LE(ticker.low, trade.price);
  ASSERT_GE(ticker.high, trade.price);
  ASSERT_LE(ticker.lowest_52w, ticker.low);
  ASSERT_GE(ticker.highest_52w, ticker.high);
  ASSERT_GE(ticker.acc_volume_24h, ticker.acc_volume);
}

void run_market(std::uint64_t seed, int steps) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Market market(seed, small_profile(), kStartMs);
  std::vector<Shadow> shadows(market.instruments().size());
  std::vector<Book> live(shadows.size());
  for (std::uint32_t i = 0; i < shadows.size(); ++i) {
    shadows[i].ticker = market.ticker(i);
    shadows[i].last = market.last_trade(i);
    live[i] = market.live_book(i);
    for (std::size_t k = 0; k < kCandleTypes.size(); ++k)
      shadows[i].candles[k] = market.candle(i, k);
  }
  std::int64_t last_us = 0;
  for (int step = 0; step < steps; ++step) {
    const std::int64_t due_us = market.next_due_us();
    const Event& event = market.step();
    ASSERT_GE(event.time_us, last_us);
    ASSERT_LE(due_us, event.time_us);
    last_us = event.time_us;
    const std::uint32_t index = event.market;
    Shadow& shadow = shadows[index];
    if (event.kind == EventKind::trade) {
      check_trade(market, index, live[index], shadow);
      if (testing::Test::HasFatalFailure()) return;
    } else if (event.kind == EventKind::book) {
      ASSERT_TRUE(is_sound(market.published_book(index)));
      ASSERT_EQ(market.published_book(index).time_ms, event.time_ms());
    } else {
      shadow.sent_candles[event.candle_index][event.candle.start_s] = event.candle;
    }
    ASSERT_TRUE(is_sound(market.live_book(index)));
    // A candle that is over is announced just before the trade that ended it.
    if (event.kind != EventKind::candle) live[index] = market.live_book(index);
  }
  // What was sent last of each candle that is over is the whole candle.
  for (const Shadow& shadow : shadows) {
    for (std::size_t k = 0; k < kCandleTypes.size(); ++k) {
      for (const auto& [start_s, candle] : shadow.final_candles[k]) {
        if (&candle == &shadow.final_candles[k].rbegin()->second) continue;
        const auto sent = shadow.sent_candles[k].find(start_s);
        ASSERT_NE(sent, shadow.sent_candles[k].end());
        ASSERT_TRUE(same(sent->second, candle)) << kCandleTypes[k] << " " << start_s;
      }
    }
  }
}

TEST(SimMarket, trades_books_tickers_and_candles_agree) {
  // Goal: one consistent market whatever the seed; method: 60 seeds, every event checked against
  // sums and candles recomputed from the trades.
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    run_market(seed, 4'000);
    if (HasFatalFailure()) return;
  }
}

TEST(SimMarket, same_seed_is_the_same_market_and_another_is_not) {
  // Goal: determinism; method: the frames of two runs compared, then a run with another seed.
  const auto run = [](std::uint64_t seed) {
    Market market(seed, small_profile(), kStartMs);
    std::string frames;
    for (int i = 0; i < 3'000; ++i) {
      const Event& event = market.step();
      const Instrument& it = market.instruments()[event.market];
      write_orderbook(frames, Format::full, StreamType::realtime, it,
                      market.published_book(event.market), {});
      write_ticker(frames, Format::full, StreamType::realtime, it, market.ticker(event.market),
                   market.last_trade(event.market), event.time_ms());
    }
    return frames;
  };
  const std::string first = run(7);
  EXPECT_EQ(first, run(7));
  EXPECT_NE(first, run(8));
}

TEST(SimMarket, default_profile_makes_its_frames_on_a_100_ms_grid) {
  // Goal: the promised pace and the grid; method: one minute of market time, frames counted, stamps
  // of KRW-BTC taken mod 100.
  Market market(3, {}, kStartMs);
  std::uint64_t frames = 0;
  std::set<std::int64_t> phases;
  const std::uint32_t bitcoin = market.find("KRW-BTC");
  std::set<std::uint32_t> changed;
  while (market.next_due_us() < (kStartMs + 60'000) * 1000) {
    const Event& event = market.step();
    if (event.kind == EventKind::trade) frames += 2;
    if (event.kind == EventKind::book) ++frames;
    if (event.kind == EventKind::book) changed.insert(event.market);
    if (event.kind == EventKind::book && event.market == bitcoin) {
      phases.insert(event.time_ms() % 100);
    }
  }
  EXPECT_GE(frames, 60U * 1'000);
  EXPECT_LE(frames, 60U * 1'500);
  EXPECT_EQ(phases.size(), 1U);
  EXPECT_LT(changed.size(), market.instruments().size());  // some markets stay quiet for a minute
  EXPECT_GT(changed.size(), 400U);
}

/// When the frames of one second were due, in microseconds after the first, by kind.
std::map<EventKind, std::vector<std::int64_t>> due_times(Pacing pacing) {
  SyntheticProfile profile = small_profile();
  profile.frames_per_second = 900;
  profile.pacing = pacing;
  Market market(3, profile, kStartMs);
  const std::int64_t first_us = market.next_due_us();
  std::map<EventKind, std::vector<std::int64_t>> times;
  while (market.next_due_us() < first_us + 1'000'000) {
    const Event& event = market.step();
    if (event.kind == EventKind::candle) continue;
    EXPECT_EQ(event.with_ticker, pacing == Pacing::market);
    times[event.kind].push_back(event.time_us - first_us);
  }
  return times;
}

TEST(SimMarket, even_pacing_gives_every_frame_a_moment_of_its_own) {
  // Goal: frame by frame at even distances, in the promised mix; method: a second at 900 a second.
  const auto times = due_times(Pacing::even);
  EXPECT_EQ(times.at(EventKind::book).size(), 600U);
  EXPECT_EQ(times.at(EventKind::trade).size(), 150U);
  EXPECT_EQ(times.at(EventKind::ticker).size(), 150U);
  std::set<std::int64_t> all;
  for (const auto& [kind, list] : times) all.insert(list.begin(), list.end());
  ASSERT_EQ(all.size(), 900U);
  std::int64_t before = -1'111;
  for (const std::int64_t time_us : all) {
    EXPECT_NEAR(static_cast<double>(time_us - before), 1e6 / 900, 1.0);
    before = time_us;
  }
}

TEST(SimMarket, burst_pacing_has_ten_phases_of_the_grid) {
  // Goal: all frames of 10 ms at once; method: a second at 900 a second.
  std::map<std::int64_t, int> bursts;
  for (const auto& [kind, list] : due_times(Pacing::burst)) {
    for (const std::int64_t time_us : list) ++bursts[time_us];
  }
  ASSERT_EQ(bursts.size(), 100U);
  for (const auto& [time_us, frames] : bursts) {
    EXPECT_EQ(time_us % 10'000, 0);
    EXPECT_EQ(frames, 9);
  }
}

TEST(SimMarket, bittorrent_class_sizes_exceed_int64) {
  // Goal: levels, trades and sums beyond 2^63 at 1e-8; method: run until each was seen, bounded.
  Market market(5, small_profile(), kStartMs);
  const std::uint32_t index = market.find("KRW-BTT");
  bool big_level = false;
  bool big_trade = false;
  for (int i = 0; i < 400'000 && !(big_level && big_trade); ++i) {
    const Event& event = market.step();
    if (event.market != index) continue;
    for (std::size_t k = 0; k < kDepthMax; ++k) {
      big_level = big_level || market.published_book(index).asks.levels[k].size > kInt64Max;
    }
    big_trade = big_trade || market.last_trade(index).volume > kInt64Max;
  }
  EXPECT_TRUE(big_level);
  EXPECT_TRUE(big_trade);
  EXPECT_GT(market.ticker(index).acc_volume_24h, static_cast<Int128>(1'000'000'000'000) * kOne);
}

TEST(SimMarket, day_ends_at_utc_midnight) {
  // Goal: the daily figures restart and the close is carried over; method: start two seconds before
  // midnight with one market.
  SyntheticProfile profile;
  profile.markets = {1, 0, 0};
  const std::int64_t midnight_ms = kStartMs / 86'400'000 * 86'400'000 + 86'400'000;
  Market market(11, profile, midnight_ms - 2'000);
  std::int64_t closing = market.last_trade(0).price;
  for (;;) {
    const Event& event = market.step();
    if (event.kind != EventKind::trade) continue;
    const Trade& trade = market.last_trade(0);
    if (trade.time_ms >= midnight_ms) break;
    closing = trade.price;
  }
  const Trade& trade = market.last_trade(0);
  const Ticker& ticker = market.ticker(0);
  EXPECT_EQ(ticker.prev_closing, closing);
  EXPECT_EQ(ticker.opening, trade.price);
  EXPECT_EQ(ticker.acc_volume, trade.volume);
  EXPECT_GT(ticker.acc_volume_24h, ticker.acc_volume);
}

TEST(SimBook, grouping_rounds_outwards_and_adds_exactly) {
  // Goal: the level parameter; method: a small book by hand.
  Book book;
  book.asks.levels[0] = {101 * kOne, 1};
  book.asks.levels[1] = {109 * kOne, 2};
  book.asks.levels[2] = {110 * kOne, 3};
  book.asks.levels[3] = {111 * kOne, 4};
  book.asks.count = 4;
  book.bids.levels[0] = {100 * kOne, 5};
  book.bids.levels[1] = {99 * kOne, 6};
  book.bids.levels[2] = {91 * kOne, 7};
  book.bids.levels[3] = {9 * kOne, 8};
  book.bids.count = 4;
  const Book seen = grouped(book, 10 * kOne);
  ASSERT_EQ(seen.asks.count, 2U);
  EXPECT_TRUE(same(seen.asks.levels[0], {110 * kOne, 6}));
  EXPECT_TRUE(same(seen.asks.levels[1], {120 * kOne, 4}));
  ASSERT_EQ(seen.bids.count, 2U);
  EXPECT_TRUE(same(seen.bids.levels[0], {100 * kOne, 5}));
  EXPECT_TRUE(same(seen.bids.levels[1], {90 * kOne, 13}));
}

}  // namespace
}  // namespace upfeed::sim
