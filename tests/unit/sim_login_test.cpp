// The simulator's door and what is behind it, without a network: tokens, connect rates, events of
// the private streams, the account.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "sim/account.hpp"
#include "sim/auth.hpp"
#include "sim/gate.hpp"
#include "sim/private_event.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
constexpr std::int64_t kStartMs = 1'790'134'742'000;
const ApiKey kKey{"access", "secret"};

std::string bearer(const std::string& token) {
  return "Bearer " + token;
}

Handshake dial(const std::string& target, const std::string& token = "") {
  Handshake handshake{target, "localhost", {}, false};
  if (!token.empty()) handshake.authorization = bearer(token);
  return handshake;
}

TEST(SimAuth, a_token_of_the_published_example_verifies) {
  // Goal: our HMAC and base64url are the standard's; method: the HS256 example of jwt.io, whose
  // signature is published.
  const std::string example =
      "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
      "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.";
  EXPECT_EQ(sign_token(R"({"sub":"1234567890","name":"John Doe","iat":1516239022})",
                       "your-256-bit-secret", "HS256"),
            example + "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c");
}

TEST(SimAuth, both_algorithms_pass_and_every_fault_has_its_answer) {
  // Goal: each way to be refused; method: one token per way.
  TokenChecker checker({kKey, {"other", "secret 2"}});
  const auto check = [&](const std::string& text) { return checker.check(text).result; };
  EXPECT_EQ(check(bearer(make_token(kKey, "n1", "HS256"))), LoginResult::accepted);
  EXPECT_EQ(check(bearer(make_token(kKey, "n2", "HS512"))), LoginResult::accepted);
  EXPECT_EQ(check(bearer(make_token({"other", "secret 2"}, "n1"))), LoginResult::accepted);
  EXPECT_EQ(check(bearer(make_token(kKey, "n1"))), LoginResult::nonce_reused);
  EXPECT_EQ(check(bearer(make_token({"stranger", "secret"}, "n3"))), LoginResult::unknown_key);
  EXPECT_EQ(check(bearer(make_token({"access", "wrong"}, "n3"))), LoginResult::bad_signature);
  EXPECT_EQ(check(bearer(make_token(kKey, "n3", "none"))), LoginResult::unknown_algorithm);
  EXPECT_EQ(check(bearer(sign_token(R"({"nonce":"n3"})", "secret", "HS256"))),
            LoginResult::unknown_key);
  EXPECT_EQ(check(bearer(sign_token(R"({"access_key":"access"})", "secret", "HS256"))),
            LoginResult::no_nonce);
  EXPECT_EQ(check(bearer(sign_token(R"({"access_key":"access","nonce":5})", "secret", "HS256"))),
            LoginResult::no_nonce);
  const std::string good = make_token(kKey, "n3");
  EXPECT_EQ(check(good), LoginResult::malformed);
  EXPECT_EQ(check("Basic " + good), LoginResult::malformed);
  EXPECT_EQ(check(bearer(good + "=")), LoginResult::malformed);
  EXPECT_EQ(check(bearer(good + ".x")), LoginResult::malformed);
  EXPECT_EQ(check(bearer(good.substr(0, good.rfind('.') + 1))), LoginResult::bad_signature);
  for (std::size_t i = good.find('.') + 1; i < good.size(); ++i) {
    std::string bent = good;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(check(bearer(bent)), LoginResult::accepted) << i;
  }
  EXPECT_EQ(check(bearer(good)), LoginResult::accepted) << "a refused token uses up no nonce";
}

