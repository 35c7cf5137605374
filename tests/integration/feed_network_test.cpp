// A network that loses packets, or has too little room: feed and exchange in two network namespaces
// joined by a veth pair, beside a second feed on the exchange's side that misses nothing.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
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

/// A feed of all trades and books, and what it has told, by market.
class Reader {
 public:
  Reader(const SimProcess& exchange, const std::string& host, const std::vector<std::string>& codes,
         std::chrono::seconds ping_interval = 15s)
      : feed_(make(exchange, host, ping_interval)), client_(feed_.client("test")) {
    const auto locked = [this](const auto& work) {
      return [this, work](const auto& event, const auto&...) {
        const std::lock_guard lock(mutex_);
        work(lines_[std::string(event.code.view())], event);
      };
    };
    EXPECT_TRUE(client_.on_status(log_.callback()).ok());
    EXPECT_TRUE(client_
                    .subscribe_trade(codes, locked([](Market& market, const TradeEvent& event) {
                                       market.trades.push_back(event.sequential_id);
                                     }))
                    .ok());
    EXPECT_TRUE(
        client_
            .subscribe_orderbook(codes, locked([](Market& market, const OrderbookEvent& event) {
                                   market.books.push_back(event.timestamp.wire());
                                 }))
            .ok());
    EXPECT_TRUE(client_
                    .on_gap(locked([](Market& market, const GapEvent& event) {
                      if (event.gap_kind == EventKind::trade) market.gaps.push_back(event);
                    }))
                    .ok());
    EXPECT_TRUE(feed_.start().ok());
    EXPECT_TRUE(eventually([this] { return feed_.metrics().connections.at(0).subscribed; }));
  }

  struct Market {
    std::vector<std::uint64_t> trades;
    std::vector<std::int64_t> books;
    std::vector<GapEvent> gaps;
  };
  [[nodiscard]] std::map<std::string, Market> markets() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] std::size_t trade_count() const {
    std::size_t count = 0;
    for (const auto& [code, market] : markets()) count += market.trades.size();
    return count;
  }
  [[nodiscard]] std::size_t book_count() const {
    std::size_t count = 0;
    for (const auto& [code, market] : markets()) count += market.books.size();
    return count;
  }
  [[nodiscard]] FeedMetrics metrics() const { return feed_.metrics(); }
  [[nodiscard]] Health health() const { return feed_.health(); }
  [[nodiscard]] const StatusLog& log() const { return log_; }
  [[nodiscard]] std::int64_t book_lag_ms() const {
    return metrics().lag_ns[static_cast<std::size_t>(EventKind::orderbook)] / 1'000'000;
  }
  /// Says so where something calls the feed worse than healthy for being late.
  [[nodiscard]] bool says_late() const {
    const Health now = health();
    return std::any_of(now.reasons.begin(), now.reasons.end(), [](const std::string& reason) {
      return reason.find("behind") != std::string::npos;
    });
  }

 private:
  static Feed make(const SimProcess& exchange, const std::string& host,
                   std::chrono::seconds ping_interval) {
    FeedConfig config;
    config.endpoint.host = host;
    config.endpoint.port = exchange.port();
    config.endpoint.ca_file = exchange.ca_file();
    config.silence = {.ticker = 0s, .trade = 0s, .orderbook = 0s, .candle = 0s};
    config.ping_interval = ping_interval;
    config.connect_timeout = 1s;
    config.backoff_cap = 1s;
    return LiveHarness::feed(config);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Market> lines_;
  StatusLog log_;
  Feed feed_;
  Client client_;
};

/// The exchange on one side of a veth pair and this thread on the other.
class Link {
 public:
  explicit Link(sim::SimConfig sim) {
    sim.bind = "0.0.0.0";
    sim.extra_names = {"10.77.1.1"};
    // So that what the exchange cannot send stands in its own queue, which it looks at.
    EXPECT_TRUE(shell("echo 4096 65536 262144 > /proc/sys/net/ipv4/tcp_wmem"));
    EXPECT_TRUE(shell("ip link set lo up"));
    exchange_ = std::make_unique<SimProcess>(
        sim, [](sim::SimServer& server, std::uint64_t) -> std::uint64_t {
          server.set_paused(true);
          return 0;
        });
  }
  /// Makes the pair and moves this thread to its other end.
  void leave() const {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    ASSERT_TRUE(shell("ip link add up0 type veth peer name up1 netns " + pid()));
    ASSERT_TRUE(shell("ip addr add 10.77.1.2/24 dev up0 && ip link set up0 up"));
    ASSERT_TRUE(there("ip addr add 10.77.1.1/24 dev up1"));
    ASSERT_TRUE(there("ip link set up1 up"));
  }
  void stop_market() const { static_cast<void>(exchange_->call(0)); }
  /// Of 100 packets that come, so many do not.
  static void lose(int percent) {
    static_cast<void>(shell("nft delete table inet loss 2>/dev/null"));
    if (percent == 0) return;
    EXPECT_TRUE(shell(
        "nft 'add table inet loss; "
        "add chain inet loss c { type filter hook input priority 0; }; "
        "add rule inet loss c " +
        (percent < 100 ? "numgen random mod 100 < " + std::to_string(percent) : std::string()) +
        " counter drop'"));
  }
  static bool has_lost_packets() {
    return shell("nft list table inet loss | grep -q 'packets [1-9]'");
  }
  void cap(const std::string& rate) const {
    EXPECT_TRUE(
        there("tc qdisc replace dev up1 root tbf rate " + rate + " burst 16kb limit 128kb"));
  }
  void uncap() const { EXPECT_TRUE(there("tc qdisc del dev up1 root")); }
  [[nodiscard]] const SimProcess& exchange() const { return *exchange_; }

