// The simulator's protocol, without a network: requests in, frames and closes out, a hand-moved
// clock.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/rest.hpp"
#include "sim_stage.hpp"

namespace upfeed::sim {
namespace {

using Json = nlohmann::json;
std::string error_name(const std::vector<std::string>& frames) {
  if (frames.size() != 1) return "frames: " + std::to_string(frames.size());
  return Json::parse(frames.front())["error"]["name"];
}

TEST(SimExchange, snapshot_first_then_realtime_for_the_asked_codes_only) {
  // Goal: the subscription's basic shape; method: three streams of two codes for two seconds.
  Stage stage;
  stage.say(R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH"]},
                {"type":"trade","codes":["KRW-BTC"]},
                {"type":"orderbook","codes":["KRW-BTC","KRW-NONE","krw-eth"]}])");
  stage.run(2'000);
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> streams;
  for (const std::string& frame : stage.take()) {
    const Json json = Json::parse(frame);
    streams[{json["type"], json["code"]}].push_back(json["stream_type"]);
  }
  ASSERT_EQ(streams.size(), 4U);
  for (const auto& [key, types] : streams) {
    EXPECT_EQ(types.front(), "SNAPSHOT") << key.first << key.second;
    EXPECT_EQ(std::count(types.begin(), types.end(), "SNAPSHOT"), 1) << key.first << key.second;
  }
  const auto& books = streams[{"orderbook", "KRW-BTC"}];
  EXPECT_GE(books.size(), 20U);  // the 100 ms grid
  EXPECT_EQ((stage.stats().frames_by_type_and_code[{"orderbook", "KRW-BTC"}]), books.size());
}

TEST(SimExchange, a_request_replaces_the_one_before) {
  // Goal: replace-on-request; method: two requests with different streams.
  Stage stage;
  stage.say(R"([{"ticket":"a"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  stage.run(500);
  stage.take();
  stage.say(R"([{"ticket":"b"},{"type":"orderbook","codes":["KRW-ETH"]},{"format":"SIMPLE"}])");
  stage.run(500);
  const auto frames = stage.take();
  EXPECT_GE(frames.size(), 2U);
  for (const std::string& frame : frames) EXPECT_EQ(Json::parse(frame)["cd"], "KRW-ETH");
}

TEST(SimExchange, modes_pick_snapshot_or_realtime_in_both_spellings) {
  // Goal: is_only_snapshot, is_only_realtime and their camelCase forms; method: one request each.
  for (const char* key : {"is_only_snapshot", "isOnlySnapshot"}) {
    Stage stage;
    stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],")" + std::string(key) +
              R"(":true}])");
    stage.run(1'000);
    const auto frames = stage.take();
    ASSERT_EQ(frames.size(), 1U) << key;
    EXPECT_EQ(Json::parse(frames[0])["stream_type"], "SNAPSHOT");
  }
  for (const char* key : {"is_only_realtime", "isOnlyRealtime"}) {
    Stage stage;
    stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],")" + std::string(key) +
              R"(":true}])");
    EXPECT_TRUE(stage.take().empty()) << key;
    stage.run(1'000);
    const auto frames = stage.take();
    ASSERT_GE(frames.size(), 9U) << key;
    for (const auto& frame : frames) EXPECT_EQ(Json::parse(frame)["stream_type"], "REALTIME");
  }
}

TEST(SimExchange, unit_suffix_sets_the_depth_and_others_mean_30) {
  // Goal: .1 .5 .15 .30; method: snapshots, the code comes back without suffix.
  const std::map<std::string, std::size_t> expected{{"", 30},    {".1", 1},   {".5", 5},
                                                    {".15", 15}, {".30", 30}, {".20", 30}};
  for (const auto& [suffix, units] : expected) {
    Stage stage;
    stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC)" + suffix + R"("]}])");
    const auto frames = stage.take();
    ASSERT_EQ(frames.size(), 1U);
    const Json json = Json::parse(frames[0]);
    EXPECT_EQ(json["code"], "KRW-BTC");
    EXPECT_EQ(json["orderbook_units"].size(), units) << suffix;
    EXPECT_EQ(json["level"], 0);
  }
}

