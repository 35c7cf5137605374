// Requests: when they go out, what they name, and what the exchange's silence or error means.

#include "session_harness.hpp"

namespace upfeed::test {
namespace {

const std::string kHead = R"([{"ticket":"upfeed-)";

bool names(const std::string& request, std::string_view code) {
  return request.find('"' + std::string(code) + '"') != std::string::npos;
}

// Goal: a thousand changes at one moment become two requests, the last of which is complete.
TEST(SessionSubscribe, burst_of_changes_becomes_two_requests) {
  Harness h;
  h.go_live({kXrp});
  h.advance(1s);
  h.frame(kXrp);
  h.take_log();
  WantedSet set = {kXrp};
  for (std::uint32_t i = 0; i < 1000; ++i) {
    set.push_back(stream(EventKind::ticker, "KRW-C" + std::to_string(i), 3 + i));
    h.want(set);
  }
  h.advance(10s);
  const auto requests = h.take_requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(names(requests[0], "KRW-C0"));
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(names(requests[1], "KRW-C" + std::to_string(i)));
  }
  EXPECT_TRUE(names(requests[1], "KRW-XRP"));
}

// Goal: balanced waits for the collect window, aggressive does not; both keep 200 ms distance.
TEST(SessionSubscribe, collect_window_and_spacing) {
  for (const auto window : {0ms, 100ms}) {
    Harness h({.collect_window = window});
    h.go_live({kBtc});
    h.advance(1s);
    h.take_log();
    h.want({kBtc, kEth});
    const MonoTime asked = h.now;
    if (window != 0ms) {
      EXPECT_EQ(h.take_requests().size(), 0U);
      h.advance(window - 1ns);
      EXPECT_EQ(h.take_requests().size(), 0U);
      h.advance(1ns);
    }
    EXPECT_EQ(h.take_requests().size(), 1U);
    h.want({kBtc});
    EXPECT_EQ(h.session.deadline() - asked, (window + 200ms) / 1ns);
    h.advance(200ms);
    EXPECT_EQ(h.take_requests().size(), 1U);
  }
}

// Goal: the limits of the connection hold under constant change, and are used up to the limit.
TEST(SessionSubscribe, requests_keep_the_limits) {
  Harness h;
  h.go_live({kBtc});
  std::vector<std::int64_t> sent = {h.now.ns};
  for (int i = 0; i < 3000; ++i) {
    h.want(i % 2 == 0 ? WantedSet{kBtc, kEth} : WantedSet{kBtc});
    h.advance(50ms);
    for (const SessionAction& action : h.actions) {
      if (action.kind == ActionKind::send_text) sent.push_back(h.now.ns);
    }
    h.actions.clear();
    h.session.on_bytes(h.now);
  }
  for (std::size_t i = 5; i < sent.size(); ++i) ASSERT_GE(sent[i] - sent[i - 5], 1'000'000'000);
  for (std::size_t i = 100; i < sent.size(); ++i) {
    ASSERT_GE(sent[i] - sent[i - 100], 60'000'000'000);
  }
  EXPECT_GE(sent.size(), 200U);
  EXPECT_GT(h.session.counters().limiter_waits, 0U);
}

// Goal: a code that is live is asked without snapshot, one that waits for its first frame with it;
// after a reconnect nothing counts as live.
TEST(SessionSubscribe, live_codes_are_known_per_connection) {
  Harness h;
  h.go_live({kBtc, kEth});
  h.frame(kBtc);
  h.advance(1s);
  h.take_log();
  h.want({kBtc, kEth, kXrp});
  EXPECT_EQ(h.take_requests(),
            (Log{kHead + R"(1-2"},{"type":"ticker","codes":["KRW-ETH","KRW-XRP"]},)"
                         R"({"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":true},)"
                         R"({"format":"DEFAULT"}])"}));
  h.frame(kEth);
  h.frame(kXrp);
  h.advance(10s);
  h.close();
  h.connect();
  EXPECT_EQ(h.take_requests(),
            (Log{kHead + R"(2-1"},{"type":"ticker","codes":["KRW-BTC","KRW-ETH","KRW-XRP"]},)"
                         R"({"format":"DEFAULT"}])"}));
}

