#include "outlet.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "pipeline_harness.hpp"
#include "seed.hpp"

namespace {

using namespace upfeed;

std::string code_of(std::size_t i) {
  return "KRW-C" + std::to_string(i);
}

// Goal: with room in the ring nothing waits. Method: a few frames, one poll.
TEST(Outlet, with_room_every_event_goes_straight_through) {
  PipelineHarness pipe;
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  EXPECT_FALSE(pipe.outlet.pending());
  EXPECT_EQ(pipe.poll(), 2U);
}

// Goal: a book of 5 units takes the room of 5 units, whatever was claimed for it. Method: the
// ring's own count of used bytes.
TEST(Outlet, records_are_as_large_as_what_is_in_them) {
  PipelineHarness pipe;
  for (const int units : {1, 5, 15, 30}) {
    const std::size_t before = pipe.ring.used_bytes();
    pipe.push(PipelineHarness::book("KRW-BTC", units, 100, units));
    const std::size_t payload =
        sizeof(OrderbookEvent) + static_cast<std::size_t>(units) * sizeof(BookUnit);
    EXPECT_EQ(pipe.ring.used_bytes() - before, SpscRing::footprint_bytes(payload)) << units;
  }
  const std::size_t before = pipe.ring.used_bytes();
  pipe.push(PipelineHarness::trade("KRW-BTC", 1));
  EXPECT_EQ(pipe.ring.used_bytes() - before, SpscRing::footprint_bytes(sizeof(TradeEvent)));
}

// Goal: while the reader stands still, books and tickers keep their newest value, trades are lost
// by name, and every event is accounted for. Method: flood a small ring, then drain and add up.
TEST(Outlet, overflow_keeps_newest_values_and_names_what_was_lost) {
  PipelineHarness pipe;
  constexpr std::size_t kCodes = 20;
  constexpr int kRounds = 200;
  std::map<std::string, std::int64_t> last_book;
  std::map<std::string, std::uint64_t> trades_seen;
  std::vector<LossEvent> losses;
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < kCodes; ++i) codes.push_back(code_of(i));
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(EventKind::orderbook, codes,
                                OrderbookCallback([&](const OrderbookEvent& e, const Book& book) {
                                  EXPECT_TRUE(book.live());
                                  last_book[std::string(e.code.view())] = e.timestamp.wire();
                                })));
  kept.push_back(pipe.subscribe(EventKind::trade, codes, TradeCallback([&](const TradeEvent& e) {
                                  ++trades_seen[std::string(e.code.view())];
                                })));
  kept.push_back(pipe.subscribe(EventKind::loss, {},
                                LossCallback([&](const LossEvent& e) { losses.push_back(e); })));
  pipe.poll();
  for (int round = 1; round <= kRounds; ++round) {
    for (std::size_t i = 0; i < kCodes; ++i) {
      pipe.push(PipelineHarness::book(code_of(i), round, 1000 + round));
      pipe.push(PipelineHarness::trade(code_of(i), static_cast<std::uint64_t>(round)));
    }
  }
  EXPECT_TRUE(pipe.outlet.pending());
  pipe.drain();
  std::uint64_t dropped = 0;
  std::uint64_t conflated = 0;
  std::uint64_t last_lost = 0;
  for (const LossEvent& loss : losses) {
    dropped += loss.dropped;
    conflated += loss.conflated;
    if (loss.lost_kind == EventKind::trade) {
      EXPECT_EQ(loss.last_sequential_id - loss.first_sequential_id + 1, loss.dropped);
      last_lost = std::max(last_lost, loss.last_sequential_id);
    }
  }
  EXPECT_EQ(last_lost, static_cast<std::uint64_t>(kRounds));
  for (const std::string& code : codes) EXPECT_EQ(last_book[code], kRounds) << code;
  const auto& trades = pipe.stream(EventKind::trade);
  const auto& books = pipe.stream(EventKind::orderbook);
  EXPECT_EQ(dropped, trades.dropped.get());
  EXPECT_EQ(conflated, books.conflated.get());
  EXPECT_GT(dropped, 0U);
  EXPECT_GT(conflated, 0U);
  EXPECT_EQ(trades.received.get(), pipe.delivered(EventKind::trade) + trades.dropped.get());
  EXPECT_EQ(books.received.get(), pipe.delivered(EventKind::orderbook) + books.conflated.get());
}

// Goal: waiting values leave as soon as there is room, without another frame. Method: overflow, one
// poll, flush.
TEST(Outlet, flush_alone_empties_the_pending_table) {
  PipelineHarness pipe;
  for (int i = 0; i < 300; ++i) pipe.push(PipelineHarness::ticker("KRW-BTC", 1000 + i));
  ASSERT_TRUE(pipe.outlet.pending());
  pipe.poll();
  EXPECT_GT(pipe.outlet.flush(), 0U);
  EXPECT_FALSE(pipe.outlet.pending());
}