TEST(SimExchange, supported_levels_group_and_others_are_silent) {
  // Goal: level on KRW, silence for unsupported levels and other quotes; method: snapshots.
  Stage stage;
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":10000}])");
  const auto frames = stage.take();
  ASSERT_EQ(frames.size(), 1U);
  const Json json = Json::parse(frames[0]);
  EXPECT_EQ(json["level"], 10'000);
  for (const Json& unit : json["orderbook_units"]) {
    EXPECT_EQ(static_cast<std::int64_t>(unit["ask_price"].get<double>()) % 10'000, 0);
  }
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":"100000"}])");
  EXPECT_EQ(stage.take().size(), 1U);
  for (const char* object :
       {R"("codes":["KRW-BTC"],"level":12345)", R"("codes":["BTC-ETH"],"level":1)",
        R"("codes":["USDT-BTC"],"level":0.1)"}) {
    stage.now_ms += 1'000;
    stage.say(R"([{"ticket":"t"},{"type":"orderbook",)" + std::string(object) + "}]");
    stage.run(500);
    EXPECT_TRUE(stage.take().empty()) << object;
  }
}

TEST(SimExchange, formats_rename_wrap_and_stay_with_the_connection) {
  // Goal: the four formats, and that LIST_SUBSCRIPTIONS changes it too; method: snapshots and a
  // list.
  Stage stage;
  const auto ask = [&](const std::string& format) {
    stage.now_ms += 1'000;
    stage.say(R"([{"ticket":"t"},{"format":")" + format +
              R"("},{"type":"trade","codes":["KRW-XRP"]}])");
    return Json::parse(stage.take().front());
  };
  EXPECT_EQ(ask("DEFAULT")["type"], "trade");
  EXPECT_EQ(ask("SIMPLE")["ty"], "trade");
  EXPECT_EQ(ask("JSON_LIST")[0]["type"], "trade");
  EXPECT_EQ(ask("SIMPLE_LIST")[0]["ty"], "trade");
  stage.say(R"([{"ticket":"q\"1"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"SIMPLE"}])");
  const Json list = Json::parse(stage.take().front());
  EXPECT_EQ(list["mthd"], "LIST_SUBSCRIPTIONS");
  EXPECT_EQ(list["tckt"], "q\"1");
  EXPECT_EQ(list["rslt"], Json::parse(R"([{"ty":"trade","cds":["KRW-XRP"]}])"));
  stage.run(30'000);
  const auto frames = stage.take();
  ASSERT_FALSE(frames.empty());
  EXPECT_EQ(Json::parse(frames.back())["ty"], "trade");
}

TEST(SimExchange, list_shows_codes_and_levels_and_disturbs_nothing) {
  // Goal: the reply of LIST_SUBSCRIPTIONS; method: two types, then the list, then data goes on.
  Stage stage;
  stage.say(R"([{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC","KRW-NONE"]},
                {"type":"orderbook","codes":["KRW-BTC"]}])");
  stage.take();
  stage.say(R"([{"ticket":"b"},{"method":"LIST_SUBSCRIPTIONS"}])");
  EXPECT_EQ(stage.take().front(),
            R"({"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-BTC"]},)"
            R"({"type":"orderbook","codes":["KRW-BTC"],"level":0}],"ticket":"b"})");
  stage.run(1'000);
  EXPECT_GE(stage.take().size(), 9U);
}

TEST(SimExchange, list_names_a_code_once_and_without_its_unit_suffix) {
  // Goal: what the documentation shows of a suffixed subscription; method: two depths of one code.
  Stage stage;
  stage.say(R"([{"ticket":"a"},
                {"type":"orderbook","codes":["KRW-BTC.1","KRW-BTC.15","KRW-ETH.5"],"level":0}])");
  EXPECT_EQ(stage.take().size(), 3U);
  stage.say(R"([{"ticket":"b"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"SIMPLE"}])");
  EXPECT_EQ(stage.take().front(), R"({"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"orderbook",)"
                                  R"("cds":["KRW-BTC","KRW-ETH"],"lv":0}],"tckt":"b"})");
}

