// Streams that fall silent on a living connection: probes, verdicts, and no false alarms.

#include <algorithm>

#include "session/request.hpp"
#include "session_harness.hpp"

namespace upfeed::test {
namespace {

const WantedStream kTrade = stream(EventKind::trade, "KRW-BTC", 0);

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
    h->go_live(set);
    all_listed.clear();
    for (const WantedStream& each : set) all_listed += listed(each) + ',';
    all_listed.pop_back();
    h->list = all_listed;
    h->answer_audits = true;
    h->frame(kBtc, h->exchange_ms(), StreamType::snapshot);
  }
  static std::string listed(const WantedStream& stream) {
    return R"({"type":")" + wire_type(stream) + R"(","codes":[")" +
           std::string(stream.code.view()) + R"("]})";
  }
  void flow_until_probe() {
    const std::uint64_t before = h->session.counters().probes;
    for (int i = 0; i < 20'000 && h->session.counters().probes == before; ++i) flow(50ms);
  }
  /// From a moment to now.
  std::chrono::nanoseconds since(MonoTime then) const {
    return std::chrono::nanoseconds(h->now - then);
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
  std::string all_listed;
};

// Goal: the very request that doubts a stream, and when: early enough for all that may have to
// follow within its limit, with the stream's snapshot and the live streams without theirs. The list
// goes out before it; with an answer the request is out at once, without one list_wait later.
TEST_F(Silence, probe_names_the_silent_stream_with_its_snapshot) {
  const SessionConfig config;
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(5'000), StreamType::snapshot);
  h->take_log();
  h->list = {};
  const int lists = h->lists;
  flow(60s - config.probe_lead() - 50ms);
  EXPECT_EQ(h->lists, lists);
  flow(50ms);
  EXPECT_EQ(h->lists, lists + 1);
  flow(config.list_wait - 50ms);
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
    h->list = {};  // it goes out in vain, too
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
    ASSERT_TRUE(notice->lost.has_value());
    EXPECT_EQ(notice->lost->stream, lost);
    EXPECT_EQ(notice->lost->silent_ns, h->now - last);
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
  const MonoTime last = h->now;
  flow_until_probe();
  h->take_log();
  h->frame(kTrade, h->exchange_ms(20'000), StreamType::snapshot);
  ASSERT_EQ(h->actions.size(), 1U);
  ASSERT_TRUE(h->actions[0].lost.has_value());
  EXPECT_EQ(h->actions[0].lost->silent_ns, h->now - last) << "and not since that answer";
  EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent"}));
  h->frame(kTrade, h->exchange_ms());
  flow(20s);
  EXPECT_EQ(h->session.state(), SessionState::live);
}

// Goal: streams that are lost together are told one by one, so that each can be known by its name.
// Method: two of three are not served any more.
TEST_F(Silence, each_lost_stream_is_told_by_itself) {
  go_live({kTrade, kBook});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  h->frame(kBook, h->exchange_ms(), StreamType::snapshot);
  flow(100ms);
  h->list = listed(kBtc);
  h->take_log();
  std::vector<std::pair<WantedStream, StatusCause>> told;
  while (told.empty()) {
    flow(100ms);
    for (const auto& action : h->actions) {
      if (action.lost) told.emplace_back(action.lost->stream, action.cause);
    }
  }
  EXPECT_EQ(told, (std::vector{std::pair(kTrade, StatusCause::audit_mismatch),  // not due, but gone
                               std::pair(kBook, StatusCause::stream_silent)}));
  EXPECT_EQ(h->session.counters().silent_streams, 1U);
}

// Goal: a change that happened about when the probe went out proves nothing, for the probe may have
// overtaken its frame; the second look that follows finds nothing more, or a frame that lives.
TEST_F(Silence, news_of_just_now_are_none) {
  for (const bool lives : {false, true}) {
    go_live({kTrade});
    h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
    flow_until_probe();
    h->take_log();
    const std::int64_t changed_ms = h->exchange_ms(300);
    h->frame(kTrade, changed_ms, StreamType::snapshot);
    if (lives) {
      flow(1s);
      h->frame(kTrade, changed_ms);  // the very change that the snapshot has shown
      flow(10s);
      EXPECT_EQ(h->session.counters().probes, 1U);
    } else {
      flow_until_probe();
      h->frame(kTrade, changed_ms, StreamType::snapshot);
      flow(10s);
      EXPECT_EQ(h->session.counters().probes, 2U);
    }
    EXPECT_EQ(statuses(), Log{});
  }
}

// Goal: a stream of a market that never rests, forgotten: the list that goes before the probe tells
// it by name, and the request behind it brings it back, so that its fresh answer hides nothing.
TEST_F(Silence, forgotten_busy_stream_is_told_by_the_list) {
  for (const WantedStream& lost : {kTrade, kBook}) {
    go_live({lost});
    h->frame(lost, h->exchange_ms(), StreamType::snapshot);
    flow(100ms);
    EXPECT_EQ(h->lists, 1);
    h->frame(lost, h->exchange_ms());
    const MonoTime last = h->now;
    h->take_log();
    h->list = listed(kBtc);
    while (h->lists == 1) flow(50ms);
    const std::chrono::nanoseconds limit = lost.kind == EventKind::orderbook ? 30s : 60s;
    EXPECT_LE(since(last), limit + 100ms);
    const auto told = std::find_if(h->actions.begin(), h->actions.end(), [](const auto& action) {
      return action.cause == StatusCause::stream_silent;
    });
    ASSERT_LT(told, h->actions.end() - 1);
    EXPECT_EQ(told->text.substr(0, 20), "fell silent: " + std::string(lost.code.view()));
    EXPECT_NE((told + 1)->text.find(listed(lost)), std::string::npos) << (told + 1)->text;
    h->list = all_listed;
    h->frame(lost, h->exchange_ms(10), StreamType::snapshot);
    for (int i = 0; i < 200; ++i) {
      h->frame(lost, h->exchange_ms());
      flow(100ms);
    }
    EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent"}));
    EXPECT_EQ(h->session.counters().silent_streams, 1U);
    EXPECT_EQ(h->session.counters().probes, 0U) << "asked again because it was not served";
  }
}

// Goal: a stream that sends snapshots, always of just now, but no frames of its own any more while
// the list goes on naming it: told by name within its limit, and then the connection is dropped.
TEST_F(Silence, muted_busy_stream_is_told_in_time_and_then_the_connection_is_dropped) {
  for (const WantedStream& lost : {kTrade, kBook}) {
    go_live({lost});
    h->frame(lost, h->exchange_ms(), StreamType::snapshot);
    flow(100ms);
    h->frame(lost, h->exchange_ms());
    const MonoTime last = h->now;
    h->take_log();
    std::optional<std::chrono::nanoseconds> told;
    std::int64_t silent_ns = 0;
    while (h->session.state() == SessionState::live && since(last) < 120s) {
      const std::uint64_t requests = h->session.counters().requests;
      flow(50ms);
      if (h->session.counters().requests != requests) {
        flow(100ms);
        h->frame(lost, h->exchange_ms(20), StreamType::snapshot);
      }
      if (!told && h->session.counters().silent_streams > 0) {
        told = since(last);
        for (const auto& action : h->actions) {
          if (action.lost) silent_ns = action.lost->silent_ns;
        }
      }
    }
    const std::chrono::nanoseconds limit = lost.kind == EventKind::orderbook ? 30s : 60s;
    ASSERT_TRUE(told.has_value());
    EXPECT_LE(*told, limit + 100ms);
    EXPECT_NEAR(static_cast<double>(silent_ns), static_cast<double>(told->count()), 1e8)
        << "the answers before the verdict were no life";
    EXPECT_LE(since(last), limit + 6s) << "two more looks";
    EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent", "live>backing_off e1 stream_silent",
                               "backing_off>connecting e2 none"}));
    EXPECT_EQ(h->session.counters().silent_streams, 1U);
  }
}

// Goal: a stream that was told and never sends a frame of its own again is not told for ever: the
// next loss ends the connection. Method: a market in which something happens once a minute.
TEST_F(Silence, stream_told_before_is_given_up) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  h->take_log();
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t alarms = h->session.counters().silent_streams;
    flow_until_probe();
    const std::int64_t changed_ms = h->exchange_ms(20'000);
    h->frame(kTrade, changed_ms, StreamType::snapshot);
    if (i > 0) break;
    EXPECT_EQ(h->session.counters().silent_streams, alarms + 1);
    flow_until_probe();
    h->frame(kTrade, changed_ms, StreamType::snapshot);  // nothing more yet
  }
  EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent", "live>backing_off e1 stream_silent",
                             "backing_off>connecting e2 none"}));
}