 private:
  [[nodiscard]] std::string pid() const { return std::to_string(exchange_->pid()); }
  [[nodiscard]] bool there(const std::string& command) const {
    return shell("nsenter -t " + pid() + " -n " + command);
  }
  std::unique_ptr<SimProcess> exchange_;
};

std::vector<std::string> codes_of(const sim::SimConfig& sim) {
  return sim::SimServer(sim).codes();
}

sim::SimConfig market(double frames_per_second) {
  sim::SimConfig sim;
  sim.profile.markets = {5, 2, 2};
  sim.profile.frames_per_second = frames_per_second;
  return sim;
}

/// All from `first` on.
template <class Values, class Value>
Values from(const Values& all, Value first) {
  return Values(std::find(all.begin(), all.end(), first), all.end());
}

/// Of each market: what the other feed was told and this one was not lies within a told gap.
void expect_complete_or_told(const Reader& reader, const Reader& other) {
  auto truth = other.markets();
  for (const auto& [code, market] : reader.markets()) {
    const std::set<std::uint64_t> told(market.trades.begin(), market.trades.end());
    ASSERT_FALSE(told.empty()) << code;
    for (const std::uint64_t id : truth[code].trades) {
      if (told.contains(id) || id < market.trades.front() || id > market.trades.back()) continue;
      const bool in_gap = std::any_of(market.gaps.begin(), market.gaps.end(), [&](const auto& gap) {
        return gap.last_sequential_id < id && id < gap.first_sequential_id;
      });
      EXPECT_TRUE(in_gap) << code << " misses " << id << " without a word";
    }
    EXPECT_TRUE(std::is_sorted(market.books.begin(), market.books.end())) << code;
  }
}

// Goal: lost packets cost time and no event: all come, once and in their order, and the lag is back
// where it was when the loss ends. Method: 1, 5 and 20 of 100 packets.
TEST(FeedNetwork, lost_packets_cost_time_and_no_event) {
  const auto body = [] {
    const sim::SimConfig sim = market(400);
    const std::vector<std::string> codes = codes_of(sim);
    const Link link(sim);
    const Reader still(link.exchange(), "localhost", codes);
    link.leave();
    const Reader reader(link.exchange(), "10.77.1.1", codes);
    std::this_thread::sleep_for(1s);
    const std::int64_t before_ms = reader.book_lag_ms();
    std::int64_t worst_ms = 0;
    for (const int percent : {1, 5, 20}) {
      Link::lose(percent);
      for (int i = 0; i < 100; ++i) {
        std::this_thread::sleep_for(20ms);
        worst_ms = std::max(worst_ms, reader.book_lag_ms());
      }
      EXPECT_TRUE(Link::has_lost_packets()) << percent << " %";
    }
    Link::lose(0);
    // The kernel may be waiting before it sends once more, for seconds after several losses.
    const std::size_t seen = reader.book_count();
    const auto flows = [&] {
      return reader.book_count() > seen + 100 && reader.book_lag_ms() < before_ms + 100;
    };
    EXPECT_TRUE(eventually(flows, 30s));
    link.stop_market();
    const auto is_whole = [&] {
      const auto truth = still.markets();
      const auto markets = reader.markets();
      return std::all_of(markets.begin(), markets.end(), [&](const auto& each) {
        const Reader::Market& sent = truth.at(each.first);
        return each.second.trades.back() == sent.trades.back() &&
               each.second.books.back() == sent.books.back();
      });
    };
    std::this_thread::sleep_for(1s);
    EXPECT_TRUE(eventually(is_whole, 30s));
    const auto truth = still.markets();
    for (const auto& [code, told] : reader.markets()) {
      EXPECT_EQ(told.trades, from(truth.at(code).trades, told.trades.front())) << code;
      EXPECT_EQ(told.books, from(truth.at(code).books, told.books.front())) << code;
    }
    EXPECT_EQ(reader.metrics().reconnects, 0U);
    std::cout << reader.trade_count() << " trades and " << reader.book_count() << " books, lag "
              << before_ms << " ms without a loss, at most " << worst_ms << " ms with it, "
              << reader.book_lag_ms() << " ms after it\n";
  };
  const std::string failure = in_new_network(body);
  if (!failure.empty()) GTEST_SKIP() << failure;
}

