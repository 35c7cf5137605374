// Connections that are cut again and again: nothing leaks, nothing is forgotten.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "live_harness.hpp"
#include "process_size.hpp"
#include "sim_process.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr std::string_view kAccess = "canary-access-key-0123456789";
constexpr std::string_view kSecret = "canary-secret-key-9876543210";
constexpr std::array<const char*, 3> kCodes = {"KRW-BTC", "KRW-ETH", "KRW-XRP"};
constexpr std::size_t kFlowing = kCodes.size() * 3;  // ticker, trade, orderbook of each

enum class Question : std::uint64_t { reset, fin_mid_frame, drop, close, nonce_reuses, tokens };
constexpr std::uint64_t kCuts = 4;

std::uint64_t serve(sim::SimServer& server, std::uint64_t question) {
  switch (static_cast<Question>(question)) {
    case Question::reset:
      server.fault(sim::faults::reset());
      break;
    case Question::fin_mid_frame:
      server.fault(sim::faults::fin_mid_frame());
      break;
    case Question::drop:
      server.fault(sim::faults::drop());
      break;
    case Question::close:
      server.fault(sim::faults::close(1001));
      break;
    case Question::nonce_reuses:
      return server.stats().gate.nonce_reuses;
    case Question::tokens:
      return server.stats().gate.tokens_seen;
  }
  return 0;
}

sim::SimConfig exchange_with_account() {
  sim::SimConfig sim = LiveHarness::small(300);
  sim.profile.markets = {5, 2, 2};
  sim.keys = {{std::string(kAccess), std::string(kSecret)}};
  sim.scenario.is_on = true;
  return sim;
}

FeedConfig config_for(const SimProcess& exchange) {
  auto keys = std::make_shared<ApiKeys>();
  keys->access_key = Secret(kAccess);
  keys->secret_key = Secret(kSecret);
  FeedConfig config;
  config.endpoint.host = "localhost";
  config.endpoint.port = exchange.port();
  config.endpoint.ca_file = exchange.ca_file();
  config.keys = keys;
  config.keys_host = "localhost";
  config.dials_per_second = 1'000;
  config.dials_per_minute = 1'000'000;
  config.stable_period = 0ms;
  return config;
}

/// A feed of market data and an account; counts by stream and epoch.
class CutFeed {
 public:
  explicit CutFeed(const SimProcess& exchange) : exchange_(exchange), feed_(make()) {
    const std::vector<std::string> codes(kCodes.begin(), kCodes.end());
    const auto note = [this](const auto& event) { epoch_of(event) = event.epoch; };
    EXPECT_TRUE(client_.subscribe_ticker(codes, note).ok());
    EXPECT_TRUE(client_.subscribe_trade(codes, note).ok());
    EXPECT_TRUE(client_
                    .subscribe_orderbook(
                        codes, [note](const OrderbookEvent& event, const Book&) { note(event); })
                    .ok());
    EXPECT_TRUE(client_.subscribe_my_order().ok());
    EXPECT_TRUE(client_.subscribe_my_asset().ok());
    EXPECT_TRUE(client_
                    .on_gap([this](const GapEvent& gap) {
                      if (gap.gap_kind <= EventKind::orderbook) ++gap_of(gap);
                    })
                    .ok());
    EXPECT_TRUE(feed_.start().ok());
  }

  /// Both connections are subscribed and each market stream has come in the present epoch.
  [[nodiscard]] bool complete() const {
    const FeedMetrics metrics = feed_.metrics();
    if (!metrics.connections.at(0).subscribed || !metrics.connections.at(1).subscribed)
      return false;
    return std::all_of(epochs_.begin(), epochs_.end(),
                       [&](const auto& epoch) { return epoch == metrics.epoch; });
  }
  /// Cuts both connections and waits until all is back.
  [[nodiscard]] bool survives(std::uint64_t round) {
    const FeedMetrics before = feed_.metrics();
    EXPECT_EQ(exchange_.call(round % kCuts), 0U);
    return eventually([&] {
      const FeedMetrics metrics = feed_.metrics();
      return metrics.connections[0].epoch > before.connections[0].epoch &&
             metrics.connections[1].epoch > before.connections[1].epoch && complete();
    });
  }
  void expect_gaps(std::uint64_t outages) const {
    for (const auto& gaps : gaps_) EXPECT_EQ(gaps, outages);
  }
  [[nodiscard]] Feed& feed() { return feed_; }