// Goal: snapshots that other requests bring are no life. Method: an order book that only shows in
// them, while other subscriptions come and go every few seconds.
TEST_F(Silence, snapshots_of_other_requests_are_no_life) {
  go_live({kBook});
  h->frame(kBook, h->exchange_ms(), StreamType::snapshot);
  flow(100ms);
  h->frame(kBook, h->exchange_ms());
  const MonoTime last = h->now;
  h->take_log();
  for (int i = 0; h->session.counters().silent_streams == 0 && since(last) < 40s; ++i) {
    if (i % 40 == 39)
      h->want(i % 80 == 79 ? WantedSet{kBtc, kBook} : WantedSet{kBtc, kBook, kTrade});
    const std::uint64_t requests = h->session.counters().requests;
    flow(100ms);
    if (h->session.counters().requests == requests && i % 40 != 39) continue;
    h->frame(kBook, h->exchange_ms(20), StreamType::snapshot);
    if (i % 80 == 39) h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  }
  EXPECT_LE(since(last), 30s + 100ms);
  EXPECT_EQ(h->session.counters().silent_streams, 1U);
}

// Goal: a REALTIME frame after the probe, with or without a snapshot behind it, is life.
TEST_F(Silence, realtime_frame_answers_a_probe) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow_until_probe();
  h->take_log();
  h->frame(kTrade, h->exchange_ms());
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow(40s);
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
  h->list = {};  // an exchange that never answers, either
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
  EXPECT_LE(requests, 16U) << "at most one per probe_spacing, and fewer as the limits double";
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
  EXPECT_EQ(ages, (std::vector<std::int64_t>{47, 107, 227, 227, 227, 47}));
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
  flow_until_probe();
  h->take_log();
  h->advance(10s);
  EXPECT_EQ(statuses(), (Log{"live>backing_off e1 silent_peer", "backing_off>connecting e2 none"}));
}

