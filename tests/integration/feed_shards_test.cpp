// One feed on several connections and I/O threads, against the simulator over real TLS.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// Ids of all trades of each code, in the order told.
struct TradeLog {
  std::mutex mutex;
  std::map<std::string, std::vector<std::uint64_t>> ids;

  TradeCallback callback() {
    return TradeCallback([this](const TradeEvent& event) {
      const std::lock_guard lock(mutex);
      ids[std::string(event.code.view())].push_back(event.sequential_id);
    });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    std::size_t total = 0;
    for (const auto& [code, each] : ids) total += each.size();
    return total;
  }
};

FeedConfig sharded(const LiveHarness& live, std::uint32_t connections, ShardBy by,
                   std::uint32_t io_threads) {
  FeedConfig config = live.config();
  config.sharding = {.connections = connections, .by = by};
  config.io_threads = io_threads;
  return config;
}

// Goal: the market spread over three connections and two threads arrives completely and exactly.
// Method: all streams of a small market until the exchange falls silent; counts and final books.
TEST(FeedShards, three_connections_carry_the_market_exactly) {
  sim::SimConfig sim = LiveHarness::small(2'000);
  sim.frame_limit = 4'000;
  LiveHarness live(sim);
  Feed feed = LiveHarness::feed(sharded(live, 3, ShardBy::market, 2));
  Client client = feed.client("test");
  std::mutex mutex;
  std::map<std::string, Book> books;
  const auto codes = live.server->codes();
  ASSERT_TRUE(client
                  .subscribe_orderbook(
                      codes, OrderbookCallback([&](const OrderbookEvent& event, const Book& book) {
                        const std::lock_guard lock(mutex);
                        books.insert_or_assign(std::string(event.code.view()), book);
                      }))
                  .ok());
  ASSERT_TRUE(client.subscribe_trade(codes).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return live.server->stats().source_finished; }));
  std::uint64_t sent = 0;
  for (const auto& connection : live.server->stats().connections) sent += connection.frames_sent;
  EXPECT_TRUE(eventually([&] { return feed.metrics().total().received == sent; }));

  const FeedMetrics metrics = feed.metrics();
  EXPECT_EQ(live.server->stats().connections.size(), 3U);
  ASSERT_EQ(metrics.connections.size(), 5U);  // three public, private and info
  std::uint64_t wanted = 0;
  for (const ConnectionMetrics& each : metrics.connections) wanted += each.streams_wanted;
  EXPECT_EQ(wanted, 2 * codes.size());
  EXPECT_EQ(feed.plan().size(), 2 * codes.size());
  EXPECT_EQ(metrics.connections[3].kind, ConnectionKind::account);
  EXPECT_EQ(metrics.connections[3].state, SessionState::idle);
  const Health health = assess(metrics);
  EXPECT_EQ(health.state, HealthState::healthy)
      << (health.reasons.empty() ? "" : health.reasons[0]);
  ASSERT_TRUE(feed.stop().ok());
  for (const std::string& code : codes) {
    ASSERT_TRUE(books.contains(code)) << code;
    EXPECT_EQ(exact_json(books.at(code)), live.server->book_json(code));
  }
}

/// From the first trade of each code that both have told: none missing, none twice.
void expect_no_trade_missing(TradeLog& log, TradeLog& truth) {
  for (const auto& [code, ids] : log.ids) {
    const std::set<std::uint64_t> told(ids.begin(), ids.end());
    EXPECT_EQ(told.size(), ids.size()) << code << " was told a trade twice";
    const std::vector<std::uint64_t>& all = truth.ids[code];
    const auto first =
        std::find_if(all.begin(), all.end(), [&](std::uint64_t id) { return told.contains(id); });
    for (auto id = first; id != all.end(); ++id) {
      EXPECT_TRUE(told.contains(*id)) << code << " misses " << *id;
    }
  }
}

