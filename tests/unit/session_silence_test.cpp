// Streams that fall silent on a living connection: probes, verdicts, and no false alarms.

#include <algorithm>

#include "session_harness.hpp"

namespace upfeed::test {
namespace {

const WantedStream kTrade = stream(EventKind::trade, "KRW-BTC", 0);
const WantedStream kBook = book("KRW-ETH", 1);

bool has_snapshot_of(const std::string& request, std::string_view code) {
  const std::size_t at = request.find('"' + std::string(code) + '"');
  if (at == std::string::npos) return false;
  return request.substr(at, request.find('}', at) - at).find("is_only") == std::string::npos;
}

/// A connection on which kBtc flows, with an exchange that answers pings.
class Silence : public testing::Test {
 protected:
  void go_live(WantedSet set, SessionConfig config = {}) {
    h.emplace(config);
    set.push_back(kBtc);
    h->go_live(std::move(set));
    h->frame(kBtc, h->exchange_ms(), StreamType::snapshot);
  }
  /// Time in which kBtc flows, pings are answered, and requests of probes collected.
  void flow(std::chrono::nanoseconds duration) {
    constexpr auto kStep = 50ms;
    for (auto passed = 0ns; passed < duration; passed += kStep) {
      h->advance(std::min<std::chrono::nanoseconds>(kStep, duration - passed));
      h->frame(kBtc, h->exchange_ms());
    }
  }
  /// The notices and transitions so far.
  Log statuses() {
    Log log;
    for (const std::string& line : h->take_log()) {
      if (line.find('>') != std::string::npos && line != "live>live e1 data_arrived") {
        log.push_back(line);
      }
    }
    return log;
  }
  std::string last_request() const {
    for (auto action = h->actions.rbegin(); action != h->actions.rend(); ++action) {
      if (action->kind == ActionKind::send_text) return action->text;
    }
    return {};
  }