// Goal: after the process slept, unread frames are not taken for silence.
TEST_F(Silence, sleep_of_the_process_is_no_silence) {
  go_live({kTrade, kEth});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow_until_probe();
  h->take_log();
  h->now = h->now + 20'000'000'000;
  h->frame(stream(EventKind::ticker, "KRW-ETH", 1));  // all that has been read so far
  h->session.tick(h->now);
  h->collect();
  flow(1s);
  // It shows what happened just before the probe went out, which was no loss then.
  const std::int64_t changed_ms = h->exchange_ms(21'300);
  h->frame(kTrade, changed_ms, StreamType::snapshot);
  flow_until_probe();
  h->frame(kTrade, changed_ms, StreamType::snapshot);
  flow(10s);
  EXPECT_EQ(statuses(), Log{});
}

// Goal: after a sleep of the machine that the connection survives, what happened meanwhile is no
// loss. Method: a probe is out when the sleep begins; its answer, of before, and a frame of during
// the sleep come a second after it, behind frames of other streams.
TEST_F(Silence, sleep_of_the_machine_is_no_silence) {
  go_live({kTrade, kEth});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow_until_probe();
  h->take_log();
  const std::int64_t changed_ms = h->exchange_ms(100);
  h->now = h->now + 40'000'000'000;
  h->session.tick(h->now);
  h->collect();
  h->advance(500ms);
  h->frame(kEth, h->exchange_ms(35'000));
  h->frame(kTrade, changed_ms, StreamType::snapshot);
  h->frame(kTrade, h->exchange_ms(20'000));
  flow(30s);
  EXPECT_EQ(statuses(), Log{});
  EXPECT_EQ(h->session.state(), SessionState::live);
}

// Goal: a loss that the first frames read after a sleep show is told at once, and not when the
// stream, which the probe has brought back, lives again. Method: the sleep begins between the
// second look and its answer; it ends with that answer, of before the sleep, and then frames flow.
TEST_F(Silence, loss_shown_after_a_sleep_of_the_process_is_told_at_once) {
  go_live({kTrade});
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow_until_probe();
  h->frame(kTrade, h->exchange_ms(), StreamType::snapshot);
  flow_until_probe();
  h->take_log();
  h->now = h->now + 509'000'000'000;
  h->frame(kTrade, h->exchange_ms(508'900), StreamType::snapshot);
  EXPECT_EQ(statuses(), (Log{"live>live e1 stream_silent"}));
  for (int i = 0; i < 200; ++i) {
    h->frame(kTrade, h->exchange_ms());
    flow(100ms);
  }
  EXPECT_EQ(statuses(), Log{});
  EXPECT_EQ(h->session.counters().silent_streams, 1U);
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