// Goal: data of a new epoch never overtakes the status of the old one's end. Method: overflow, an
// end of epoch 1 in the queue, a newer value in epoch 2 for a key that waits already.
TEST(Outlet, a_value_of_a_new_epoch_moves_behind_the_status) {
  PipelineHarness pipe;
  std::vector<std::string> order;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, TickerCallback([&](const auto& e) {
                                  order.push_back("ticker " + std::to_string(e.epoch));
                                })));
  kept.push_back(pipe.subscribe(EventKind::status, {}, StatusCallback([&](const StatusEvent& e) {
                                  order.push_back("end of " + std::to_string(e.epoch));
                                })));
  pipe.poll();
  for (int i = 0; i < 300; ++i) pipe.push(PipelineHarness::ticker("KRW-BTC", 1000 + i));
  ASSERT_TRUE(pipe.outlet.pending());
  pipe.push_status(SessionState::live, SessionState::backing_off);
  pipe.epoch = 2;
  pipe.push(PipelineHarness::ticker("KRW-BTC", 5000));
  pipe.drain();
  ASSERT_GE(order.size(), 2U);
  EXPECT_EQ(order[order.size() - 2], "end of 1");
  EXPECT_EQ(order.back(), "ticker 2");
}

// Goal: that streams were lost reaches the reader, or at least that something of them did not, even
// when they are more than can wait. Method: 400 such states while the ring is full.
TEST(Outlet, no_loss_of_a_stream_is_lost_without_a_word) {
  PipelineHarness pipe;
  std::uint64_t told = 0;
  std::uint64_t hidden = 0;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(EventKind::status, {}, StatusCallback([&](const StatusEvent& e) {
                                  told += e.lost_kind == EventKind::trade ? 1 : 0;
                                })));
  kept.push_back(pipe.subscribe(EventKind::loss, {}, LossCallback([&](const LossEvent& e) {
                                  if (e.lost_kind == EventKind::status) hidden += e.dropped;
                                })));
  kept.push_back(
      pipe.subscribe(EventKind::ticker, {"KRW-BTC"}, TickerCallback([](const TickerEvent&) {})));
  pipe.poll();
  for (int i = 0; i < 300; ++i) pipe.push(PipelineHarness::ticker("KRW-BTC", 1000 + i));
  ASSERT_TRUE(pipe.outlet.pending());
  for (int i = 0; i < 400; ++i) pipe.push_lost(EventKind::trade, "KRW-BTC");
  pipe.drain();
  EXPECT_GT(hidden, 0U);
  EXPECT_EQ(told + hidden, 400U);
}

// Goal: a refused frame is charged to its market and makes its book stale. Method: a good book,
// then one with a broken number.
TEST(Outlet, a_refused_book_is_reported_and_its_book_goes_stale) {
  PipelineHarness pipe;
  const Book* seen = nullptr;
  std::uint64_t refused = 0;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(
      EventKind::orderbook, {"KRW-BTC"},
      OrderbookCallback([&](const OrderbookEvent&, const Book& book) { seen = &book; })));
  kept.push_back(pipe.subscribe(EventKind::loss, {},
                                LossCallback([&](const LossEvent& e) { refused += e.refused; })));
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  pipe.drain();
  ASSERT_NE(seen, nullptr);
  EXPECT_TRUE(seen->live());
  std::string broken = PipelineHarness::book("KRW-BTC", 2, 100);
  broken.replace(broken.find("0.25"), 4, "0x25");
  EXPECT_FALSE(pipe.push(broken).ok());
  pipe.drain();
  EXPECT_EQ(refused, 1U);
  EXPECT_EQ(seen->state(), BookState::stale);
  EXPECT_EQ(seen->fault(), BookFault::records_lost);
  EXPECT_FALSE(seen->best_bid().has_value());
  pipe.push(PipelineHarness::book("KRW-BTC", 3, 100));
  pipe.drain();
  EXPECT_TRUE(seen->live());
}

// Goal: a refusal is not undone by an older value that waited. Method: overflow with a book
// pending, then a refused frame of the same market.
TEST(Outlet, a_pending_book_never_follows_the_refusal_of_a_newer_one) {
  PipelineHarness pipe;
  const Book* seen = nullptr;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(
      EventKind::orderbook, {"KRW-BTC"},
      OrderbookCallback([&](const OrderbookEvent&, const Book& book) { seen = &book; })));
  pipe.poll();
  for (int i = 0; i < 300; ++i) pipe.push(PipelineHarness::ticker("KRW-FILL", 1000 + i));
  ASSERT_TRUE(pipe.outlet.pending());
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  std::string broken = PipelineHarness::book("KRW-BTC", 2, 100);
  broken.replace(broken.find("0.25"), 4, "0x25");
  ASSERT_FALSE(pipe.push(broken).ok());
  pipe.drain();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(seen->state(), BookState::stale);
  pipe.push(PipelineHarness::book("KRW-BTC", 3, 100));
  pipe.drain();
  EXPECT_TRUE(seen->live());
}