TEST(SimExchange, a_connection_s_life_is_counted) {
  // Goal: what a test can read about its client; method: one of everything, then the close.
  Stage stage;
  stage.exchange.on_open(2, stage.now_ms, {Endpoint::private_account, "nonce-1"});
  stage.say("PING", 2);
  stage.say(R"([{"ticket":"t"},{"type":"myAsset"}])", 2);
  stage.exchange.on_ping(2, stage.now_ms);
  stage.exchange.on_pong(2, stage.now_ms);
  EXPECT_EQ(stage.exchange.emit(R"({"type":"myAsset"})", stage.now_ms), 1U);
  stage.now_ms += 5;
  stage.exchange.on_closed(2, stage.now_ms, 1001);
  const ConnectionStats stats = stage.exchange.stats().connections.at(1);
  EXPECT_EQ(stats.endpoint, Endpoint::private_account);
  EXPECT_EQ(stats.nonce, "nonce-1");
  EXPECT_EQ(stats.ping_texts_received, 1U);
  EXPECT_EQ(stats.pings_received, 1U);
  EXPECT_EQ(stats.pongs_received, 1U);
  EXPECT_EQ(stats.requests.size(), 2U);
  EXPECT_EQ(stats.bytes_received, stats.requests[0].text.size() + stats.requests[1].text.size());
  EXPECT_EQ(stats.bytes_sent, 18U);
  EXPECT_EQ((stats.frames_by_type_and_code.at({"myAsset", ""})), 1U);
  EXPECT_EQ(stats.close_code, 1001);
  EXPECT_EQ(stats.closed_at_ms - stats.opened_at_ms, 5);
}

TEST(SimExchange, refused_requests_get_their_error_and_a_close) {
  // Goal: the error table; method: one bad request per connection, then 150 ms.
  const std::vector<std::pair<std::string, std::string>> table{
      {"hello", "WRONG_FORMAT"},
      {R"({"ticket":"t"})", "WRONG_FORMAT"},
      {R"([{"ticket":"t"},{"type":5,"codes":["KRW-BTC"]}])", "WRONG_FORMAT"},
      {R"([{"ticket":"t"},{"type":"ticker","codes":"KRW-BTC"}])", "WRONG_FORMAT"},
      {R"([{"ticket":"t"},{"type":"myAsset","codes":["KRW-BTC"]}])", "WRONG_FORMAT"},
      {R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":1}])",
       "WRONG_FORMAT"},
      {R"([{"type":"ticker","codes":["KRW-BTC"]}])", "NO_TICKET"},
      {R"([{"ticket":""},{"type":"ticker","codes":["KRW-BTC"]}])", "NO_TICKET"},
      {R"([{"ticket":"t"}])", "NO_TYPE"},
      {R"([{"ticket":"t"},{"codes":["KRW-BTC"]}])", "NO_TYPE"},
      {R"([{"ticket":"t"},{"type":"ticker"}])", "NO_CODES"},
      {R"([{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}])", "INVALID_PARAM"},
      {R"([{"ticket":"t"},{"type":"ticker","codes":[]}])", "INVALID_PARAM"},
      {R"([{"ticket":"t"},{"type":"myOrder"}])", "INVALID_AUTH"},
  };
  for (const auto& [request, name] : table) {
    Stage stage;
    stage.say(request);
    EXPECT_EQ(error_name(stage.take()), name) << request;
    stage.run(149);
    EXPECT_TRUE(stage.net.closed.empty()) << request;
    stage.say(R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}])");
    EXPECT_TRUE(stage.take().empty()) << "deaf after an error";
    stage.run(1);
    EXPECT_EQ(stage.net.closed[1], 1000) << request;
  }
}

TEST(SimExchange, errors_speak_korean_and_on_regional_hosts_english) {
  // Goal: texts seen on the wire; method: whole frames, and level refused regionally.
  Stage korean;
  korean.say(R"([{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}])");
  EXPECT_EQ(korean.take().front(),
            R"({"error":{"message":"nope 은 지원하지 않는 타입입니다.","name":"INVALID_PARAM"}})");
  ExchangeOptions options = small_options();
  options.regional = true;
  Stage regional(options);
  regional.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC","IDR-BTC"]}])");
  ASSERT_EQ(regional.net.sent[1].size(), 1U) << "codes of the other hosts are ignored";
  EXPECT_FALSE(Json::parse(regional.take().front()).contains("level"));
  regional.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":0}])");
  EXPECT_EQ(regional.take().front(),
            R"({"error":{"message":"Requested using wrong format.","name":"WRONG_FORMAT"}})");
}