TEST(SimGate, paths_and_logins_decide) {
  // Goal: 404, 401, in; method: dials to each path with and without token, and the counts.
  Gate gate({{kKey}, false, {}});
  const auto status = [&](const Handshake& handshake) {
    const Admission admission = gate.admit(handshake, kStartMs);
    return admission.refusal ? admission.refusal->status : 101U;
  };
  EXPECT_EQ(status(dial("/websocket/v1")), 101U);
  EXPECT_EQ(status(dial("/websocket/v1", make_token(kKey, "1"))), 101U);
  EXPECT_EQ(status(dial("/websocket/v2")), 404U);
  EXPECT_EQ(status(dial("/websocket/v1/private")), 401U);
  EXPECT_EQ(status(dial("/websocket/v1/private", make_token(kKey, "2"))), 101U);
  EXPECT_EQ(status(dial("/websocket/v1/info?x=1", make_token(kKey, "3"))), 101U);
  EXPECT_EQ(status(dial("/websocket/v1/private", make_token(kKey, "3"))), 401U);
  const GateStats& stats = gate.stats();
  EXPECT_EQ(stats.tokens_seen, 4U);
  EXPECT_EQ(stats.tokens_refused, 1U);
  EXPECT_EQ(stats.nonce_reuses, 1U);
  EXPECT_EQ(stats.authorization_on_public, 1U);
  EXPECT_EQ(stats.by_status.at(101), 4U);
  ASSERT_EQ(stats.handshakes.size(), 7U);
  EXPECT_EQ(stats.handshakes[4].nonce, "2");
  EXPECT_EQ(stats.handshakes[6].login, LoginResult::nonce_reused);
  Gate keyless({{}, false, {}});
  EXPECT_EQ(keyless.admit(dial("/websocket/v1/private", make_token(kKey, "1")), 0).refusal->status,
            401U);
  Gate polite({{kKey}, true, {}});
  const Admission admission = polite.admit(dial("/websocket/v1/private"), kStartMs);
  EXPECT_FALSE(admission.refusal);
  EXPECT_TRUE(admission.is_bad_login);
}

TEST(SimGate, too_many_connects_get_429_then_418_with_a_growing_block) {
  // Goal: the connect limit with its hints; method: dials on a hand-moved clock.
  ConnectLimit limit;
  limit.is_enforced = true;
  limit.teapot_after = 2;
  Gate gate({{kKey}, false, limit});
  std::int64_t now_ms = kStartMs;
  const auto answer = [&] { return gate.admit(dial("/websocket/v1"), now_ms).refusal; };
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(answer());
  EXPECT_FALSE(gate.admit(dial("/websocket/v1", make_token(kKey, "1")), now_ms).refusal)
      << "an account has a budget of its own";
  for (int i = 0; i < 2; ++i) {
    const auto refusal = answer();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->status, 429U);
    EXPECT_EQ(refusal->headers.at(0).first, "Retry-After");
    EXPECT_EQ(refusal->headers.at(0).second, "1");
  }
  EXPECT_EQ(answer()->status, 418U);
  now_ms += 9'999;
  const auto blocked = answer();
  ASSERT_TRUE(blocked);
  EXPECT_NE(blocked->body.find("Blocked for 1 seconds"), std::string::npos) << blocked->body;
  EXPECT_EQ(gate.stats().dials_while_blocked, 1U);
  now_ms += 1;
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(answer());
  EXPECT_NE(answer()->body.find("Blocked for 20 seconds"), std::string::npos);
  EXPECT_EQ(gate.stats().connect_violations, 4U);
  Gate lenient({{}, false, {}});
  for (int i = 0; i < 7; ++i) EXPECT_FALSE(lenient.admit(dial("/websocket/v1"), kStartMs).refusal);
  EXPECT_EQ(lenient.stats().connect_violations, 2U);
}

TEST(SimPrivateEvent, formats_rename_the_event_s_own_keys_only) {
  // Goal: aliases, brackets and bodies without touching a value; method: whole texts.
  const std::string asset =
      R"({"type":"myAsset","assets":[{"currency":"KRW","balance":1386929.37231066771348207123,)"
      R"("locked":0E-8}],"stream_type":"REALTIME"})";
  const auto event = read_private_event(asset);
  ASSERT_TRUE(event);
  EXPECT_EQ(write_private_event(*event, Format::full, false), asset);
  EXPECT_EQ(write_private_event(*event, Format::json_list, false), "[" + asset + "]");
  EXPECT_EQ(write_private_event(*event, Format::simple_list, false),
            R"([{"ty":"myAsset","ast":[{"cu":"KRW","b":1386929.37231066771348207123,)"
            R"("l":0E-8}],"st":"REALTIME"}])");
  const auto indicator = read_private_event(
      R"({"type":"indicator","indicator":"macd","params":{"type":1},"value":{"value":2}})");
  ASSERT_TRUE(indicator);
  EXPECT_EQ(write_private_event(*indicator, Format::simple, false),
            R"({"ty":"indicator","ind":"macd","p":{"type":1},"v":{"value":2}})");
  const auto notice = read_private_event(
      R"({"type":"announcement","title":"a \"body\": b","body":"x,}","timestamp":1})");
  ASSERT_TRUE(notice);
  EXPECT_EQ(write_private_event(*notice, Format::full, false),
            R"({"type":"announcement","title":"a \"body\": b","timestamp":1})");
  EXPECT_EQ(write_private_event(*notice, Format::simple, true),
            R"({"ty":"announcement","tt":"a \"body\": b","bd":"x,}","tms":1})");
  EXPECT_FALSE(read_private_event(R"({"type":"trade"})"));
  EXPECT_FALSE(read_private_event("garbage"));
}