// Goal: a frame whose market cannot be told makes every book stale. Method: no JSON at all.
TEST(Outlet, an_unreadable_frame_makes_every_book_stale) {
  PipelineHarness pipe;
  const Book* seen = nullptr;
  std::vector<LossEvent> losses;
  std::vector<std::shared_ptr<detail::Subscription>> kept;
  kept.push_back(pipe.subscribe(
      EventKind::orderbook, {"KRW-BTC"},
      OrderbookCallback([&](const OrderbookEvent&, const Book& book) { seen = &book; })));
  kept.push_back(pipe.subscribe(EventKind::loss, {},
                                LossCallback([&](const LossEvent& e) { losses.push_back(e); })));
  pipe.poll();
  pipe.push(PipelineHarness::book("KRW-BTC", 1, 100));
  pipe.push("{\"type\":\"orderbook\",");
  pipe.drain();
  ASSERT_NE(seen, nullptr);
  EXPECT_EQ(seen->state(), BookState::stale);
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_EQ(losses[0].refused, 1U);
  EXPECT_FALSE(losses[0].market.valid());
}

// Goal: the accounting rule holds whatever the interleaving. Method: random pushes, polls and
// flushes with random limits; at the end all adds up and each final value is the newest.
TEST(Outlet, random_interleavings_lose_nothing_unaccounted) {
  const std::uint64_t first_seed = test_seed();
  for (std::uint64_t seed = first_seed; seed < first_seed + 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    PipelineHarness pipe(64U << 10U, 32);
    std::map<std::string, std::int64_t> pushed;
    std::map<std::string, std::int64_t> seen;
    std::uint64_t told_dropped = 0;
    std::vector<std::string> codes;
    for (std::size_t i = 0; i < 12; ++i) codes.push_back(code_of(i));
    std::vector<std::shared_ptr<detail::Subscription>> kept;
    kept.push_back(pipe.subscribe(EventKind::orderbook, codes,
                                  OrderbookCallback([&](const OrderbookEvent& e, const Book&) {
                                    seen[std::string(e.code.view())] = e.timestamp.wire();
                                  })));
    kept.push_back(pipe.subscribe(
        EventKind::loss, {}, LossCallback([&](const LossEvent& e) { told_dropped += e.dropped; })));
    pipe.poll();
    for (int step = 1; step < 3000; ++step) {
      const std::string code = codes[random() % codes.size()];
      if (random() % 3 == 0) {
        pipe.push(PipelineHarness::trade(code, static_cast<std::uint64_t>(step)));
      } else {
        pipe.push(PipelineHarness::book(code, step, 1000));
        pushed[code] = step;
      }
      if (random() % 97 == 0) pipe.poll(random() % 60);
      if (random() % 50 == 0) pipe.outlet.flush();
    }
    pipe.drain();
    const auto& trades = pipe.stream(EventKind::trade);
    const auto& books = pipe.stream(EventKind::orderbook);
    EXPECT_EQ(pushed, seen);
    EXPECT_EQ(told_dropped, trades.dropped.get());
    EXPECT_EQ(books.dropped.get(), 0U);
    EXPECT_EQ(trades.received.get(), pipe.delivered(EventKind::trade) + trades.dropped.get());
    EXPECT_EQ(books.received.get(), pipe.delivered(EventKind::orderbook) + books.conflated.get());
  }
}

// Goal: more keys than the table holds are dropped and counted, not confused. Method: 40 books into
// a table of 8 behind a full ring.
TEST(Outlet, keys_beyond_the_table_are_dropped_and_counted) {
  PipelineHarness pipe(64U << 10U, 8);
  for (int i = 0; i < 300; ++i) pipe.push(PipelineHarness::ticker("KRW-FILL", 1000 + i));
  ASSERT_TRUE(pipe.outlet.pending());
  for (std::size_t i = 0; i < 40; ++i) pipe.push(PipelineHarness::book(code_of(i), 1, 100));
  const auto& books = pipe.stream(EventKind::orderbook);
  EXPECT_EQ(books.dropped.get(), 33U);
  pipe.drain();
  EXPECT_EQ(pipe.delivered(EventKind::orderbook), 7U);
}

}  // namespace