 private:
  [[nodiscard]] Feed make() const { return LiveHarness::feed(config_for(exchange_)); }
  static std::size_t index(EventKind kind, std::string_view code) {
    const auto found = std::find(kCodes.begin(), kCodes.end(), code);
    return static_cast<std::size_t>(kind) * kCodes.size() +
           static_cast<std::size_t>(found - kCodes.begin());
  }
  std::atomic<std::uint32_t>& epoch_of(const EventHeader& event) {
    return epochs_.at(index(event.kind, event.code.view()));
  }
  std::atomic<std::uint64_t>& gap_of(const GapEvent& gap) {
    return gaps_.at(index(gap.gap_kind, gap.code.view()));
  }

  const SimProcess& exchange_;
  std::array<std::atomic<std::uint32_t>, kFlowing> epochs_{};
  std::array<std::atomic<std::uint64_t>, kFlowing> gaps_{};
  Feed feed_;
  Client client_ = feed_.client("test");
};

// Goal: a thousand lost connections of each kind cost no memory, no descriptor, no nonce and no
// stream, and each outage is one gap per stream. Method: RST, FIN within a frame, FIN and close
// 1001 in turn to a market and an account connection; UPFEED_RECONNECTS for another number.
TEST(FeedReconnects, a_thousand_outages_leave_nothing_behind) {
  const char* const given = std::getenv("UPFEED_RECONNECTS");
  const std::uint64_t rounds = given != nullptr ? std::strtoull(given, nullptr, 10) : 1'000;
  constexpr std::uint64_t kWarmUp = 50;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  constexpr double kMostMib = 500;  // their own, of blocks and threads that were
#else
  constexpr double kMostMib = 1;
#endif
  const SimProcess exchange(exchange_with_account(), serve);
  ASSERT_NE(exchange.port(), 0);
  CutFeed run(exchange);
  ASSERT_TRUE(eventually([&] { return run.complete(); }));
  for (std::uint64_t round = 0; round < kWarmUp; ++round) ASSERT_TRUE(run.survives(round)) << round;
  const double memory_before = resident_mib();
  const std::size_t descriptors_before = open_descriptors();
  for (std::uint64_t round = kWarmUp; round < kWarmUp + rounds; ++round) {
    ASSERT_TRUE(run.survives(round)) << "round " << round;
  }
  EXPECT_TRUE(eventually([&] { return open_descriptors() == descriptors_before; }, 2s));
  const double growth = resident_mib() - memory_before;
  std::cout << rounds << " outages of two connections: " << growth << " MiB more, "
            << open_descriptors() << " descriptors after " << descriptors_before << '\n';
  EXPECT_LT(growth, kMostMib);
  EXPECT_EQ(exchange.call(static_cast<std::uint64_t>(Question::nonce_reuses)), 0U);
  EXPECT_GT(exchange.call(static_cast<std::uint64_t>(Question::tokens)), rounds);
  ASSERT_TRUE(run.feed().stop().ok());
  const FeedMetrics metrics = run.feed().metrics();
  EXPECT_EQ(metrics.connections[0].reconnects, kWarmUp + rounds);
  EXPECT_EQ(metrics.connections[1].reconnects, kWarmUp + rounds);
  run.expect_gaps(kWarmUp + rounds);
}

// Goal: a connection that was stable is back with data within 500 ms. Method: RST ten times, each
// after the stable period, with the default budget of dials.
TEST(FeedReconnects, data_is_back_within_half_a_second_of_a_reset) {
  LiveHarness live(LiveHarness::small(500));
  FeedConfig config = live.config();
  config.stable_period = 1s;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  std::atomic<std::uint32_t> epoch{0};
  ASSERT_TRUE(
      client.subscribe_ticker("KRW-BTC", [&](const TickerEvent& e) { epoch = e.epoch; }).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return epoch == 1; }));
  Steady::duration longest{};
  for (std::uint32_t round = 1; round <= 10; ++round) {
    std::this_thread::sleep_for(1100ms);
    const auto start = Steady::now();
    live.server->fault(sim::faults::reset());
    ASSERT_TRUE(eventually([&] { return epoch == round + 1; }));
    longest = std::max(longest, Steady::now() - start);
  }
  std::cout << "data again after at most "
            << std::chrono::duration<double, std::milli>(longest).count() << " ms\n";
  EXPECT_LE(longest, 500ms);
}

}  // namespace
