// A feed at work takes no memory, and none from the heap. The exchange is another process.

#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdlib>
#include <string>

#include "alloc_guard.hpp"
#include "live_harness.hpp"
#include "process_size.hpp"
#include "sim_process.hpp"
#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// Without doubts about silent streams: what is asked of the exchange then, now and then, and its
/// answer are on the heap.
FeedConfig config_for(const SimProcess& exchange) {
  FeedConfig config;
  config.silence = {0ms, 0ms, 0ms, 0ms, 0ms};
  config.endpoint.host = "localhost";
  config.endpoint.port = exchange.port();
  config.endpoint.ca_file = exchange.ca_file();
  return config;
}

/// Every code of the default market, asked from a simulator that never serves anybody.
std::vector<std::string> all_codes() {
  sim::SimConfig config;
  config.start_on_subscribe = true;
  return sim::SimServer(config).codes();
}

// Goal: the whole market at 1,000 frames/s and more: nothing lost, memory small and flat, no heap
// on the I/O and dispatcher threads. Method: 855 codes, three streams, callbacks on all, for
// UPFEED_STEADY_SECONDS (default 10) after a warm-up.
TEST(FeedSteady, the_whole_market_takes_no_memory) {
  const SimProcess exchange{sim::SimConfig{}};
  ASSERT_NE(exchange.port(), 0);
  const char* const given = std::getenv("UPFEED_STEADY_SECONDS");
  const auto seconds = std::chrono::seconds(given != nullptr ? std::atoi(given) : 10);
  const auto codes = all_codes();
  Feed feed = LiveHarness::feed(config_for(exchange));
  Client client = feed.client("steady");
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> faults{0};
  const auto count = [&](const auto&) { events.fetch_add(1, std::memory_order_relaxed); };
  ASSERT_TRUE(client.subscribe_ticker(codes, count).ok());
  ASSERT_TRUE(client.subscribe_trade(codes, count).ok());
  ASSERT_TRUE(client
                  .subscribe_orderbook(codes,
                                       [&](const OrderbookEvent&, const Book& book) {
                                         events.fetch_add(1, std::memory_order_relaxed);
                                         if (!book.live()) ++faults;
                                       })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return feed.metrics().frames > 4000; }));
  alloc_guard::watch_threads_named({"upfeed-io", "upfeed-disp"});
  alloc_guard::reset();
  const double before = resident_mib();
  const std::uint64_t frames_before = feed.metrics().frames;
  std::this_thread::sleep_for(seconds);
  const double after = resident_mib();
  const alloc_guard::Counts heap = alloc_guard::counts();
  const std::string stacks = alloc_guard::report();
  alloc_guard::watch_threads_named({});
  const std::uint64_t frames = feed.metrics().frames - frames_before;
  ASSERT_TRUE(feed.stop().ok());
  const FeedMetrics metrics = feed.metrics();
  const StreamCounts total = metrics.total();
  RecordProperty("resident_mib", std::to_string(after));
  std::cout << frames << " frames, " << after << " MiB resident, " << heap.libssl
            << " allocations of libssl\n";
  EXPECT_GE(frames, static_cast<std::uint64_t>(seconds.count()) * 1000);
  EXPECT_EQ(total.received, total.delivered);
  EXPECT_EQ(metrics.book_faults + faults, 0U);
  EXPECT_LT(after, 96.0);
  EXPECT_LT(after - before, 1.0);
  EXPECT_EQ(heap.ours, 0U) << stacks;
  EXPECT_EQ(heap.other, 0U) << stacks;
}

// Goal: a million frames without one allocation of ours. Method: the simulator's trade flood at
// full speed; libssl's own allocations are counted apart, at most one a record or so.
TEST(FeedSteady, a_million_frames_without_an_allocation) {
  sim::SimConfig config = LiveHarness::small();
  config.profile.trade_flood_per_second = 25'000;
  config.queue_limit_bytes = 512U << 20U;  // a busy test machine is no slow reader
  const SimProcess exchange{config};
  Feed feed = LiveHarness::feed(config_for(exchange));
  Client client = feed.client("flood");
  std::atomic<std::uint64_t> trades{0};
  const std::vector<std::string> codes = [&] {
    sim::SimConfig idle = config;
    idle.start_on_subscribe = true;
    return sim::SimServer(idle).codes();
  }();
  ASSERT_TRUE(
      client
          .subscribe_trade(
              codes, [&](const TradeEvent&) { trades.fetch_add(1, std::memory_order_relaxed); })
          .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return feed.metrics().frames > 50'000; }, 60s));
  alloc_guard::watch_threads_named({"upfeed-io", "upfeed-disp"});
  alloc_guard::reset();
  const std::uint64_t before = feed.metrics().frames;
  ASSERT_TRUE(eventually([&] { return feed.metrics().frames >= before + 1'000'000; }, 150s));
  const alloc_guard::Counts heap = alloc_guard::counts();
  const std::string stacks = alloc_guard::report();
  alloc_guard::watch_threads_named({});
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_EQ(feed.metrics().reconnects, 0U);
  const StreamCounts total = feed.metrics().total();
  std::cout << heap.libssl << " allocations of libssl for a million frames\n";
  EXPECT_EQ(heap.ours, 0U) << stacks;
  EXPECT_EQ(heap.other, 0U) << stacks;
  EXPECT_EQ(total.received, total.delivered + total.dropped);
}

}  // namespace