/// A decimal text without exponent as an integer of 1e-20.
Int128 amount_of(std::string_view text) {
  Int128 value = 0;
  int decimals = -1;
  for (const char c : text) {
    if (c == '.') {
      decimals = 0;
    } else {
      value = value * 10 + (c - '0');
      decimals += decimals >= 0 ? 1 : 0;
    }
  }
  for (int i = std::max(decimals, 0); i < kAmountScale; ++i) value *= 10;
  return value;
}

std::string number_of(const std::string& frame, const std::string& key) {
  const std::size_t at = frame.find("\"" + key + "\":") + key.size() + 3;
  return frame.substr(at, frame.find_first_of(",}", at) - at);
}

TEST(SimAccount, starts_as_documented_and_shows_every_order_type_state_and_null) {
  // Goal: coverage of the documented value sets; method: a few hundred steps, sets compared.
  Account account(7, {{"KRW-BTC", 116'000'000 * kOne, 1'000 * kOne}, {"KRW-BTT", 49'000, 100}});
  const auto first = account.step(kStartMs);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(number_of(first[0], "balance"), "1386929.37231066771348207123");
  std::map<std::string, std::set<std::string>> values;
  std::set<std::string> nulls;
  for (int i = 1; i < 300; ++i) {
    for (const std::string& frame : account.step(kStartMs + i * 1'000)) {
      const Json json = Json::parse(frame);
      if (json["type"] != "myOrder") continue;
      ASSERT_EQ(json.size(), 29U);
      for (const char* key : {"order_type", "state", "time_in_force", "smp_type", "ask_bid"}) {
        if (json[key].is_string()) values[key].insert(json[key].get<std::string>());
      }
      for (const auto& [key, value] : json.items()) {
        if (value.is_null()) nulls.insert(key);
      }
      const bool is_trade = json["state"] == "trade";
      EXPECT_EQ(json["trade_uuid"].is_null(), !is_trade);
      EXPECT_EQ(json["trade_fee"].is_null(), !is_trade);
      EXPECT_EQ(json["is_maker"].is_null(), !is_trade);
      EXPECT_EQ(json["trade_timestamp"].is_null(), !is_trade);
    }
  }
  using Set = std::set<std::string>;
  EXPECT_EQ(values["order_type"], (Set{"limit", "price", "market", "best"}));
  EXPECT_EQ(values["state"], (Set{"wait", "watch", "trade", "done", "cancel", "prevented"}));
  EXPECT_EQ(values["time_in_force"], (Set{"ioc", "fok", "post_only"}));
  EXPECT_EQ(values["smp_type"], (Set{"reduce", "cancel_maker", "cancel_taker"}));
  EXPECT_EQ(values["ask_bid"], (Set{"ASK", "BID"}));
  for (const char* key :
       {"price", "volume", "remaining_volume", "identifier", "smp_type", "time_in_force"}) {
    EXPECT_TRUE(nulls.contains(key)) << key;
  }
}

TEST(SimAccount, money_adds_up_to_the_last_decimal) {
  // Goal: balance + locked follows the trades and fees; method: own sums from the frames' texts.
  Account account(11, {{"KRW-BTC", 116'000'000 * kOne, 1'000 * kOne}});
  Int128 krw = 0;
  for (int i = 0; i < 400; ++i) {
    for (const std::string& frame : account.step(kStartMs + i * 1'000)) {
      const Json json = Json::parse(frame);
      if (json["type"] == "myAsset") {
        if (json["assets"][0]["currency"] != "KRW") continue;
        const Int128 total =
            amount_of(number_of(frame, "balance")) + amount_of(number_of(frame, "locked"));
        if (krw == 0) krw = total;
        ASSERT_TRUE(total == krw) << i << ' ' << frame;
      } else if (json["state"] == "trade") {
        const Int128 volume_e8 = amount_of(number_of(frame, "volume")) / 1'000'000'000'000;
        const Int128 price_e8 = amount_of(number_of(frame, "price")) / 1'000'000'000'000;
        const Int128 funds = volume_e8 * price_e8 * 10'000;
        krw +=
            (json["ask_bid"] == "ASK" ? funds : -funds) - amount_of(number_of(frame, "trade_fee"));
      }
    }
  }
}

}  // namespace
}  // namespace upfeed::sim
