// The simulator's sockets behind a login, over TLS on the loopback.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "sim/auth.hpp"
#include "sim/probe.hpp"
#include "sim/server.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kPatience = 10s;
const ApiKey kKey{"access-of-the-test", "secret-of-the-test"};

SimConfig private_config() {
  SimConfig config;
  config.profile.markets = {6, 2, 2};
  config.keys = {kKey};
  return config;
}

std::string login(const std::string& nonce) {
  return "Authorization: Bearer " + make_token(kKey, nonce) + "\r\n";
}

std::string next_text(Probe& probe) {
  const auto frame = probe.read(kPatience);
  return frame ? frame->payload : std::string();
}

/// Waits until the server has read the requests sent so far: their reply comes behind them.
void settle(Probe& probe) {
  probe.send(R"([{"ticket":"settle"},{"method":"LIST_SUBSCRIPTIONS"}])");
  EXPECT_NE(next_text(probe).find("settle"), std::string::npos);
}

TEST(SimPrivate, a_token_opens_both_sockets_once) {
  // Goal: real verification at the handshake; method: good, reused, forged and missing tokens.
  SimServer server(private_config());
  const auto head = [&](const std::string& target, const std::string& headers) {
    return Probe(server.port(), server.ca_pem()).upgrade(target, headers).substr(0, 12);
  };
  EXPECT_EQ(head("/websocket/v1/private", login("one")), "HTTP/1.1 101");
  EXPECT_EQ(head("/websocket/v1/info", login("two")), "HTTP/1.1 101");
  EXPECT_EQ(head("/websocket/v1/private", login("one")), "HTTP/1.1 401");
  EXPECT_EQ(head("/websocket/v1/private", ""), "HTTP/1.1 401");
  EXPECT_EQ(head("/websocket/v1/private", "Authorization: Bearer a.b.c\r\n"), "HTTP/1.1 401");
  EXPECT_EQ(head("/websocket/v1", login("three")), "HTTP/1.1 101");
  const ExchangeStats stats = server.stats();
  EXPECT_EQ(stats.gate.tokens_seen, 5U);
  EXPECT_EQ(stats.gate.tokens_refused, 2U);
  EXPECT_EQ(stats.gate.nonce_reuses, 1U);
  EXPECT_EQ(stats.gate.authorization_on_public, 1U);
  EXPECT_EQ(stats.connections.at(0).endpoint, Endpoint::private_account);
  EXPECT_EQ(stats.connections.at(0).nonce, "one");
}

TEST(SimPrivate, a_bad_login_can_be_told_in_band) {
  // Goal: the other way to refuse; method: INVALID_AUTH, then close 1000.
  SimConfig config = private_config();
  config.refuse_login_in_band = true;
  SimServer server(config);
  Probe probe(server.port(), server.ca_pem());
  EXPECT_EQ(probe.upgrade("/websocket/v1/private").rfind("HTTP/1.1 101", 0), 0U);
  EXPECT_EQ(Json::parse(next_text(probe))["error"]["name"], "INVALID_AUTH");
  const auto close = probe.read(kPatience);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->opcode, 8);
}

