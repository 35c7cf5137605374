// What an exchange may do that is legal or nearly so: floods of pings, snapshots out of place,
// trades twice and out of order, books that cross, clocks that are off. Nothing of it costs the
// connection or goes by unseen.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// The newest copy of each book.
struct Books {
  std::mutex mutex;
  std::map<std::string, Book> newest;
  std::atomic<int> events = 0;
  OrderbookCallback callback() {
    return OrderbookCallback([this](const OrderbookEvent& event, const Book& book) {
      const std::lock_guard lock(mutex);
      newest.insert_or_assign(std::string(event.code.view()), book);
      ++events;
    });
  }
};

/// Frames stand still: what was sent has been delivered.
void wait_for_silence(const Feed& feed) {
  std::uint64_t before = 0;
  ASSERT_TRUE(eventually([&] {
    const std::uint64_t received = feed.metrics().total().received;
    const bool still = received > 0 && received == std::exchange(before, received);
    std::this_thread::sleep_for(100ms);
    return still && feed.metrics().total().queued == 0;
  }));
}

// Goal: 10,000 pings at once are answered or passed over, data goes on, the connection lives.
TEST(FeedOddities, a_flood_of_pings_harms_nothing) {
  LiveHarness live(LiveHarness::small(500));
  Feed feed = live.feed();
  Client client = feed.client("test");
  std::atomic<int> tickers = 0;
  ASSERT_TRUE(
      client.subscribe_ticker(live.server->codes(), [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return tickers > 50; }));
  live.server->fault(sim::faults::ping_flood(10'000));
  const int before = tickers;
  EXPECT_TRUE(eventually([&] { return tickers > before + 300; }));
  EXPECT_EQ(feed.metrics().reconnects, 0U);
  EXPECT_EQ(feed.health().state, HealthState::healthy);
  EXPECT_TRUE(feed.stop().ok());
}

// Goal: wherever snapshots come, behind REALTIME frames, twice or not at all, each final book is
// the exchange's own, since each frame is a whole book. Method: until the exchange falls silent.
TEST(FeedOddities, snapshots_may_come_late_twice_or_never) {
  for (const sim::SnapshotOrder order :
       {sim::SnapshotOrder::after_realtime, sim::SnapshotOrder::both_twice,
        sim::SnapshotOrder::none}) {
    sim::SimConfig sim = LiveHarness::small(2'000);
    sim.frame_limit = 4'000;
    sim.faults = {sim::faults::snapshots(order)};
    LiveHarness live(sim);
    Feed feed = live.feed();
    Client client = feed.client("test");
    Books books;
    ASSERT_TRUE(client.subscribe_orderbook(live.server->codes(), books.callback()).ok());
    ASSERT_TRUE(feed.start().ok());
    ASSERT_TRUE(eventually([&] { return books.events > 100; }));
    wait_for_silence(feed);
    std::size_t compared = 0;
    const std::lock_guard lock(books.mutex);
    for (const auto& [code, book] : books.newest) {
      // A snapshot that comes late is the state of when it was asked for.
      if (!book.live()) continue;
      ++compared;
      EXPECT_EQ(exact_json(book), live.server->book_json(code)) << code;
    }
    EXPECT_GT(compared, 5U);
    EXPECT_EQ(feed.metrics().total().refused, 0U);
    EXPECT_EQ(feed.metrics().reconnects, 0U);
  }
}

// Goal: a trade that comes twice, and one that comes behind its successor, are both handed on as
// they came, with their exact ids: who wants each id once can see it.
TEST(FeedOddities, trades_come_as_they_were_sent) {
  sim::SimConfig sim = LiveHarness::small(1'000);
  sim.frame_limit = 3'000;
  sim.faults = {sim::faults::duplicate_trades(2), sim::faults::swap_trades(3)};
  LiveHarness live(sim);
  Feed feed = live.feed();
  Client client = feed.client("test");
  std::mutex mutex;
  std::map<std::string, std::uint64_t> last;
  std::uint64_t repeated = 0;
  std::uint64_t backwards = 0;
  std::atomic<std::uint64_t> delivered = 0;
  ASSERT_TRUE(client
                  .subscribe_trade(live.server->codes(),
                                   [&](const TradeEvent& trade) {
                                     const std::lock_guard lock(mutex);
                                     std::uint64_t& before = last[std::string(trade.code.view())];
                                     if (trade.sequential_id == before) ++repeated;
                                     if (trade.sequential_id < before) ++backwards;
                                     before = trade.sequential_id;
                                     ++delivered;
                                   })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return delivered > 100; }));
  wait_for_silence(feed);
  const StreamCounts total = feed.metrics().total();
  EXPECT_EQ(total.received,
            total.delivered + total.conflated + total.dropped + total.refused + total.superseded);
  const std::lock_guard lock(mutex);
  std::cout << delivered << " trades, " << repeated << " twice, " << backwards << " late, "
            << total.superseded << " superseded\n";
  EXPECT_GT(repeated + total.superseded, 50U);
  EXPECT_EQ(feed.metrics().reconnects, 0U);
}

// Goal: a book whose best prices cross is never shown as good: stale with its fault, the best
// prices empty, counted.
TEST(FeedOddities, crossed_books_are_never_good) {
  sim::SimConfig sim = LiveHarness::small(500);
  sim.faults = {sim::faults::cross_books()};
  LiveHarness live(sim);
  Feed feed = live.feed();
  Client client = feed.client("test");
  std::atomic<int> crossed = 0;
  std::atomic<int> wrong = 0;
  ASSERT_TRUE(client
                  .subscribe_orderbook(live.server->codes(),
                                       [&](const OrderbookEvent& event, const Book& book) {
                                         if ((event.flags & kBookFault) == 0) return;
                                         ++crossed;
                                         if (book.live() || book.best_bid() || book.best_ask() ||
                                             book.spread()) {
                                           ++wrong;
                                         }
                                       })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  EXPECT_TRUE(eventually([&] { return crossed > 100; }));
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(feed.metrics().book_faults, 100U);
  EXPECT_EQ(feed.metrics().reconnects, 0U);
}

// Goal: an exchange whose clock is an hour ahead or behind, or that writes microseconds, is no
// reason to lose anything: its times are handed on as they are, and no stream is called silent.
TEST(FeedOddities, clocks_that_are_off_are_told_and_believed_in_nothing) {
  for (const auto by : {std::chrono::milliseconds(1h), std::chrono::milliseconds(-1h)}) {
    sim::SimConfig sim = LiveHarness::small(500);
    sim.faults = {sim::faults::shift_times(by), sim::faults::microseconds()};
    LiveHarness live(sim);
    Feed feed = live.feed();
    Client client = feed.client("test");
    std::atomic<int> good = 0;
    std::atomic<int> bad = 0;
    ASSERT_TRUE(client
                    .subscribe_ticker(
                        live.server->codes(),
                        [&](const TickerEvent& event) {
                          const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                                               std::chrono::system_clock::now().time_since_epoch())
                                               .count();
                          const auto off =
                              std::chrono::microseconds(event.timestamp.unix_us() - now) - by;
                          ++(off < 1min && off > -1min ? good : bad);
                        })
                    .ok());
    ASSERT_TRUE(feed.start().ok());
    EXPECT_TRUE(eventually([&] { return good > 100; }));
    EXPECT_EQ(bad, 0);
    EXPECT_EQ(feed.metrics().reconnects, 0U);
    EXPECT_EQ(feed.metrics().total().refused, 0U);
  }
}

}  // namespace