// Goal: a set equal to the present one sends nothing; a change of units, of mode, or of the refresh
// number sends.
TEST(SessionSubscribe, only_changes_are_sent) {
  Harness h;
  h.go_live({book("KRW-BTC", 0)});
  h.frame(book("KRW-BTC", 0));
  h.take_log();
  WantedStream wanted = book("KRW-BTC", 0);
  const auto requests_for = [&](const WantedStream& next) {
    h.advance(1s);
    h.take_log();
    h.want({next});
    return h.take_requests().size();
  };
  EXPECT_EQ(requests_for(wanted), 0U);
  wanted.units = 15;
  EXPECT_EQ(requests_for(wanted), 1U);
  EXPECT_TRUE(h.session.fully_subscribed()) << "the book flows on, only its depth changes";
  wanted.mode = StreamMode::realtime_only;
  EXPECT_EQ(requests_for(wanted), 1U);
  EXPECT_FALSE(h.session.fully_subscribed());
  h.frame(wanted);
  wanted.refresh = 1;
  EXPECT_EQ(requests_for(wanted), 1U);
  EXPECT_FALSE(h.session.fully_subscribed()) << "a fresh snapshot is awaited";
}

// Goal: a finished snapshot is left out, its removal needs no request, and where all that is left
// is finished snapshots, they are named to end what flows.
TEST(SessionSubscribe, snapshot_only_is_named_until_it_came) {
  const WantedStream once = stream(EventKind::ticker, "KRW-ETH", 1, StreamMode::snapshot_only);
  Harness h;
  h.go_live({kBtc, once});
  h.frame(kBtc);
  h.frame(once);
  h.advance(1s);
  h.take_log();
  h.want({kBtc, once, kXrp});
  EXPECT_FALSE(names(h.take_requests().at(0), "KRW-ETH"));
  h.frame(kXrp);
  h.advance(1s);
  h.want({kBtc, kXrp});
  EXPECT_EQ(h.take_requests().size(), 0U);

  Harness only;
  only.go_live({kBtc, once});
  only.frame(once);
  only.advance(1s);
  only.take_log();
  only.want({once});
  EXPECT_EQ(only.take_requests(),
            (Log{kHead + R"(1-2"},{"type":"ticker","codes":["KRW-ETH"],"is_only_snapshot":true},)"
                         R"({"format":"DEFAULT"}])"}));
  const WantedStream other = stream(EventKind::trade, "KRW-ETH", 1, StreamMode::snapshot_only);
  only.advance(1s);
  only.want({once, other});
  EXPECT_EQ(only.take_requests().size(), 1U);
  only.frame(other);
  only.advance(1s);
  only.want({once});
  EXPECT_EQ(only.take_requests().size(), 0U) << "nothing flows and nothing is to come";
  EXPECT_EQ(only.session.state(), SessionState::live);
}

// Goal: levels of one market are streams of their own; a frame counts for its level only.
TEST(SessionSubscribe, levels_arrive_one_by_one) {
  const WantedSet set = {book("KRW-BTC", 0), book("KRW-BTC", 0, 30, "1000"),
                         book("KRW-BTC", 0, 30, "10000"), book("KRW-ETH", 1)};
  Harness h;
  h.go_live(set);
  h.frame(set[2]);
  h.frame(book("KRW-BTC", 0, 30, "5"));
  h.frame(book("KRW-XRP", 7));
  EXPECT_EQ(h.session.missing_first_frames(), (WantedSet{set[0], set[1], set[3]}));
  h.frame(set[1]);
  h.frame(set[0]);
  h.frame(set[0]);
  EXPECT_FALSE(h.session.fully_subscribed());
  h.frame(set[3]);
  EXPECT_TRUE(h.session.fully_subscribed());
}

// Goal: candle units are streams of their own, and no kind is taken for another.
TEST(SessionSubscribe, kinds_and_candle_units_are_told_apart) {
  const WantedSet set = {kBtc, stream(EventKind::trade, "KRW-BTC", 0), book("KRW-BTC", 0),
                         candle(CandleUnit::s1, "KRW-BTC", 0),
                         candle(CandleUnit::m240, "KRW-BTC", 0)};
  Harness h;
  h.go_live(set);
  h.frame(candle(CandleUnit::m5, "KRW-BTC", 0));
  for (std::size_t i = 0; i < set.size(); ++i) {
    EXPECT_EQ(h.session.missing_first_frames(), WantedSet(set.begin() + i, set.end()));
    h.frame(set[i]);
  }
  EXPECT_EQ(h.take_log(), (Log{"live>live e1 data_arrived"}));
}