// Goal: where the network has less room than the market needs, the feed says that it is behind, its
// memory stays as it is, and what the exchange then does about a reader who is too slow is an
// outage like any other; afterwards all is well again. Method: a third of the room that is needed
// until the exchange cuts the connection.
TEST(FeedNetwork, too_little_room_is_told_and_heals) {
  const auto body = [] {
    const sim::SimConfig sim = market(1000);
    const std::vector<std::string> codes = codes_of(sim);
    const Link link(sim);
    const Reader still(link.exchange(), "localhost", codes);
    link.leave();
    const Reader reader(link.exchange(), "10.77.1.1", codes);
    std::this_thread::sleep_for(1s);
    EXPECT_FALSE(reader.says_late());
    const std::uint64_t bytes = reader.metrics().bytes;
    std::this_thread::sleep_for(1s);
    const std::uint64_t needed = reader.metrics().bytes - bytes;
    link.cap(std::to_string(needed * 8 / 3) + "bit");
    EXPECT_TRUE(eventually([&] { return reader.says_late(); }, 20s));
    const std::int64_t lag_ms = reader.book_lag_ms();
    EXPECT_TRUE(eventually([&] { return reader.metrics().reconnects == 1; }, 60s));
    const FeedMetrics metrics = reader.metrics();
    EXPECT_EQ(metrics.pending_records, 0U) << "nothing grows on this side";
    EXPECT_LT(metrics.ring_bytes_high, metrics.ring_bytes / 4);
    link.uncap();
    EXPECT_TRUE(eventually(
        [&] { return reader.metrics().connections[0].subscribed && !reader.says_late(); }, 20s));
    std::this_thread::sleep_for(1s);
    EXPECT_EQ(reader.health().state, HealthState::healthy);
    link.stop_market();
    std::this_thread::sleep_for(500ms);
    expect_complete_or_told(reader, still);
    const auto told = reader.log().first(StatusCause::closed_by_peer);
    ASSERT_TRUE(told.has_value());
    std::cout << needed << " bytes/s needed, a third given: said to be behind at " << lag_ms
              << " ms, then cut (" << told->event.text.view() << "), " << reader.trade_count()
              << " of " << still.trade_count() << " trades told, all others within gaps\n";
  };
  const std::string failure = in_new_network(body);
  if (!failure.empty()) GTEST_SKIP() << failure;
}

// Goal: a link that comes and goes gives data each time it is there, costs one connection each time
// it is not, and hides nothing without a word. Method: all packets that come are dropped until the
// feed has noticed, three times.
TEST(FeedNetwork, a_link_that_comes_and_goes_gives_data_each_time) {
  const auto body = [] {
    const sim::SimConfig sim = market(200);
    const std::vector<std::string> codes = codes_of(sim);
    const Link link(sim);
    const Reader still(link.exchange(), "localhost", codes);
    link.leave();
    const Reader reader(link.exchange(), "10.77.1.1", codes, 1s);
    constexpr std::uint64_t kCuts = 3;
    for (std::uint64_t cut = 1; cut <= kCuts; ++cut) {
      Link::lose(100);
      ASSERT_TRUE(eventually([&] { return reader.metrics().reconnects == cut; }));
      Link::lose(0);
      ASSERT_TRUE(eventually([&] { return reader.metrics().connections[0].subscribed; }));
      const std::size_t books = reader.book_count();
      ASSERT_TRUE(eventually([&] { return reader.book_count() > books + 50; }));
    }
    EXPECT_EQ(reader.metrics().reconnects, kCuts);
    EXPECT_EQ(reader.log().count(StatusCause::silent_peer), kCuts);
    EXPECT_EQ(reader.health().state, HealthState::healthy);
    link.stop_market();
    std::this_thread::sleep_for(500ms);
    expect_complete_or_told(reader, still);
  };
  const std::string failure = in_new_network(body);
  if (!failure.empty()) GTEST_SKIP() << failure;
}

}  // namespace