// Goal: resharding under load loses no trade and repeats none. Method: one feed stays on one
// connection, the other is dealt to 1, 3, 2 and 1 again meanwhile; both must have told the same
// trades of each code between their first and last common one.
TEST(FeedShards, resharding_loses_and_repeats_nothing) {
  LiveHarness live(LiveHarness::small(1'500));
  FeedConfig config = sharded(live, 1, ShardBy::market, 2);
  config.shards_max = 3;
  Feed moving = LiveHarness::feed(config);
  Feed still = live.feed();
  TradeLog moving_log;
  TradeLog still_log;
  Client moving_client = moving.client("moving");
  Client still_client = still.client("still");
  std::atomic<int> gaps = 0;
  const auto codes = live.server->codes();
  ASSERT_TRUE(
      moving_client
          .subscribe_trade(codes, moving_log.callback(), {.mode = StreamMode::realtime_only})
          .ok());
  ASSERT_TRUE(moving_client.on_gap([&](const GapEvent&) { ++gaps; }).ok());
  ASSERT_TRUE(
      still_client.subscribe_trade(codes, still_log.callback(), {.mode = StreamMode::realtime_only})
          .ok());
  ASSERT_TRUE(still.start().ok());
  ASSERT_TRUE(moving.start().ok());
  ASSERT_TRUE(eventually([&] { return moving_log.count() > 300 && still_log.count() > 300; }));
  for (const std::uint32_t connections : {3U, 2U, 1U}) {
    ASSERT_TRUE(moving.reshard({.connections = connections}).ok());
    // Over when no stream is carried twice any more; quiet markets take their time.
    std::this_thread::sleep_for(2500ms);
    const std::size_t before = moving_log.count();
    ASSERT_TRUE(eventually([&] { return moving_log.count() > before + 100; }));
  }
  EXPECT_FALSE(moving.reshard({.connections = 4}).ok());
  live.server->set_paused(true);
  std::this_thread::sleep_for(500ms);
  ASSERT_TRUE(moving.stop().ok());
  ASSERT_TRUE(still.stop().ok());
  EXPECT_EQ(gaps.load(), 0);
  EXPECT_EQ(moving.metrics().total().dropped, 0U);
  expect_no_trade_missing(moving_log, still_log);
}

// Goal: planned renewals under load lose no trade, repeat none, and disconnect no book. Method: a
// feed that renews its connection every second beside one that does not; both must have told the
// same trades.
TEST(FeedShards, renewals_lose_and_repeat_nothing) {
  LiveHarness live(LiveHarness::small(1'500));
  FeedConfig config = live.config();
  config.renew_after = 1s;
  Feed renewing = LiveHarness::feed(config);
  Feed still = live.feed();
  TradeLog renewing_log;
  TradeLog still_log;
  Client renewing_client = renewing.client("renewing");
  Client still_client = still.client("still");
  std::atomic<int> gaps = 0;
  std::atomic<int> books_down = 0;
  const auto codes = live.server->codes();
  ASSERT_TRUE(renewing_client
                  .subscribe_orderbook(
                      codes, OrderbookCallback([&](const OrderbookEvent&, const Book& book) {
                        if (!book.live()) ++books_down;
                      }))
                  .ok());
  ASSERT_TRUE(renewing_client.subscribe_trade(codes, renewing_log.callback()).ok());
  ASSERT_TRUE(renewing_client.on_gap([&](const GapEvent&) { ++gaps; }).ok());
  ASSERT_TRUE(still_client.subscribe_trade(codes, still_log.callback()).ok());
  ASSERT_TRUE(still.start().ok());
  ASSERT_TRUE(renewing.start().ok());
  ASSERT_TRUE(eventually([&] { return renewing.metrics().connections[0].renewals >= 3; }));
  live.server->set_paused(true);
  std::this_thread::sleep_for(500ms);
  ASSERT_TRUE(renewing.stop().ok());
  ASSERT_TRUE(still.stop().ok());
  const FeedMetrics metrics = renewing.metrics();
  EXPECT_EQ(gaps.load(), 0);
  EXPECT_EQ(books_down.load(), 0);
  EXPECT_EQ(metrics.book_faults, 0U);
  EXPECT_EQ(metrics.connections[0].reconnects, 0U);
  EXPECT_GE(metrics.epoch, 4U);
  EXPECT_GE(metrics.connections[0].dials, 4U);
  const StreamCounts total = metrics.total();
  EXPECT_GT(total.superseded, 0U);
  EXPECT_EQ(total.received, total.delivered + total.superseded);
  expect_no_trade_missing(renewing_log, still_log);
}

// Goal: losing one of two connections disconnects its books only, and the outage is told for each
// of its streams exactly once. Method: drop one, look at books and gaps.
TEST(FeedShards, a_lost_connection_is_told_for_its_streams_alone) {
  LiveHarness live(LiveHarness::small(1'000));
  Feed feed = LiveHarness::feed(sharded(live, 2, ShardBy::type, 1));
  Client client = feed.client("test");
  std::mutex mutex;
  std::map<EventKind, std::set<std::string>> gaps;
  std::atomic<int> again = 0;
  const auto codes = live.server->codes();
  ASSERT_TRUE(client
                  .on_gap([&](const GapEvent& event) {
                    const std::lock_guard lock(mutex);
                    const bool first =
                        gaps[event.gap_kind].insert(std::string(event.code.view())).second;
                    if (!first) ++again;
                  })
                  .ok());
  ASSERT_TRUE(client.subscribe_orderbook(codes).ok());  // connection 0
  ASSERT_TRUE(client.subscribe_trade(codes).ok());      // connection 1
  ASSERT_TRUE(feed.start().ok());
  const auto subscribed = [&] {
    const auto connections = feed.metrics().connections;
    return connections[0].subscribed && connections[1].subscribed;
  };
  ASSERT_TRUE(eventually(subscribed));
  const auto stats = live.server->stats().connections;
  ASSERT_EQ(stats.size(), 2U);
  for (const auto& each : stats) {
    if (each.requests.at(0).text.find("orderbook") == std::string::npos) continue;
    live.server->drop(each.id);
  }
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return gaps[EventKind::orderbook].size() == codes.size();
  }));
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_TRUE(gaps[EventKind::trade].empty());
  EXPECT_EQ(again.load(), 0);
  EXPECT_EQ(feed.metrics().connections[0].reconnects, 1U);
  EXPECT_EQ(feed.metrics().connections[1].reconnects, 0U);
}

}  // namespace