  std::optional<Harness> h;
};

// Goal: the very request that doubts a stream, and when: a second's fraction before limit - wait
// after its last frame, with the stream's snapshot and the live streams without theirs.
TEST_F(Silence, probe_names_the_silent_stream_with_its_snapshot) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(5'000), StreamType::snapshot);
  h->take_log();
  flow(60s - 5s - 200ms - 50ms);
  EXPECT_EQ(h->take_requests().size(), 0U);
  flow(50ms);
  EXPECT_EQ(h->take_requests(),
            (Log{R"([{"ticket":"upfeed-1-2"},)"
                 R"({"type":"ticker","codes":["KRW-BTC"],"is_only_realtime":true},)"
                 R"({"type":"trade","codes":["KRW-BTC"]},{"format":"DEFAULT"}])"}));
  EXPECT_EQ(h->session.counters().probes, 1U);
  EXPECT_TRUE(h->session.fully_subscribed()) << "a doubt is no reason to say that data is missing";
}

// Goal: no answer to the probe is reported in time, names the stream, and asks once more; no answer
// to that, either, ends the connection.
TEST_F(Silence, lost_stream_is_reported_within_its_limit_and_then_the_connection_is_dropped) {
  for (const WantedStream& lost : {kTrade, kBook, candle(CandleUnit::m1, "KRW-BTC", 0)}) {
    go_live({lost});
    h->frame(lost, h->exchange_ms(), StreamType::snapshot);
    flow(10s);
    h->frame(lost, h->exchange_ms());
    const MonoTime last = h->now;
    h->take_log();
    const std::chrono::nanoseconds limit = lost.kind == EventKind::orderbook ? 30s : 60s;
    while (h->session.counters().silent_streams == 0 && h->now - last < (limit + 1s) / 1ns) {
      flow(50ms);
    }
    EXPECT_LE(h->now - last, (limit + 100ms) / 1ns);
    const auto notice = std::find_if(h->actions.begin(), h->actions.end(), [](const auto& action) {
      return action.cause == StatusCause::stream_silent;
    });
    ASSERT_NE(notice, h->actions.end());
    EXPECT_EQ(notice->text.substr(0, 20), "fell silent: " + std::string(lost.code.view()));
    EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent"}));
    flow(5s + 300ms);
    EXPECT_EQ(statuses(),
              (Log{"live>backing_off e1 stream_silent", "backing_off>connecting e2 none"}));
    EXPECT_EQ(h->session.counters().probes, 2U);
  }
}

// Goal: a snapshot that shows what we should have been sent long ago is a loss, reported at once;
// the connection lives on, since the request has restored the stream.
TEST_F(Silence, news_from_before_the_probe_are_a_loss) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(54s + 850ms);
  ASSERT_EQ(h->session.counters().probes, 1U);
  h->take_log();
  h->frame(kTrade, h->exchange_ms(20'000), StreamType::snapshot);
  EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent"}));
  h->frame(kTrade, h->exchange_ms());
  flow(20s);
  EXPECT_EQ(h->session.state(), SessionState::live);
}

// Goal: a change that happened about when the probe went out is no loss: the probe has overtaken
// its frame.
TEST_F(Silence, news_of_just_now_are_none) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(54s + 850ms);
  ASSERT_EQ(h->session.counters().probes, 1U);
  h->take_log();
  h->frame(kTrade, h->exchange_ms(300), StreamType::snapshot);
  flow(20s);
  EXPECT_EQ(statuses(), Log{});
}

// Goal: a REALTIME frame after the probe, with or without a snapshot behind it, is life.
TEST_F(Silence, realtime_frame_answers_a_probe) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(54s + 850ms);
  ASSERT_EQ(h->session.counters().probes, 1U);
  h->take_log();
  h->frame(kTrade, h->exchange_ms());
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(50s);
  EXPECT_EQ(statuses(), Log{});
  EXPECT_EQ(h->session.counters().probes, 1U);
}

// Goal: ten minutes with 300 quiet streams of every kind beside a busy one: no alarm, and few
// requests, because the limit of each doubles and all that fall due together share a request.
// Method: an exchange that answers each request 30 ms later with the unchanged state.
TEST_F(Silence, quiet_markets_raise_no_alarm_and_few_probes) {
  WantedSet quiet;
  for (std::uint32_t i = 1; i <= 100; ++i) {
    const std::string code = "KRW-Q" + std::to_string(i);
    quiet.push_back(stream(EventKind::trade, code, i));
    quiet.push_back(book(code, i, 30, i % 3 == 0 ? "1000" : "0"));
    quiet.push_back(stream(EventKind::ticker, code, i, StreamMode::realtime_only));
  }
  go_live(quiet);
  const std::int64_t changed_ms = h->exchange_ms(3'600'000);
  const auto answer = [&](const std::string& request) {
    flow(30ms);
    for (const WantedStream& each : quiet) {
      const bool asked =
          each.kind != EventKind::ticker || has_snapshot_of(request, each.code.view());
      if (asked) h->frame(each, changed_ms, StreamType::snapshot);
    }
  };
  answer(R"("codes":[])");
  h->take_log();
  std::size_t requests = 0;
  for (auto passed = 0s; passed < 600s; passed += 1s) {
    flow(1s);
    const std::string request = last_request();
    if (!request.empty()) {
      ++requests;
      answer(request);
    }
    EXPECT_EQ(statuses(), Log{});
  }
  EXPECT_EQ(h->session.counters().silent_streams, 0U);
  EXPECT_GE(requests, 4U);
  EXPECT_LE(requests, 12U) << "at most one per probe_spacing, and fewer as the limits double";
}

// Goal: the limit that has doubled is back at its start as soon as data flows.
TEST_F(Silence, limit_doubles_while_quiet_and_is_reset_by_data) {
  go_live({kTrade}, {.silence_limit_max = 4min});
  const std::int64_t changed_ms = h->exchange_ms();
  h->frame(kTrade, changed_ms, StreamType::snapshot);
  std::vector<std::int64_t> ages;
  MonoTime last = h->now;
  for (int i = 0; i < 6; ++i) {
    const std::uint64_t before = h->session.counters().probes;
    while (h->session.counters().probes == before) flow(50ms);
    ages.push_back((h->now - last) / 1'000'000'000);
    h->frame(kTrade, i == 4 ? h->exchange_ms() : changed_ms,
             i == 4 ? StreamType::realtime : StreamType::snapshot);
    last = h->now;
  }
  EXPECT_EQ(ages, (std::vector<std::int64_t>{54, 114, 234, 234, 234, 54}));
}

// Goal: no limit, no probe; streams that are only snapshots, and private ones, are never doubted.
TEST_F(Silence, what_is_not_watched_is_not_probed) {
  SessionConfig config;
  config.silence_limit.trade = 0s;
  const WantedStream once = stream(EventKind::ticker, "KRW-ETH", 1, StreamMode::snapshot_only);
  go_live({kTrade, once, unbound(EventKind::my_order)}, config);
  h->frame(kTrade);
  h->frame(once);
  flow(10min);
  EXPECT_EQ(h->session.counters().probes, 0U);
}

// Goal: a realtime_only stream that has never said anything and does not answer, either, is
// reported like a code without a first frame, once, and harms nothing.
TEST_F(Silence, stream_that_never_was_is_reported_as_missing) {
  const WantedStream unknown = stream(EventKind::trade, "KRW-NONE", 9, StreamMode::realtime_only);
  go_live({unknown});
  h->take_log();
  flow(10min);
  EXPECT_EQ(statuses(), (Log{"live>live e1 first_data_missing"}));
  EXPECT_EQ(h->session.counters().probes, 1U);
  EXPECT_EQ(h->session.counters().silent_streams, 0U);
}

// Goal: while nothing at all comes, silence is the peer's and not the stream's.
TEST_F(Silence, dead_peer_is_not_taken_for_a_silent_stream) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(54s + 800ms);
  ASSERT_EQ(h->session.counters().probes, 1U);
  h->take_log();
  h->advance(10s);
  EXPECT_EQ(statuses(), (Log{"live>backing_off e1 silent_peer", "backing_off>connecting e2 none"}));
}

// Goal: after the process slept, unread frames are not taken for silence.
TEST_F(Silence, sleep_of_the_process_is_no_silence) {
  go_live({kTrade, kEth});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(54s + 850ms);
  ASSERT_EQ(h->session.counters().probes, 1U);
  h->take_log();
  h->now = h->now + 20'000'000'000;
  h->frame(stream(EventKind::ticker, "KRW-ETH", 1));  // all that has been read so far
  h->session.tick(h->now);
  h->collect();
  flow(1s);
  // It shows what happened just before the probe went out, which was no loss then.
  h->frame(kTrade, h->exchange_ms(21'300), StreamType::snapshot);
  flow(10s);
  EXPECT_EQ(statuses(), Log{});
}

// Goal: the text PING goes out once per connection, right behind the first request.
TEST(SessionUp, text_ping_is_sent_once_per_connection) {
  Harness h({.silence_limit = kNeverSilent});
  h.want({kBtc});
  h.start();
  EXPECT_EQ(h.text_pings, 0);
  h.connect();
  EXPECT_EQ(h.text_pings, 1);
  h.frame(kBtc);
  h.advance(14s);
  EXPECT_EQ(h.text_pings, 1);
  h.close();
  h.connect();
  EXPECT_EQ(h.text_pings, 2);
  Harness off({.text_ping = false});
  off.go_live({kBtc});
  EXPECT_EQ(off.text_pings, 0);
}

// Goal: it counts against the limits of the connection, which hold with it.
TEST(SessionUp, text_ping_counts_against_the_limits) {
  Harness h({.request_limits = {.per_second = 1, .per_minute = 100}});
  h.go_live({kBtc});
  EXPECT_EQ(h.text_pings, 0);
  h.advance(1s + 50ms);
  EXPECT_EQ(h.text_pings, 1);
}

// Goal: a connection that said UP and then only answers pings is dropped up_timeout after its last
// UP; one that sends data, or never said UP, is not.
TEST(SessionUp, peer_without_up_and_data_is_dropped) {
  const auto pongs = [](Harness& h, std::chrono::seconds duration, bool data) {
    for (auto passed = 0s; passed < duration; passed += 1s) {
      h.advance(1s);
      h.bytes();
      if (data) h.frame(kBtc);
    }
  };
  Harness h({.silence_limit = kNeverSilent});
  h.go_live({kBtc});
  h.frame(kBtc);
  for (int i = 0; i < 3; ++i) {
    pongs(h, 10s, false);
    h.up();
  }
  h.take_log();
  pongs(h, 34s, false);
  EXPECT_EQ(h.session.state(), SessionState::live);
  h.take_log();
  pongs(h, 1s, false);
  EXPECT_EQ(h.take_log(), (Log{"close e1 0", "live>backing_off e1 silent_peer",
                               "backing_off>connecting e2 none", "dial e2"}));
  h.connect();
  pongs(h, 120s, false);
  EXPECT_EQ(h.session.epoch(), 2U) << "never said UP";
  h.up();
  pongs(h, 120s, true);
  EXPECT_EQ(h.session.epoch(), 2U) << "sends data";
}

}  // namespace
}  // namespace upfeed::test