// Goal: silence about a code is reported once, five seconds after its request, and does not harm
// the connection; realtime_only codes owe nothing, their order books do.
TEST(SessionSubscribe, codes_without_first_frame_are_reported_once) {
  const auto realtime = StreamMode::realtime_only;
  Harness h;
  h.go_live({kBtc, kEth, stream(EventKind::ticker, "KRW-QUIET", 3, realtime),
             book("KRW-DEAF", 4, 30, "0", realtime)});
  h.frame(kBtc);
  h.advance(2s);
  h.want({kBtc, kEth, kXrp, book("KRW-DEAF", 4, 30, "0", realtime)});
  h.take_log();
  h.advance(3s - 1ns);
  EXPECT_EQ(h.take_log(), Log{});
  h.advance(1ns);
  ASSERT_EQ(h.actions.size(), 1U);
  EXPECT_EQ(h.actions[0].text, "no data yet: KRW-ETH ticker, KRW-DEAF orderbook");
  EXPECT_EQ(h.take_log(), (Log{"live>live e1 first_data_missing"}));
  h.advance(2s);
  ASSERT_EQ(h.actions.size(), 1U);
  EXPECT_EQ(h.actions[0].text, "no data yet: KRW-XRP ticker");
  h.take_log();
  h.advance(5s);
  EXPECT_EQ(h.take_log(), Log{});
  for (const auto& late : {kEth, kXrp, book("KRW-DEAF", 4)}) h.frame(late);
  EXPECT_EQ(h.take_log(), (Log{"live>live e1 data_arrived"}));
}

// Goal: where nothing is owed, a request is complete the moment it is sent.
TEST(SessionSubscribe, realtime_only_request_is_complete_at_once) {
  Harness h;
  h.want({stream(EventKind::trade, "KRW-BTC", 0, StreamMode::realtime_only)});
  h.start();
  h.take_log();
  h.connect();
  EXPECT_EQ(h.take_log(),
            (Log{"connecting>live e1 none", "request e1", "live>live e1 data_arrived"}));
  EXPECT_TRUE(h.session.fully_subscribed());
}

// Goal: private and info streams owe no first frame, are never reported as missing, and what they
// send, of whatever market, harms nothing; a change of their options asks again.
TEST(SessionSubscribe, private_streams_owe_no_first_frame) {
  WantedSet set = sorted({unbound(EventKind::my_order), unbound(EventKind::my_asset),
                          unbound(EventKind::announcement, "", R"("categories":["trade"])"),
                          unbound(EventKind::indicator, "KRW-BTC", R"("timeframe":"5m")")});
  Harness h;
  h.want(set);
  h.start();
  h.take_log();
  h.connect();
  EXPECT_EQ(h.take_log(),
            (Log{"connecting>live e1 none", "request e1", "live>live e1 data_arrived"}));
  EXPECT_TRUE(h.session.fully_subscribed());
  MyOrderEvent order;
  order.kind = EventKind::my_order;
  order.market = {77};
  order.epoch = 1;
  h.session.on_event(order, h.now);
  h.advance(10s);
  EXPECT_TRUE(h.take_requests().empty());
  set[2].options = R"("categories":["notice"])";
  h.want(set);
  const auto requests = h.take_requests();
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_NE(requests[0].find(R"({"type":"announcement","categories":["notice"]})"),
            std::string::npos);
  EXPECT_TRUE(h.session.fully_subscribed());
}

// Goal: a stream dropped and wanted again before the request went out gets a fresh snapshot; a
// frame that still flows from the former request does not count as its first.
TEST(SessionSubscribe, leftover_of_a_former_request_is_no_first_frame) {
  Harness h;
  h.go_live({kBtc, kEth});
  h.frame(kBtc);
  h.frame(kEth);
  h.take_log();
  h.want({kBtc});
  h.want({kBtc, kEth});
  h.frame(kEth);
  h.advance(1s);
  EXPECT_EQ(h.take_requests(),
            (Log{kHead + R"(1-2"},{"type":"ticker","codes":["KRW-ETH"]},)"
                         R"({"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":true},)"
                         R"({"format":"DEFAULT"}])"}));
}

}  // namespace
}  // namespace upfeed::test