TEST(SimPrivate, injected_events_reach_their_subscribers_word_for_word) {
  // Goal: emit(); method: exact texts in DEFAULT and SIMPLE, codes and categories filtered.
  SimServer server(private_config());
  Probe full(server.port(), server.ca_pem());
  Probe simple(server.port(), server.ca_pem());
  full.upgrade("/websocket/v1/private", login("full"));
  simple.upgrade("/websocket/v1/private", login("simple"));
  full.send(R"([{"ticket":"t"},{"type":"myOrder","codes":["KRW-BTC"]},{"type":"myAsset"},
               {"type":"announcement","categories":["notice"],"include_body":true}])");
  simple.send(R"([{"ticket":"t"},{"type":"myOrder"},{"type":"announcement"},{"format":"SIMPLE"}])");
  settle(full);
  settle(simple);
  const std::string asset =
      R"({"type":"myAsset","asset_uuid":"e635f223-1609-4969-8fb6-4376937baad6","assets":)"
      R"([{"currency":"KRW","balance":1386929.37231066771348207123,"locked":10329.6701}],)"
      R"("asset_timestamp":1710146517259,"timestamp":1710146517267,"stream_type":"REALTIME"})";
  EXPECT_EQ(server.emit(asset), 1U);
  EXPECT_EQ(next_text(full), asset);
  EXPECT_EQ(server.emit(R"({"type":"myOrder","code":"KRW-XRP","price":1.50})"), 1U);
  EXPECT_EQ(next_text(simple), R"({"ty":"myOrder","cd":"KRW-XRP","p":1.50})");
  const std::string order = R"({"type":"myOrder","code":"KRW-BTC","avg_price":1E+3})";
  EXPECT_EQ(server.emit(order), 2U);
  EXPECT_EQ(next_text(full), order);
  EXPECT_EQ(next_text(simple), R"({"ty":"myOrder","cd":"KRW-BTC","ap":1E+3})");
  const std::string notice = R"({"type":"announcement","category":"notice","body":null})";
  EXPECT_EQ(server.emit(notice), 2U);
  EXPECT_EQ(next_text(full), notice);
  EXPECT_EQ(next_text(simple), R"({"ty":"announcement","cat":"notice"})");
  EXPECT_EQ(server.emit(R"({"type":"announcement","category":"nft"})"), 1U);
  EXPECT_EQ(server.emit("garbage"), 0U);
}

TEST(SimPrivate, the_scenario_brings_orders_balances_notices_and_indicators) {
  // Goal: a living account; method: fast intervals, types and states collected from both sockets.
  SimConfig config = private_config();
  config.scenario = {true, 5ms, 20ms, 20ms};
  SimServer server(config);
  Probe account(server.port(), server.ca_pem());
  account.upgrade("/websocket/v1/private", login("account"));
  account.send(R"([{"ticket":"t"},{"type":"myOrder"},{"type":"myAsset"},{"type":"announcement"}])");
  std::map<std::string, int> types;
  std::set<std::string> states;
  for (int i = 0; i < 150; ++i) {
    const Json json = Json::parse(next_text(account));
    if (i == 0) {
      EXPECT_EQ(json["type"], "myAsset");
    }
    ++types[json["type"]];
    if (json["type"] == "myOrder") states.insert(json["state"].get<std::string>());
    EXPECT_FALSE(json.contains("body"));
  }
  EXPECT_EQ(states.size(), 6U);
  EXPECT_GE(types["announcement"], 1);
  Probe info(server.port(), server.ca_pem());
  info.upgrade("/websocket/v1/info", login("info"));
  info.send(R"([{"ticket":"t"},
    {"type":"indicator","codes":["KRW-BTC","KRW-NONE"],"timeframe":"5m",
     "indicators":[{"type":"rsi","params":{"period":14}},{"type":"macd"}]},
    {"type":"indicator_signal","codes":["KRW-BTC"],"timeframe":"1d",
     "indicators":[{"type":"volume"}]}])");
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const Json json = Json::parse(next_text(info));
    EXPECT_EQ(json["code"], "KRW-BTC");
    seen.insert(json["type"].get<std::string>() + " " + json["indicator"].get<std::string>() +
                json["params"].dump());
  }
  EXPECT_EQ(seen, (std::set<std::string>{"indicator rsi{\"period\":14}", "indicator macd{}",
                                         "indicator_signal volume{}"}));
}

