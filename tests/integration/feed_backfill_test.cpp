// Trades that an outage hid, fetched by REST from the simulator's own history.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "decode/rest_trades.hpp"
#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// What one market told, in order.
struct Line {
  bool is_gap = false;
  bool backfilled = false;
  std::uint64_t id = 0;
  GapEvent gap;
};

struct Log {
  std::mutex mutex;
  std::map<std::string, std::vector<Line>> lines;

  void add(const TradeEvent& event) {
    const std::lock_guard lock(mutex);
    lines[std::string(event.code.view())].push_back(
        {false, (event.flags & kBackfilled) != 0, event.sequential_id, {}});
  }
  void add(const GapEvent& event) {
    const std::lock_guard lock(mutex);
    lines[std::string(event.code.view())].push_back({true, false, 0, event});
  }
  bool any_complete() {
    const std::lock_guard lock(mutex);
    for (const auto& [code, all] : lines) {
      for (const Line& line : all) {
        if (line.is_gap && line.gap.backfill_complete && line.gap.backfilled > 0) return true;
      }
    }
    return false;
  }
};

// Goal: what an outage hid comes by REST: all of it, in order, behind its gap, once. Method: a feed
// whose connection is cut and that may dial again only after a second, beside one that is not cut;
// per market both told the same trades.
TEST(FeedBackfill, hidden_trades_come_in_order_behind_their_gap_and_once) {
  sim::SimConfig sim;
  sim.profile.markets = {4, 0, 0};
  sim.profile.frames_per_second = 400;
  LiveHarness live(sim);
  FeedConfig config = live.config();
  config.backfill = 5s;
  config.backoff_base = 1s;  // not stable yet when it is cut: the next dial waits
  config.backoff_cap = 2s;
  Feed feed = LiveHarness::feed(config);
  Feed still = live.feed();
  Log log;
  Log truth;
  Client client = feed.client("cut");
  Client still_client = still.client("still");
  const auto codes = live.server->codes();
  ASSERT_TRUE(client.subscribe_trade(codes, [&](const TradeEvent& e) { log.add(e); }).ok());
  ASSERT_TRUE(client.on_gap([&](const GapEvent& e) { log.add(e); }).ok());
  ASSERT_TRUE(still_client.subscribe_trade(codes, [&](const TradeEvent& e) { truth.add(e); }).ok());
  ASSERT_TRUE(still.start().ok());
  ASSERT_TRUE(eventually([&] { return still.metrics().connections[0].subscribed; }));
  ASSERT_TRUE(feed.start().ok());
  // The back-off is random from zero on, so an outage may be too short to hide anything.
  for (int round = 0; round < 20 && !log.any_complete(); ++round) {
    ASSERT_TRUE(eventually([&] { return feed.metrics().connections[0].subscribed; }));
    std::this_thread::sleep_for(300ms);
    for (const auto& each : live.server->stats().connections) {
      if (each.is_open && each.id != 1) live.server->drop(each.id);
    }
    std::this_thread::sleep_for(1500ms);
  }
  EXPECT_TRUE(log.any_complete());
  live.server->set_paused(true);
  std::this_thread::sleep_for(1s);
  ASSERT_TRUE(feed.stop().ok());
  ASSERT_TRUE(still.stop().ok());
  EXPECT_GT(feed.metrics().backfilled, 0U);
  const StreamCounts total = feed.metrics().total();
  EXPECT_EQ(total.received, total.delivered + total.superseded);

  for (const auto& [code, lines] : log.lines) {
    std::set<std::uint64_t> told;
    bool all_complete = true;
    for (const Line& line : lines) {
      if (line.is_gap) {
        all_complete &= line.gap.backfill_complete ||
                        line.gap.first_sequential_id == line.gap.last_sequential_id;
      } else {
        // After a reconnect the snapshot repeats the last trade when nothing was hidden.
        EXPECT_TRUE(told.insert(line.id).second || !line.backfilled) << code << " " << line.id;
      }
    }
    if (!all_complete) continue;
    bool begun = false;
    for (const Line& line : truth.lines[code]) {
      begun |= told.contains(line.id);
      EXPECT_TRUE(!begun || told.contains(line.id)) << code << " misses " << line.id;
    }
  }
}

// Goal: replies of the trades call are read exactly or not at all. Method: a documented row, and a
// table of broken ones.
TEST(FeedBackfill, rest_trades_are_read_exactly_or_not_at_all) {
  const std::string row =
      R"({"market":"KRW-BTC","trade_date_utc":"2026-11-22","trade_time_utc":"12:00:01",)"
      R"("timestamp":1788335180377,"trade_price":106691000.00000000,"trade_volume":0.00077720,)"
      R"("prev_closing_price":107000000,"change_price":-309000.0,"ask_bid":"ASK",)"
      R"("sequential_id":17883351803770004})";
  std::vector<TradeEvent> trades;
  ASSERT_TRUE(detail::read_rest_trades("[" + row + "," + row + "]", trades));
  ASSERT_EQ(trades.size(), 2U);
  EXPECT_EQ(trades[0].sequential_id, 17883351803770004U);
  EXPECT_EQ(trades[0].trade_price.to_string(), "106691000");
  EXPECT_EQ(trades[0].trade_volume.to_string(), "0.0007772");
  EXPECT_EQ(trades[0].change_price.to_string(), "309000");
  EXPECT_EQ(trades[0].ask_bid, Side::ask);
  EXPECT_EQ(trades[0].flags, kBackfilled);
  EXPECT_FALSE(trades[0].has(TradeEvent::Field::best_ask_price));
  for (const std::string& body : {std::string(), std::string("{}"), "[" + row, "[" + row + "]]",
                                  std::string("[{}]"), std::string(R"([{"sequential_id":"1"}])"),
                                  std::string("[1]"), "[" + row + R"(,{"ask_bid":"X"}])"}) {
    EXPECT_FALSE(detail::read_rest_trades(body, trades)) << body;
    EXPECT_EQ(trades.size(), 2U);
  }
  EXPECT_TRUE(detail::read_rest_trades("[]", trades));
}

}  // namespace