TEST(SimExchange, ping_starts_the_up_clock_for_good) {
  // Goal: {"status":"UP"} on the server's 10 s tick after one PING; method: 35 s on the clock.
  Stage stage;
  stage.now_ms += 3'000;
  stage.say("PING");
  stage.run(6'999);
  EXPECT_TRUE(stage.take().empty());
  stage.run(1);
  EXPECT_EQ(stage.take(), std::vector<std::string>{R"({"status":"UP"})"});
  stage.run(25'000);
  EXPECT_EQ(stage.take().size(), 2U);
  EXPECT_EQ(stage.stats().up_frames_sent, 3U);
}

TEST(SimExchange, a_quiet_connection_is_cut_after_60_s_and_pings_keep_it) {
  // Goal: the idle close without a close frame; method: one silent, one pinging, one snapshot-only
  // connection.
  Stage stage;
  stage.exchange.on_open(2, stage.now_ms);
  stage.exchange.on_open(3, stage.now_ms);
  stage.run(1'000);
  stage.say(R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true}])", 3);
  stage.run(58'999);
  EXPECT_TRUE(stage.net.dropped.empty());
  stage.exchange.on_ping(2, stage.now_ms);
  stage.run(1);
  EXPECT_EQ(stage.net.dropped, std::set<ConnectionId>{1});
  stage.run(1'000);
  EXPECT_EQ(stage.net.dropped, (std::set<ConnectionId>{1, 3}));
  EXPECT_TRUE(stage.net.closed.empty());
  EXPECT_EQ(stage.exchange.stats().idle_drops, 2U);
}

TEST(SimExchange, message_rates_are_counted_and_enforced_on_demand) {
  // Goal: 5 messages a second; method: six at once, with and without punishment.
  const std::string request = R"([{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}])";
  Stage lenient;
  for (int i = 0; i < 6; ++i) lenient.say(request);
  EXPECT_EQ(lenient.take().size(), 6U);
  EXPECT_EQ(lenient.stats().rate_violations, 1U);
  ExchangeOptions options = small_options();
  options.enforce_rate_limit = true;
  Stage strict(options);
  for (int i = 0; i < 6; ++i) strict.say(request);
  const auto frames = strict.take();
  ASSERT_EQ(frames.size(), 6U);
  EXPECT_EQ(error_name({frames.back()}), "Too Many Requests");
  strict.run(150);
  EXPECT_EQ(strict.net.closed.count(1), 1U);
}

TEST(SimExchange, message_rate_of_a_minute_is_counted_too) {
  // Goal: 100 messages a minute; method: four a second for 26 s make 104 in the first minute.
  Stage stage;
  for (int i = 0; i < 104; ++i) {
    stage.say(R"([{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}])");
    stage.now_ms += 250;
  }
  EXPECT_EQ(stage.stats().rate_violations, 4U);
}

TEST(SimExchange, frame_limit_and_start_on_subscribe_make_a_run_repeatable) {
  // Goal: the same bytes every time, then silence, then a known final book; method: two runs paced
  // differently.
  const auto run = [](std::int64_t step_ms, std::int64_t wait_ms) {
    ExchangeOptions options = small_options();
    options.start_time_ms = kStartMs;
    options.start_on_subscribe = true;
    options.frame_limit = 500;
    Stage stage(options);
    stage.run(wait_ms);
    stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC","KRW-ETH","KRW-BTT"]},
                  {"type":"trade","codes":["KRW-BTC"]},{"type":"candle.1s","codes":["KRW-BTC"]}])");
    for (int i = 0; i < 40'000 / step_ms; ++i) stage.run(step_ms);
    const auto stats = stage.exchange.stats();
    EXPECT_TRUE(stats.source_finished);
    EXPECT_GE(stats.realtime_frames_sent, 500U);
    EXPECT_LE(stats.realtime_frames_sent, 510U);
    const Market& market = *stage.exchange.market();
    const std::uint32_t index = market.find("KRW-BTC");
    const Json book =
        Json::parse(exact_book_json(market.instruments()[index], market.published_book(index)));
    auto frames = stage.take();
    for (auto it = frames.rbegin(); it != frames.rend(); ++it) {
      const Json frame = Json::parse(*it);
      if (frame["type"] != "orderbook" || frame["code"] != "KRW-BTC") continue;
      EXPECT_EQ(frame["timestamp"], book["timestamp"]);
      break;
    }
    return frames;
  };
  const auto first = run(7, 0);
  EXPECT_GE(first.size(), 505U);
  EXPECT_EQ(first, run(250, 5'000));
}

TEST(SimExchange, a_finished_market_has_sent_what_its_snapshots_show) {
  // Goal: a market that stops loses nothing, or it looks like a stream that fell silent; method:
  // runs of many lengths, the last frame of each stream against a snapshot asked for afterwards.
  ExchangeOptions options = small_options();
  options.profile.frames_per_second = 100;  // most books then follow a trade, off the grid
  options.start_on_subscribe = true;
  const auto states = [](Stage& stage) {
    std::map<std::pair<std::string, std::string>, Json> last;
    for (const std::string& frame : stage.take()) {
      const Json json = Json::parse(frame);
      const bool is_book = json["type"] == "orderbook";
      last[{json["type"], json["code"]}] = json[is_book ? "timestamp" : "trade_timestamp"];
    }
    return last;
  };
  for (std::uint64_t limit = 1; limit <= 100; ++limit) {
    options.frame_limit = limit;
    Stage stage(options);
    const Json codes = stage.exchange.codes();
    const std::string request = Json::array({{{"ticket", "t"}},
                                             {{"type", "orderbook"}, {"codes", codes}},
                                             {{"type", "ticker"}, {"codes", codes}}})
                                    .dump();
    stage.say(request);
    stage.run(10'000);
    ASSERT_TRUE(stage.exchange.stats().source_finished);
    const auto streamed = states(stage);
    stage.say(request);
    ASSERT_EQ(states(stage), streamed) << "limit " << limit;
  }
}

TEST(SimExchange, paused_exchange_answers_but_sends_no_data) {
  // Goal: the silent stall; method: pause, ask, resume.
  Stage stage;
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  stage.exchange.set_paused(true);
  stage.take();
  stage.run(1'000);
  EXPECT_TRUE(stage.take().empty());
  stage.say(R"([{"ticket":"t"},{"method":"LIST_SUBSCRIPTIONS"}])");
  EXPECT_EQ(stage.take().size(), 1U);
  stage.exchange.set_paused(false);
  stage.run(1'000);
  EXPECT_GE(stage.take().size(), 9U);
}

TEST(SimExchange, a_reader_too_far_behind_is_cut) {
  // Goal: bounded memory; method: a network that takes nothing.
  ExchangeOptions options = small_options();
  options.queue_limit_bytes = 50'000;
  Stage stage(options);
  stage.net.queue_all = true;
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  stage.run(5'000);
  EXPECT_EQ(stage.net.dropped, std::set<ConnectionId>{1});
  EXPECT_EQ(stage.exchange.stats().slow_reader_drops, 1U);
  EXPECT_LT(stage.net.queued[1], 60'000U);
}

TEST(SimExchange, flat_out_waits_for_the_network_instead) {
  // Goal: speed 0 loses nothing; method: a network that takes nothing must stop the source.
  ExchangeOptions options = small_options();
  options.speed = 0;
  Stage stage(options);
  stage.net.queue_all = true;
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])");
  stage.run(100);
  EXPECT_TRUE(stage.net.dropped.empty());
  EXPECT_GT(stage.net.queued[1], 1U << 20);
  EXPECT_LT(stage.net.queued[1], 4U << 20);
}

TEST(SimRest, quotation_calls_answer_in_the_wire_shape) {
  // Goal: the REST calls a client starts with; method: parsed bodies and headers.
  Stage stage;
  Rest rest;
  const auto get = [&](std::string_view target) {
    return rest.get(stage.exchange, target, stage.now_ms);
  };
  const HttpReply all = get("/v1/market/all?is_details=true");
  EXPECT_EQ(all.remaining_request, "group=market; min=600; sec=9");
  const Json markets = Json::parse(all.body);
  ASSERT_EQ(markets.size(), 22U);
  EXPECT_EQ(markets[0]["market"], "KRW-BTC");
  EXPECT_EQ(markets[0]["market_event"]["warning"], false);
  EXPECT_FALSE(Json::parse(get("/v1/market/all").body)[0].contains("market_event"));

  const HttpReply book = get("/v1/orderbook?markets=KRW-BTC%2CBTC-ETH&count=5");
  EXPECT_NE(book.body.find(R"("orderbook_units":[{"bid_price":)"), std::string::npos);
  EXPECT_EQ(Json::parse(book.body)[1]["orderbook_units"].size(), 5U);
  EXPECT_EQ(Json::parse(get("/v1/orderbook/instruments?markets=KRW-BTC").body),
            Json::parse(R"([{"market":"KRW-BTC","quote_currency":"KRW","tick_size":"1000",
              "supported_levels":["0","10000","100000","1000000","10000000","100000000"]}])"));
  EXPECT_EQ(Json::parse(get("/v1/ticker?markets=KRW-BTC").body)[0]["market"], "KRW-BTC");
  EXPECT_EQ(Json::parse(get("/v1/ticker/all?quote_currencies=USDT").body).size(), 4U);

  const HttpReply unknown = get("/v1/orderbook?markets=KRW-BTC,KRW-NONE");
  EXPECT_EQ(unknown.status, 404U);
  EXPECT_EQ(unknown.body, R"({"error":{"name":404,"message":"Code not found"}})");
  EXPECT_EQ(get("/v1/none").status, 404U);
}

TEST(SimExchange, due_stamps_say_when_a_frame_should_have_gone) {
  // Goal: open-loop stamps: a server that was held up for 30 ms still writes when each frame was
  // due; method: an advance() that comes late, both spellings, snapshots left alone.
  for (const char* format : {"DEFAULT", "SIMPLE"}) {
    ExchangeOptions options = small_options();
    options.stamp_due = true;
    options.profile.pacing = Pacing::even;
    Stage stage(options);
    const bool aliases = format == std::string("SIMPLE");
    stage.say(R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]},)"
              R"({"type":"orderbook","codes":["KRW-BTC","KRW-ETH"]},{"format":")" +
              std::string(format) + R"("}])");
    for (const std::string& text : stage.take()) {
      EXPECT_LT(Json::parse(text)[aliases ? "tms" : "timestamp"], kStartMs * 2) << text;
    }
    stage.run(1'000);
    stage.take();
    const std::int64_t before_us = stage.now_ms * 1000;
    while (stage.exchange.advance(before_us + 30'000) <= before_us + 30'000) {
    }
    std::set<std::int64_t> stamps;
    for (const std::string& text : stage.take()) {
      const Json frame = Json::parse(text);
      const std::int64_t stamp = frame[aliases ? "tms" : "timestamp"];
      EXPECT_GT(stamp, before_us);
      EXPECT_LE(stamp, before_us + 30'000);
      EXPECT_EQ(stamp % 1'000, 0);  // a thousand frames a second, from a whole 100 ms on
      if (frame[aliases ? "ty" : "type"] == "trade") {
        EXPECT_EQ(frame[aliases ? "ttms" : "trade_timestamp"], stamp);
      }
      EXPECT_TRUE(stamps.insert(stamp).second) << "two frames due at once: " << text;
    }
    EXPECT_GE(stamps.size(), 1U);
  }
}

TEST(SimExchange, prepared_frames_wait_until_they_are_due) {
  // Goal: nothing is sent early, though written ahead; method: step by step through 200 ms.
  ExchangeOptions options = small_options();
  options.stamp_due = true;
  options.profile.pacing = Pacing::burst;
  Stage stage(options);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC","KRW-ETH"],)"
            R"("is_only_realtime":true}])");
  std::size_t frames = 0;
  std::int64_t now_us = stage.now_ms * 1000;
  for (const std::int64_t end_us = now_us + 1'000'000; now_us < end_us;) {
    const std::int64_t due_us = stage.exchange.advance(now_us);
    for (const std::string& text : stage.take()) {
      ++frames;
      EXPECT_LE(Json::parse(text)["timestamp"], now_us);
      EXPECT_GT(Json::parse(text)["timestamp"], now_us - 10);  // nor late
    }
    now_us = std::max(due_us, now_us + 1);
  }
  EXPECT_GT(frames, 10U);
}

}  // namespace
}  // namespace upfeed::sim
