// Third-party clients, unmodified, against the simulator over verified TLS. A client that works
// with the exchange and not here shows a mistake of the simulator. What is compared, per stream and
// code: frames the server sent on all its connections = results the client's user was given.
//
//   client subscribes -> frames flow -> enough of each -> silence -> script told how many were sent
//   -> waits for them, and a little longer for more -> says what it got
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>

#include "peer_process.hpp"
#include "sim/server.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using Counts = std::map<std::string, std::uint64_t>;  // "trade KRW-BTC" -> frames

constexpr std::uint64_t kEnoughFrames = 50;  // of each stream and code
constexpr auto kFlowPatience = 40s;          // a busy machine takes seconds to load ccxt
constexpr auto kAnswerPatience = 20s;
constexpr std::uint32_t kMarketCount = 9;

class Peers : public testing::Test {
 protected:
  Peers() : server_(make_config()) {}
  ~Peers() override { std::remove(server_.ca_file().c_str()); }

  static SimConfig make_config() {
    SimConfig config;
    config.profile.markets = {4, 3, 2};
    config.profile.frames_per_second = 3'000;
    config.write_ca_to = testing::TempDir() + "peers-" + std::to_string(::getpid()) + "-ca.pem";
    return config;
  }

  static std::string script(const std::string& name) {
    return std::string(UPFEED_PEERS_DIR) + "/" + name;
  }

  Counts sent() {
    Counts counts;
    for (const ConnectionStats& connection : server_.stats().connections) {
      for (const auto& [key, frames] : connection.frames_by_type_and_code) {
        counts[key.first + " " + key.second] += frames;
      }
    }
    return counts;
  }

  /// Lets frames flow until there are enough of each of `streams`, then no more. false: too slow,
  /// or the script ended.
  bool flow(const std::set<std::string>& streams, const PeerProcess& peer) {
    const auto deadline = Steady::now() + kFlowPatience;
    for (;;) {
      Counts counts = sent();
      bool is_enough = true;
      for (const std::string& name : streams) is_enough &= counts[name] >= kEnoughFrames;
      if (is_enough) break;
      if (peer.has_spoken() || Steady::now() > deadline) return false;
      std::this_thread::sleep_for(20ms);
    }
    server_.set_paused(true);
    return true;
  }

  /// What the script says once it has all of `counts`.
  static Json settle(PeerProcess& peer, const Counts& counts) {
    std::uint64_t total = 0;
    for (const auto& [name, frames] : counts) total += frames;
    peer.tell(total);
    return Json::parse(peer.line(kAnswerPatience).value_or("{}"));
  }

  /// Runs a script to its end and compares; returns what it said.
  Json run(const std::string& name, const std::set<std::string>& streams,
           std::size_t request_count) {
    PeerProcess peer(script(name), server_.port(), server_.ca_file());
    if (!flow(streams, peer)) {
      ADD_FAILURE() << Json(sent()) << " after " << peer.line(100ms).value_or("no word");
      return Json::object();
    }
    const Counts counts = sent();
    const Json said = settle(peer, counts);
    EXPECT_EQ(said.value("problems", Json("no answer")), Json::array()) << said;
    EXPECT_EQ(said.value("delivered", Counts()), counts);
    std::set<std::string> names;
    for (const auto& [stream, frames] : counts) names.insert(stream);
    EXPECT_EQ(names, streams);
    const ExchangeStats stats = server_.stats();
    EXPECT_EQ(stats.connections_opened, 1U);
    EXPECT_EQ(stats.connections.at(0).errors_sent, 0U);
    EXPECT_EQ(stats.connections.at(0).requests.size(), request_count);
    std::printf("%s: %s\n", name.c_str(), Json(counts).dump().c_str());
    return said;
  }

  /// What a script says that does not know the CA.
  std::string refusal(const std::string& name) {
    PeerProcess peer(script(name), server_.port(), "");
    const Json said = Json::parse(peer.line(kFlowPatience).value_or("{}"));
    EXPECT_EQ(server_.stats().connections_opened, 0U);
    return said.value("problems", Json::array()).dump();
  }

  SimServer server_;
};

TEST_F(Peers, ccxt_is_given_every_ticker_trade_and_book) {
  // Goal: loadMarkets, REST, and every frame through watchTicker, watchTrades and watchOrderBook of
  // one instance, whose five requests replace each other; method: counts of both ends.
  const Json said = run("ccxt_client.mjs",
                        {"ticker KRW-BTC", "trade KRW-BTC", "trade KRW-ETH", "orderbook KRW-BTC",
                         "orderbook BTC-ETH"},
                        5);
  EXPECT_EQ(said.value("markets", 0U), kMarketCount);
}

TEST_F(Peers, tardis_is_given_every_trade_and_book) {
  // Goal: every frame through the normalised stream of trades and books; method: counts of both
  // ends.
  run("tardis_client.mjs",
      {"trade KRW-BTC", "trade KRW-ETH", "trade BTC-ETH", "orderbook KRW-BTC", "orderbook KRW-ETH",
       "orderbook BTC-ETH"},
      1);
}

TEST_F(Peers, clients_verify_the_certificate) {
  // Goal: the runs above had verification on; method: the same without the CA. Of a failed request
  // ccxt never says why.
  const std::string tardis = refusal("tardis_client.mjs");
  EXPECT_NE(tardis.find("unable to verify the first certificate"), std::string::npos) << tardis;
  const std::string ccxt = refusal("ccxt_client.mjs");
  EXPECT_NE(ccxt.find("/v1/market/all fetch failed"), std::string::npos) << ccxt;
}

}  // namespace
}  // namespace upfeed::sim
