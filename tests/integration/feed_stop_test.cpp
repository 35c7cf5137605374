// stop() while the other side hangs, each case a hundred times.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

#include "live_harness.hpp"
#include "network_namespace.hpp"
#include "status_log.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

/// Stops 100 feeds, each once it is as far as `reached` says.
void expect_quick_stops(const FeedConfig& config, const std::function<bool(const Feed&)>& reached,
                        const char* what) {
  Steady::duration longest{};
  int quick = 0;
  for (int round = 0; round < 100; ++round) {
    Feed feed = LiveHarness::feed(config);
    Client client = feed.client("test");
    ASSERT_TRUE(client.subscribe_ticker("KRW-BTC").ok());
    ASSERT_TRUE(feed.start().ok());
    ASSERT_TRUE(eventually([&] { return reached(feed); })) << what << ", round " << round;
    const auto start = Steady::now();
    ASSERT_TRUE(feed.stop().ok());
    const auto took = Steady::now() - start;
    longest = std::max(longest, took);
    quick += took < 1s ? 1 : 0;
  }
  std::cout << what << ": longest stop "
            << std::chrono::duration<double, std::milli>(longest).count() << " ms\n";
  EXPECT_EQ(quick, 100) << what;
}

void expect_quick_stops(const sim::Fault& fault, const std::function<bool(const Feed&)>& reached,
                        const char* what) {
  sim::SimConfig sim = LiveHarness::small();
  sim.faults = {fault};
  const LiveHarness live(sim);
  expect_quick_stops(live.config(), reached, what);
}

/// Still dialling after a time in which the step before has long been done.
bool hangs(const Feed& feed) {
  std::this_thread::sleep_for(50ms);
  return feed.metrics().state == SessionState::connecting;
}
bool is_live(const Feed& feed) {
  return feed.metrics().state == SessionState::live;
}

// Goal: stop() takes less than a second whatever the exchange leaves undone, 100 times of 100.
// Method: a handshake, an upgrade, a close and a whole peer that never answer.
TEST(FeedStop, is_quick_whatever_the_exchange_leaves_undone) {
  expect_quick_stops(sim::faults::stall_handshake(), hangs, "stalled TLS handshake");
  expect_quick_stops(sim::faults::stall_upgrade(), hangs, "stalled upgrade");
  expect_quick_stops(sim::faults::ignore_closes(), is_live, "unanswered close");
  expect_quick_stops(sim::faults::freeze(), is_live, "frozen peer");
}

// Goal: likewise while the name server says nothing. Method: a network of our own in which packets
// to the name server vanish; that they do shows in a dial that fails by its limit.
TEST(FeedStop, is_quick_while_the_name_server_is_silent) {
  const std::string names = ::testing::TempDir() + "upfeed-resolv-" + std::to_string(::getpid());
  std::ofstream(names) << "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";
  const auto body = [&] {
    ASSERT_TRUE(shell("mount --make-rprivate / && mount --bind " + names + " /etc/resolv.conf"));
    ASSERT_TRUE(shell("ip link set lo up"));
    ASSERT_TRUE(swallow_all_packets());
    FeedConfig config;
    config.endpoint.host = "black-hole.example";
    expect_quick_stops(config, hangs, "silent name server");
    config.dns_timeout = 200ms;
    Feed feed = LiveHarness::feed(config);
    Client client = feed.client("test");
    StatusLog log;
    ASSERT_TRUE(client.on_status(log.callback()).ok());
    ASSERT_TRUE(client.subscribe_ticker("KRW-BTC").ok());
    const auto start = Steady::now();
    ASSERT_TRUE(feed.start().ok());
    ASSERT_TRUE(eventually([&] { return log.first(StatusCause::dns).has_value(); }));
    EXPECT_GE(log.first(StatusCause::dns)->told - start, 200ms);
    ASSERT_TRUE(feed.stop().ok());
  };
  const std::string failure = in_new_network(body, CLONE_NEWNS);
  std::remove(names.c_str());
  if (!failure.empty()) GTEST_SKIP() << failure;
}

}  // namespace
