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
#include "status_log.hpp"

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

// Goal: an I/O thread that ends, here by an exception, is told as a failure of its connections at
// once and stays unhealthy; the process lives, and stop() returns.
TEST(FeedWatchdog, a_thread_that_ends_is_told) {
  LiveHarness live(LiveHarness::small(200));
  std::atomic<bool> bad = false;
  FeedConfig config = live.config();
  config.log = [](void* is_bad, std::string_view) {
    if (static_cast<std::atomic<bool>*>(is_bad)->load()) throw std::runtime_error("a bad hook");
  };
  config.log_context = &bad;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  StatusLog log;
  std::atomic<int> tickers = 0;
  ASSERT_TRUE(client.on_status(log.callback()).ok());
  ASSERT_TRUE(
      client.subscribe_ticker(live.server->codes(), [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return tickers > 100; }));
  bad = true;
  const auto ended = Steady::now();
  live.server->drop_all();
  ASSERT_TRUE(eventually([&] { return feed.health().state == HealthState::unhealthy; }));
  EXPECT_LE(Steady::now() - ended, kBound + kMargin);
  EXPECT_TRUE(eventually([&] {
    return log
        .first([](const StatusEvent& event) {
          return event.state == SessionState::failed && event.text.view() == "a bad hook";
        })
        .has_value();
  }));
  EXPECT_EQ(feed.metrics().connections.at(0).state, SessionState::failed);
  std::this_thread::sleep_for(2500ms);
  EXPECT_EQ(feed.health().state, HealthState::unhealthy);
  EXPECT_TRUE(feed.stop().ok());
}

}  // namespace
