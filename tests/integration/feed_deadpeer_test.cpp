// Peers that die without a word: the network swallows everything, or the exchange stands still.
// Twenty feeds at once are twenty tries.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "live_harness.hpp"
#include "network_namespace.hpp"
#include "sim_process.hpp"
#include "status_log.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr int kFeeds = 20;
constexpr auto kPingInterval = 1000ms;
constexpr auto kPongTimeout = 1000ms;
/// What is promised from the last byte on, and what a busy machine may add.
constexpr auto kLimit = kPingInterval + kPongTimeout + 100ms;

FeedConfig config_for(const SimProcess& exchange, const std::string& host) {
  FeedConfig config;
  config.endpoint.host = host;
  config.endpoint.port = exchange.port();
  config.endpoint.ca_file = exchange.ca_file();
  config.ping_interval = kPingInterval;
  config.pong_timeout = kPongTimeout;
  config.ring_bytes = 64U << 10U;
  return config;
}

/// One feed with a book that others can see.
class Watched {
 public:
  explicit Watched(const FeedConfig& config)
      : feed_(LiveHarness::feed(config)), client_(feed_.client("test")) {
    book_ = client_.share_book("KRW-BTC").value();
    EXPECT_TRUE(client_.on_status(log_.callback()).ok());
    EXPECT_TRUE(client_
                    .on_status([this](const StatusEvent& event) {
                      if (event.cause != StatusCause::silent_peer) return;
                      book_was_disconnected_ = state() == BookState::disconnected;
                      found_ = true;
                    })
                    .ok());
    EXPECT_TRUE(feed_.start().ok());
  }

  [[nodiscard]] BookState state() const {
    const auto book = book_->read();
    return book ? book->state() : BookState::never_seen;
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] bool book_was_disconnected() const { return book_was_disconnected_; }
  [[nodiscard]] const StatusLog& log() const { return log_; }

 private:
  StatusLog log_;
  std::atomic<bool> found_{false};
  std::atomic<bool> book_was_disconnected_{false};
  std::shared_ptr<const SharedBook> book_;
  Feed feed_;
  Client client_;
};

sim::SimConfig quiet_market() {
  sim::SimConfig sim = LiveHarness::small(100);
  sim.profile.markets = {5, 2, 2};
  return sim;
}

/// All feeds must find that the peer died by `kill`, in time.
void expect_found(const FeedConfig& config, const std::function<void()>& kill, const char* what) {
  std::vector<std::unique_ptr<Watched>> feeds;
  for (int i = 0; i < kFeeds; ++i) {
    feeds.push_back(std::make_unique<Watched>(config));
    std::this_thread::sleep_for(50ms);  // so that their pings are spread over the interval
  }
  const auto all = [&](auto holds) { return std::all_of(feeds.begin(), feeds.end(), holds); };
  ASSERT_TRUE(
      eventually([&] { return all([](auto& each) { return each->state() == BookState::live; }); }));
  std::this_thread::sleep_for(2500ms);
  ASSERT_TRUE(all([](auto& each) { return each->state() == BookState::live; })) << "false alarm";
  kill();
  const auto dead = Steady::now();
  ASSERT_TRUE(eventually([&] { return all([](auto& each) { return each->found(); }); }));
  Steady::duration longest{};
  Steady::duration shortest = 1h;
  int in_time = 0;
  for (const auto& each : feeds) {
    const auto told = each->log().first(StatusCause::silent_peer);
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->event.previous_state, SessionState::live);
    EXPECT_TRUE(each->book_was_disconnected());
    const auto took = told->told - dead;
    longest = std::max(longest, took);
    shortest = std::min(shortest, took);
    in_time += took <= kLimit ? 1 : 0;
  }
  using Milliseconds = std::chrono::duration<double, std::milli>;
  std::cout << what << ": found after " << Milliseconds(shortest).count() << " to "
            << Milliseconds(longest).count() << " ms\n";
  EXPECT_EQ(in_time, kFeeds) << what;
}

// Goal: a half-open connection is found in time, 20 times of 20. Method: feed and exchange in two
// network namespaces joined by a veth pair; both then drop all that comes.
TEST(FeedDeadPeer, a_half_open_connection_is_found_in_time) {
  const auto body = [] {
    sim::SimConfig sim = quiet_market();
    sim.bind = "0.0.0.0";
    sim.extra_names = {"10.77.0.1"};
    const SimProcess exchange(sim);
    ASSERT_NE(exchange.port(), 0);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const std::string pid = std::to_string(exchange.pid());
    const std::string there = "nsenter -t " + pid + " -n ";
    ASSERT_TRUE(shell("ip link add up0 type veth peer name up1 netns " + pid));
    ASSERT_TRUE(shell("ip addr add 10.77.0.2/24 dev up0 && ip link set up0 up"));
    ASSERT_TRUE(shell(there + "ip addr add 10.77.0.1/24 dev up1"));
    ASSERT_TRUE(shell(there + "ip link set up1 up"));
    const auto cut = [&] {
      EXPECT_TRUE(swallow_all_packets());
      EXPECT_TRUE(swallow_all_packets(there));
    };
    expect_found(config_for(exchange, "10.77.0.1"), cut, "half-open");
  };
  const std::string failure = in_new_network(body);
  if (!failure.empty()) GTEST_SKIP() << failure;
}

// Goal: an exchange that stands still is found in time, 20 times of 20. Method: SIGSTOP; its kernel
// goes on acknowledging.
TEST(FeedDeadPeer, a_frozen_exchange_is_found_in_time) {
  const SimProcess exchange(quiet_market());
  ASSERT_NE(exchange.port(), 0);
  expect_found(
      config_for(exchange, "localhost"), [&] { exchange.freeze(); }, "frozen");
}

}  // namespace
