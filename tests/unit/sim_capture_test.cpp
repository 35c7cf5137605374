// A recorded day served again: who gets which frame when, and in what shape. No network, a
// hand-moved clock.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim_stage.hpp"

namespace upfeed::sim {
namespace {

using Frames = std::vector<std::string>;

CapturedFrame at_ms(std::int64_t time_ms, std::string type, std::string payload,
                    StreamType stream_type = StreamType::realtime) {
  CapturedFrame frame;
  frame.type = std::move(type);
  frame.code = "KRW-BTC";
  frame.payload = std::move(payload);
  frame.receive_time_ns = time_ms * 1'000'000;
  frame.stream_type = stream_type;
  return frame;
}

/// Serves those frames; a frame that is rewritten says how it was to be.
ExchangeOptions serving(std::vector<CapturedFrame> frames) {
  ExchangeOptions options;
  options.capture = std::make_shared<CapturedFrames>(std::move(frames));
  options.start_on_subscribe = true;
  options.transcode = [](const CapturedFrame& frame, const CaptureView& view, std::string& out) {
    out = std::string(format_name(view.format)) +
          (view.stream_type == StreamType::snapshot ? " SNAPSHOT " : " REALTIME ") +
          std::to_string(view.units) + " " + frame.payload;
    return true;
  };
  return options;
}

constexpr std::string_view kBook = R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]}])";
constexpr std::string_view kTrade = R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}])";

TEST(SimCapture, frames_are_served_verbatim_once_and_transcoded_on_demand) {
  // Goal: the capture source; method: three frames, a DEFAULT and a SIMPLE client.
  Stage stage(serving(
      {at_ms(0, "ticker", "{0}"), at_ms(100, "trade", "{1}"), at_ms(200, "ticker", "{2}")}));
  stage.exchange.on_open(2, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}])");
  stage.say(R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]},{"format":"SIMPLE"}])", 2);
  stage.run(150);
  EXPECT_EQ(stage.take(1), Frames{"{0}"});
  EXPECT_EQ(stage.take(2), Frames{"SIMPLE REALTIME 30 {1}"});
  stage.run(10'000);
  EXPECT_EQ(stage.take(1), Frames{"{2}"});
  EXPECT_TRUE(stage.exchange.stats().source_finished);
}

TEST(SimCapture, who_comes_late_gets_the_last_state_as_a_snapshot) {
  // Goal: an exchange always knows its books; method: a second client after two frames, with both
  // streams, one only realtime, then one only snapshot.
  Stage stage(serving({at_ms(0, "orderbook", "{0}"), at_ms(100, "orderbook", "{1}"),
                       at_ms(100, "trade", "{t}"), at_ms(500, "orderbook", "{2}")}));
  stage.say(kBook);
  stage.run(200);
  EXPECT_EQ(stage.take(1), (Frames{"{0}", "{1}"}));
  stage.exchange.on_open(2, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]},
                {"type":"trade","codes":["KRW-BTC"],"is_only_realtime":true}])",
            2);
  EXPECT_EQ(stage.take(2), Frames{"DEFAULT SNAPSHOT 30 {1}"});
  stage.exchange.on_open(3, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"],"is_only_snapshot":true}])", 3);
  stage.run(1'000);
  EXPECT_EQ(stage.take(2), Frames{"{2}"});
  EXPECT_EQ(stage.take(3), Frames{"DEFAULT SNAPSHOT 30 {t}"});
}

TEST(SimCapture, a_snapshot_that_is_not_there_yet_comes_with_the_first_frame) {
  // Goal: a snapshot request is answered, once; method: one before the first frame.
  Stage stage(serving(
      {at_ms(0, "trade", "{t}"), at_ms(100, "orderbook", "{0}"), at_ms(200, "orderbook", "{1}")}));
  stage.exchange.on_open(2, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"is_only_snapshot":true}])",
            2);
  stage.say(kTrade);
  stage.run(1'000);
  EXPECT_EQ(stage.take(2), Frames{"DEFAULT SNAPSHOT 30 {0}"});
}

TEST(SimCapture, recorded_snapshots_answer_who_waits_and_are_news_to_who_follows) {
  // Goal: the recorder's own reconnect is none of its clients'; method: a capture of two lives of
  // its connection, a client that follows throughout and one that wants no snapshots.
  std::vector<CapturedFrame> frames{at_ms(0, "orderbook", "{0}", StreamType::snapshot),
                                    at_ms(0, "trade", "{t1}", StreamType::snapshot),
                                    at_ms(10, "orderbook", "{1}"),
                                    at_ms(500, "orderbook", "{2}", StreamType::snapshot),
                                    at_ms(500, "trade", "{t1}", StreamType::snapshot),
                                    at_ms(900, "trade", "{t2}", StreamType::snapshot)};
  frames[1].trade_id = frames[4].trade_id = 1;
  frames[5].trade_id = 2;
  Stage stage(serving(std::move(frames)));
  stage.exchange.on_open(2, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"]},
                {"type":"trade","codes":["KRW-BTC"]}])");
  stage.say(R"([{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"],"is_only_realtime":true}])", 2);
  stage.run(2'000);
  EXPECT_EQ(stage.take(1),
            (Frames{"{0}", "{t1}", "{1}", "DEFAULT REALTIME 30 {2}", "DEFAULT REALTIME 30 {t2}"}));
  EXPECT_EQ(stage.take(2), Frames{"DEFAULT REALTIME 30 {t2}"});
}

TEST(SimCapture, units_and_levels_are_those_asked_for) {
  // Goal: a book is cut to the units of its client and grouped books reach who asked for them;
  // method: a book of 15 units and one of another level, four clients.
  std::vector<CapturedFrame> frames{at_ms(0, "orderbook", "{b}"), at_ms(1, "orderbook", "{g}")};
  frames[0].units = frames[1].units = 15;
  frames[1].level = 10'000 * 100'000'000LL;
  Stage stage(serving(std::move(frames)));
  for (ConnectionId id = 2; id <= 4; ++id) stage.exchange.on_open(id, stage.now_ms);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC.5"]}])", 1);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC.15"]}])", 2);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-BTC"],"level":10000}])", 3);
  stage.say(R"([{"ticket":"t"},{"type":"orderbook","codes":["KRW-ETH"]}])", 4);
  stage.run(1'000);
  EXPECT_EQ(stage.take(1), Frames{"DEFAULT REALTIME 5 {b}"});
  EXPECT_EQ(stage.take(2), Frames{"{b}"});
  EXPECT_EQ(stage.take(3), Frames{"{g}"});
  EXPECT_EQ(stage.take(4), Frames{});
}

TEST(SimCapture, times_are_those_recorded_divided_by_the_speed) {
  // Goal: pacing; method: frames 1 s apart and one whose time goes back, at speeds 1 and 4.
  for (const int speed : {1, 4}) {
    ExchangeOptions options = serving({at_ms(5'000, "trade", "{0}"), at_ms(6'000, "trade", "{1}"),
                                       at_ms(5'500, "trade", "{2}"), at_ms(9'000, "trade", "{3}")});
    options.speed = speed;
    Stage stage(std::move(options));
    stage.run(10'000);  // it waits for the first subscription
    stage.say(kTrade);
    stage.run(999 / speed);
    EXPECT_EQ(stage.take(), Frames{"{0}"}) << speed;
    stage.run(2'000 / speed);
    EXPECT_EQ(stage.take(), (Frames{"{1}", "{2}"})) << speed;
    stage.run(1'010 / speed);
    EXPECT_EQ(stage.take(), Frames{"{3}"}) << speed;
  }
}

}  // namespace
}  // namespace upfeed::sim
