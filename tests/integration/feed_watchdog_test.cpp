// A thread of the feed that hangs or ends is seen in Feed::health() within two of its heartbeats (a
// second each), whatever hangs in it.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kBound = 2s;
/// For a busy machine.
constexpr auto kMargin = 1500ms;

/// Holds up who comes through, once it is shut.
struct Gate {
  std::atomic<bool> shut = false;
  std::atomic<bool> held = false;
  void pass() {
    while (shut) {
      held = true;
      std::this_thread::sleep_for(1ms);
    }
  }
};

bool looks_dead(const Feed& feed) {
  const Health health = feed.health();
  return health.state == HealthState::unhealthy && !health.reasons.empty() &&
         health.reasons.front().find("has not looked for work") != std::string::npos;
}

void expect_seen(const Feed& feed, Gate& gate, const char* who) {
  ASSERT_TRUE(eventually([&] { return gate.held.load(); })) << who;
  const auto held = Steady::now();
  EXPECT_FALSE(looks_dead(feed)) << who;
  ASSERT_TRUE(eventually([&] { return looks_dead(feed); })) << who;
  const auto took = Steady::now() - held;
  std::cout << who << ": seen after " << std::chrono::duration<double>(took).count() << " s\n";
  EXPECT_LE(took, kBound + kMargin) << who;
  gate.shut = false;
  EXPECT_TRUE(eventually([&] { return feed.health().state == HealthState::healthy; })) << who;
}

// Goal: a callback that hangs (the dispatcher's thread) and a log hook that hangs (the I/O thread)
// are seen in time, and forgotten as soon as they go on.
TEST(FeedWatchdog, a_hanging_thread_is_seen_within_two_heartbeats) {
  LiveHarness live(LiveHarness::small(200));
  Gate callback;
  Gate hook;
  FeedConfig config = live.config();
  config.log = [](void* gate, std::string_view) { static_cast<Gate*>(gate)->pass(); };
  config.log_context = &hook;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  std::atomic<int> tickers = 0;
  ASSERT_TRUE(client
                  .subscribe_ticker(live.server->codes(),
                                    [&](const TickerEvent&) {
                                      ++tickers;
                                      callback.pass();
                                    })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return tickers > 100; }));
  ASSERT_TRUE(eventually([&] { return feed.health().state == HealthState::healthy; }));
  callback.shut = true;
  expect_seen(feed, callback, "a hanging callback");
  hook.shut = true;
  live.server->drop_all();  // has something to log
  expect_seen(feed, hook, "a hanging log hook");
  EXPECT_TRUE(feed.stop().ok());
}

// Goal: a log hook that throws, on the I/O thread, costs nothing but its line.
TEST(FeedWatchdog, a_log_hook_that_throws_harms_nothing) {
  LiveHarness live(LiveHarness::small(200));
  std::atomic<int> thrown = 0;
  FeedConfig config = live.config();
  config.log = [](void* count, std::string_view) {
    ++*static_cast<std::atomic<int>*>(count);
    throw std::runtime_error("a bad hook");
  };
  config.log_context = &thrown;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  std::atomic<int> tickers = 0;
  ASSERT_TRUE(
      client.subscribe_ticker(live.server->codes(), [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return tickers > 100; }));
  live.server->drop_all();
  const int before = tickers;
  EXPECT_TRUE(eventually([&] { return tickers > before + 100; }));
  EXPECT_GT(thrown, 3);
  EXPECT_EQ(feed.health().state, HealthState::healthy);
  EXPECT_TRUE(feed.stop().ok());
}

}  // namespace