TEST(SimPrivate, list_names_what_was_asked_for) {
  // Goal: LIST_SUBSCRIPTIONS behind the login; method: whole replies.
  SimServer server(private_config());
  Probe probe(server.port(), server.ca_pem());
  probe.upgrade("/websocket/v1/private", login("list"));
  probe.send(R"([{"ticket":"t"},{"type":"myOrder","codes":["KRW-BTC"]},{"type":"myAsset"},
                {"type":"announcement"}])");
  probe.send(R"([{"ticket":"u"},{"method":"LIST_SUBSCRIPTIONS"}])");
  EXPECT_EQ(next_text(probe),
            R"({"method":"LIST_SUBSCRIPTIONS","result":[{"type":"myOrder","codes":["KRW-BTC"]},)"
            R"({"type":"myAsset"},{"type":"announcement"}],"ticket":"u"})");
}

TEST(SimPrivate, requests_are_judged_by_the_rules_of_their_socket) {
  // Goal: the error table behind the login; method: one bad request per connection.
  SimServer server(private_config());
  std::string many;
  for (int i = 0; i < 51; ++i) many += (i == 0 ? "\"KRW-A" : ",\"KRW-A") + std::to_string(i) + "\"";
  const std::map<std::string, std::pair<std::string, std::string>> table{
      {R"({"type":"myAsset","codes":["KRW-BTC"]})", {"private", "WRONG_FORMAT"}},
      {R"({"type":"myOrder","codes":"KRW-BTC"})", {"private", "WRONG_FORMAT"}},
      {R"({"type":"announcement","categories":["trading"]})", {"private", "INVALID_PARAM"}},
      {R"({"type":"announcement","include_body":1})", {"private", "WRONG_FORMAT"}},
      {R"({"type":"ticker","codes":["KRW-BTC"]})", {"private", "INVALID_PARAM"}},
      {R"({"type":"myOrder"})", {"info", "INVALID_PARAM"}},
      {R"({"type":"indicator","timeframe":"5m","indicators":[{"type":"rsi"}]})",
       {"info", "NO_CODES"}},
      {R"({"type":"indicator","codes":["KRW-BTC"],"timeframe":"7m","indicators":[{"type":"rsi"}]})",
       {"info", "INVALID_PARAM"}},
      {R"({"type":"indicator","codes":["KRW-BTC"],"timeframe":"5m","indicators":[{"type":"x"}]})",
       {"info", "INVALID_PARAM"}},
      {R"({"type":"indicator","codes":[)" + many +
           R"(],"timeframe":"5m","indicators":[{"type":"rsi"},{"type":"macd"}]})",
       {"info", "TOO_MANY_REQUEST"}},
  };
  int nonce = 0;
  for (const auto& [object, expected] : table) {
    Probe probe(server.port(), server.ca_pem());
    probe.upgrade("/websocket/v1/" + expected.first, login("judged " + std::to_string(++nonce)));
    probe.send(R"([{"ticket":"t"},)" + object + "]");
    EXPECT_EQ(Json::parse(next_text(probe))["error"]["name"], expected.second) << object;
  }
}

TEST(SimPrivate, connects_above_the_rate_get_429_and_then_418) {
  // Goal: the connect limit over the wire; method: upgrades at once on connections made before.
  SimConfig config = private_config();
  config.connect_limit.is_enforced = true;
  config.connect_limit.teapot_after = 1;
  SimServer server(config);
  std::string teapot;
  int retry_after = 0;
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 8; ++i) {
    probes.push_back(std::make_unique<Probe>(server.port(), server.ca_pem()));
  }
  for (const auto& probe : probes) {
    const std::string head = probe->upgrade();
    if (head.rfind("HTTP/1.1 429", 0) == 0) {
      ++retry_after;
      EXPECT_NE(head.find("Retry-After: 1\r\n"), std::string::npos) << head;
    }
    if (head.rfind("HTTP/1.1 418", 0) == 0) teapot = head;
    if (!teapot.empty()) break;
  }
  EXPECT_EQ(retry_after, 1);
  EXPECT_FALSE(teapot.empty());
  EXPECT_GE(server.stats().gate.connect_violations, 2U);
}

}  // namespace
}  // namespace upfeed::sim
