// The machine sleeps. No test can have that, so this program answers for the one clock that goes on
// meanwhile, and moves it.

#include <gtest/gtest.h>

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <optional>
#include <thread>

#include "live_harness.hpp"
#include "status_log.hpp"

namespace {

std::atomic<std::int64_t> slept_s{0};

}  // namespace

/// Stands in front of the C library's: the library under test is linked into this program.
extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  using Real = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Real>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, now);
  if (clock == CLOCK_BOOTTIME) now->tv_sec += slept_s.load(std::memory_order_relaxed);
  return result;
}

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// One feed on one quiet exchange, with what it has told.
struct QuietRun {
  QuietRun(std::chrono::milliseconds ping_interval, std::chrono::milliseconds pong_timeout) {
    FeedConfig config = live.config();
    config.ping_interval = ping_interval;
    config.pong_timeout = pong_timeout;
    config.silence = {.ticker = 21s, .trade = 21s, .orderbook = 21s, .candle = 21s};
    feed.emplace(LiveHarness::feed(config));
    client.emplace(feed->client("test"));
    const auto codes = live.server->codes();
    EXPECT_TRUE(client->on_status(log.callback()).ok());
    EXPECT_TRUE(client->subscribe_trade(codes, [this](const TradeEvent&) { ++events; }).ok());
    EXPECT_TRUE(feed->start().ok());
    EXPECT_TRUE(eventually([this] { return feed->metrics().connections.at(0).subscribed; }));
  }

  LiveHarness live{LiveHarness::small(100)};
  StatusLog log;
  std::atomic<std::uint64_t> events{0};
  std::optional<Feed> feed;
  std::optional<Client> client;
};

// Goal: a sleep that the connection survives costs nothing: no reconnect, no stream that is said to
// be silent. Method: half a minute of sleep while a ping is out; what the exchange has sent since
// comes more than a second after it, and trades happen before, during and after.
TEST(FeedSuspend, a_short_sleep_costs_nothing) {
  QuietRun run(1000ms, 4000ms);
  run.live.server->fault(sim::faults::delay(2500ms));
  const std::uint64_t pings = run.feed->metrics().connections.at(0).pings_sent;
  ASSERT_TRUE(eventually([&] { return run.feed->metrics().connections[0].pings_sent > pings; }));
  slept_s += 30;
  run.live.server->fault(sim::faults::shift_times(30s));  // its clock went on, too
  const std::uint64_t events = run.events;
  ASSERT_TRUE(eventually([&] { return run.events > events + 20; }));
  std::this_thread::sleep_for(8s);  // a probe, should there be one, has its verdict
  EXPECT_EQ(run.feed->metrics().reconnects, 0U);
  EXPECT_GT(run.feed->metrics().connections[0].probes, 0U) << "quiet streams were doubted";
  EXPECT_EQ(run.feed->metrics().connections[0].silent_streams, 0U);
  EXPECT_EQ(run.log.count(StatusCause::stream_silent), 0U);
  EXPECT_EQ(run.log.count(StatusCause::silent_peer), 0U);
}

// Goal: a sleep after which the exchange has forgotten us costs one reconnect, begun when the
// machine wakes and not when a ping stays without an answer. Method: ten minutes; the connection
// brings nothing any more; pings would take 20 s to tell.
TEST(FeedSuspend, a_long_sleep_costs_one_reconnect_at_once) {
  QuietRun run(15'000ms, 5'000ms);
  run.live.server->fault(sim::faults::freeze());
  std::this_thread::sleep_for(300ms);  // what was under way
  slept_s += 600;
  EXPECT_TRUE(eventually([&] { return run.log.count(StatusCause::silent_peer) == 1; }, 5s));
  const std::uint64_t events = run.events;
  EXPECT_TRUE(eventually([&] { return run.events > events + 20; }, 10s));
  EXPECT_EQ(run.feed->metrics().reconnects, 1U);
  EXPECT_EQ(run.feed->metrics().epoch, 2U);
}

}  // namespace
