// Dials, losses, back-off, blocks, liveness: the life of the connection.

#include "session_harness.hpp"

namespace upfeed::test {
namespace {

// Goal: the way from start to live, with every action in order.
TEST(SessionConnection, dials_and_asks_at_once) {
  Harness h;
  h.want({kBtc});
  EXPECT_EQ(h.take_log(), Log{});
  h.start();
  EXPECT_EQ(h.take_log(), (Log{"idle>connecting e1 requested", "dial e1"}));
  h.connect();
  EXPECT_EQ(h.take_log(), (Log{"connecting>live e1 none", "request e1"}));
  EXPECT_FALSE(h.session.fully_subscribed());
  h.frame(kBtc);
  EXPECT_EQ(h.take_log(), (Log{"live>live e1 data_arrived"}));
  EXPECT_TRUE(h.session.fully_subscribed());
}

// Goal: nothing wanted, nothing dialled; the first wish dials, the last one gone closes.
TEST(SessionConnection, is_idle_while_nothing_is_wanted) {
  Harness h;
  h.start();
  h.advance(1h);
  EXPECT_EQ(h.take_log(), Log{});
  EXPECT_EQ(h.session.deadline(), Session::kNever);
  h.want({kBtc});
  h.connect();
  h.take_log();
  h.want({});
  EXPECT_EQ(h.take_log(), (Log{"close e1 1000", "live>idle e1 requested"}));
  h.advance(1h);
  EXPECT_EQ(h.take_log(), Log{});
  h.want({kEth});
  EXPECT_EQ(h.take_log(), (Log{"idle>connecting e2 requested", "dial e2"}));
  h.want({});
  EXPECT_EQ(h.take_log(), (Log{"close e2 0", "connecting>idle e2 requested"}));
}

// Goal: a loss after a stable period is followed by a dial in the same moment.
TEST(SessionConnection, first_dial_after_a_stable_connection_is_at_once) {
  Harness h;
  h.go_live({kBtc});
  h.advance(10s);
  h.frame(kBtc);
  h.take_log();
  h.close();
  EXPECT_EQ(h.take_log(), (Log{"live>backing_off e1 closed_by_peer",
                               "backing_off>connecting e2 none", "dial e2"}));
  h.connect();
  EXPECT_EQ(h.take_log(), (Log{"connecting>live e2 none", "request e2"}));
}

// Goal: a connection that does not last does not end the back-off. Each dial succeeds and is lost
// at once; the delays must grow to the cap's order and never exceed it.
TEST(SessionConnection, back_off_is_reset_only_by_a_stable_connection) {
  Harness h;
  h.want({kBtc});
  h.start();
  std::int64_t longest_ms = 0;
  for (int i = 0; i < 40; ++i) {
    h.connect();
    h.advance(9s);
    h.frame(kBtc);
    h.actions.clear();
    h.close();
    longest_ms = std::max(longest_ms, h.actions.front().retry_in_ms);
    ASSERT_LE(h.actions.front().retry_in_ms, 30'000);
    h.advance(30s);
    ASSERT_EQ(h.session.state(), SessionState::connecting);
  }
  EXPECT_GT(longest_ms, 15'000);
}

// Goal: the status of a failed dial carries all that is known, and the text is cut to its room.
TEST(SessionConnection, failed_dial_reports_its_context) {
  Harness h;
  h.want({kBtc});
  h.start();
  h.take_log();
  h.fail_dial({.cause = StatusCause::http,
               .http_status = 503,
               .sys_errno = 7,
               .retry_after_ms = 2000,
               .text = std::string(300, 'x')});
  ASSERT_EQ(h.actions.size(), 1U);
  const SessionAction& status = h.actions[0];
  EXPECT_EQ(status.cause, StatusCause::http);
  EXPECT_EQ(status.http_status, 503);
  EXPECT_EQ(status.sys_errno, 7);
  EXPECT_EQ(status.retry_in_ms, 2000) << "the server's hint outweighs the first back-off";
  EXPECT_EQ(status.text.size(), 250U);
  EXPECT_EQ(status.epoch, 1U);
}

// Goal: 429 and 418 hold every dial for the server's time, at least 60 s, for all sessions of the
// endpoint.
TEST(SessionConnection, rate_limit_blocks_the_endpoint) {
  struct Case {
    int http_status;
    std::int64_t retry_after_ms;
    std::chrono::seconds block;
  };
  for (const Case& each : {Case{429, -1, 60s}, Case{429, 1000, 60s}, Case{418, 300'000, 300s},
                           Case{418, 2LL * 86'400'000, 172'800s}}) {
    Harness h;
    Session other({}, h.budget, 2);
    h.want({kBtc});
    h.start();
    h.take_log();
    h.fail_dial({.cause = StatusCause::http,
                 .http_status = each.http_status,
                 .retry_after_ms = each.retry_after_ms});
    EXPECT_EQ(h.actions[0].retry_in_ms, each.block / 1ms);
    EXPECT_EQ(h.take_log(), (Log{"connecting>blocked e1 rate_limited"}));

    other.want({kEth}, h.now);
    other.start(h.now);
    EXPECT_EQ(other.state(), SessionState::blocked);
    EXPECT_EQ(other.deadline() - h.now, each.block / 1ns);

    h.advance(each.block - 1ns);
    EXPECT_EQ(h.take_log(), Log{});
    h.advance(1ns);
    EXPECT_EQ(h.take_log(), (Log{"blocked>connecting e2 none", "dial e2"}));
  }
}

// Goal: answers that another dial alone does not change are retried at the pace of the cap from the
// first, and say so; those of a server in trouble begin fast and honour its hint.
TEST(SessionConnection, lasting_refusals_back_off_to_the_cap_at_once) {
  for (const int status : {301, 302, 403, 404, 410, 426}) {
    Harness h;
    h.want({kBtc});
    h.start();
    for (int i = 0; i < 5; ++i) {
      h.actions.clear();
      h.fail_dial({.cause = StatusCause::http, .http_status = status, .text = "HTTP"});
      ASSERT_GE(h.actions[0].retry_in_ms, 15'000) << status;
      ASSERT_LE(h.actions[0].retry_in_ms, 30'000) << status;
      EXPECT_EQ(h.actions[0].text, "will not pass by itself: HTTP");
      EXPECT_EQ(h.actions[0].cause, StatusCause::http);
      h.advance(30s);
    }
  }
  for (const int status : {500, 502, 503}) {
    Harness h;
    h.want({kBtc});
    h.start();
    h.take_log();
    h.fail_dial({.cause = StatusCause::http, .http_status = status, .retry_after_ms = -1});
    EXPECT_LE(h.actions[0].retry_in_ms, 100);
    h.advance(1s);
    h.actions.clear();
    h.fail_dial({.cause = StatusCause::http, .http_status = status, .retry_after_ms = 40'000});
    EXPECT_EQ(h.actions[0].retry_in_ms, 40'000);
  }
}

// Goal: a younger session that shall replace another has only epochs behind those of the elder, and
// a restart never goes back.
TEST(SessionConnection, epochs_begin_where_they_are_told_to) {
  Harness h;
  h.want({kBtc});
  h.session.start(h.now, 7);
  h.collect();
  EXPECT_EQ(h.take_log(), (Log{"idle>connecting e7 requested", "dial e7"}));
  h.stop();
  h.take_log();
  h.session.start(h.now, 3);
  h.collect();
  EXPECT_EQ(h.take_log(), (Log{"stopped>connecting e8 requested", "dial e8"}));
}

// Goal: a suspend of ten minutes on a connection that said UP and watched streams costs exactly one
// reconnect: the peer, the UPs and every stream have been silent, and one of them is enough.
TEST(SessionConnection, suspend_costs_one_reconnect) {
  Harness h;
  const WantedSet set = {kBtc, stream(EventKind::trade, "KRW-BTC", 0), book("KRW-BTC", 0)};
  h.go_live(set);
  for (const WantedStream& each : set) h.frame(each, h.exchange_ms(), StreamType::snapshot);
  h.up();
  h.advance(3s);
  h.now = h.now + std::chrono::nanoseconds(10min).count();
  h.session.tick(h.now);
  h.collect();
  h.advance(5s);
  EXPECT_EQ(h.session.counters().ends[static_cast<std::size_t>(StatusCause::silent_peer)], 1U);
  h.connect();
  for (int i = 0; i < 30; ++i) {
    for (const WantedStream& each : set) h.frame(each, h.exchange_ms());
    h.advance(1s);
  }
  EXPECT_EQ(h.session.counters().dials, 2U);
  EXPECT_EQ(h.session.counters().silent_streams, 0U);
}

// Goal: 401 ends the session until it is started anew; a change of the wanted set is no reason.
TEST(SessionConnection, unauthorized_gives_up_until_started_anew) {
  Harness h;
  h.want({kBtc});
  h.start();
  h.take_log();
  h.fail_dial({.cause = StatusCause::http, .http_status = 401});
  EXPECT_EQ(h.take_log(), (Log{"connecting>failed e1 unauthorized"}));
  h.want({kEth});
  h.want({});
  h.want({kBtc});
  h.advance(24h);
  EXPECT_EQ(h.take_log(), Log{});
  h.stop();
  h.start();
  EXPECT_EQ(h.take_log(),
            (Log{"failed>stopped e1 requested", "stopped>connecting e2 requested", "dial e2"}));
}

// Goal: with a limit of attempts the session fails after exactly that many dials.
TEST(SessionConnection, gives_up_after_the_configured_attempts) {
  Harness h({.dial_attempts_max = 5});
  h.want({kBtc});
  h.start();
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(h.session.state(), SessionState::connecting) << i;
    h.fail_dial();
    h.advance(30s);
  }
  EXPECT_EQ(h.session.state(), SessionState::failed);
  EXPECT_EQ(h.session.counters().dials, 5U);
}

// Goal: however fast dials fail, the budget of the endpoint holds: 5 in any second, 100 in a
// minute.
TEST(SessionConnection, dials_keep_the_budget) {
  Harness h({.backoff_base = 1ns, .backoff_cap = 1ns});
  h.want({kBtc});
  h.start();
  std::vector<std::int64_t> dials;
  const MonoTime end = h.now + std::chrono::nanoseconds(5min).count();
  while (h.now < end) {
    if (h.session.state() == SessionState::connecting) {
      dials.push_back(h.now.ns);
      h.fail_dial();
    } else {
      h.advance(1ms);
    }
    h.actions.clear();
  }
  for (std::size_t i = 5; i < dials.size(); ++i) ASSERT_GT(dials[i] - dials[i - 5], 1'000'000'000);
  for (std::size_t i = 100; i < dials.size(); ++i) {
    ASSERT_GT(dials[i] - dials[i - 100], 60'000'000'000);
  }
  EXPECT_GT(dials.size(), 400U) << "and it is used";
}

// Goal: a ping every 15 s whatever flows; any byte after it is life; silence ends the connection
// within ping_interval + pong_timeout after the last byte.
TEST(SessionConnection, silent_peer_is_dropped_within_its_bound) {
  Harness h({.silence_limit = kNeverSilent});
  h.go_live({kBtc});
  h.frame(kBtc);
  h.take_log();
  h.advance(15s);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(h.take_log(), (Log{"ping e1"}));
    h.advance(1s);
    h.session.on_bytes(h.now);  // the pong
    h.advance(14s);
  }
  EXPECT_EQ(h.take_log(), (Log{"ping e1"}));
  h.advance(1s);
  h.session.on_bytes(h.now);
  const MonoTime last_bytes = h.now;
  h.advance(14s);
  EXPECT_EQ(h.take_log(), (Log{"ping e1"}));
  h.advance(5s - 1ns);
  EXPECT_EQ(h.take_log(), Log{});
  h.advance(1ns);
  EXPECT_EQ(h.take_log(), (Log{"close e1 0", "live>backing_off e1 silent_peer",
                               "backing_off>connecting e2 none", "dial e2"}));
  EXPECT_LE(h.now - last_bytes, 20'000'000'000);
}

// Goal: after a sleep of ten minutes a connection without a byte is replaced at once, without
// waiting for an answer that cannot come; one whose bytes lie in the socket is kept. Method: the
// driver reads before it ticks.
TEST(SessionConnection, long_sleep_costs_one_reconnect_at_once_where_nothing_came) {
  for (const bool has_bytes : {false, true}) {
    Harness h;
    h.go_live({kBtc});
    h.frame(kBtc);
    h.take_log();
    h.now = h.now + std::chrono::nanoseconds(10min).count();
    if (has_bytes) h.session.on_bytes(h.now);
    h.session.tick(h.now);
    h.collect();
    EXPECT_EQ(h.take_log(), (has_bytes ? Log{"ping e1"}
                                       : Log{"close e1 0", "live>backing_off e1 silent_peer",
                                             "backing_off>connecting e2 none", "dial e2"}));
    if (!has_bytes) h.connect();
    h.advance(1s);
    h.session.on_bytes(h.now);
    h.advance(10s);
    EXPECT_EQ(h.session.counters().dials, has_bytes ? 1U : 2U);
  }
}

// Goal: a sleep that the connection may have survived gives the peer its time anew: no drop while
// its packets are on their way again, and a drop in time where they are not. Method: 30 s of sleep
// while a ping is out.
TEST(SessionConnection, short_sleep_gives_the_peer_its_time_anew) {
  for (const bool survives : {false, true}) {
    Harness h;
    h.go_live({kBtc});
    h.frame(kBtc);
    h.advance(18s);  // a ping is out
    h.take_log();
    h.now = h.now + 30'000'000'000;
    h.session.tick(h.now);
    h.collect();
    EXPECT_EQ(h.take_log(), (Log{"ping e1"}));
    h.advance(5s - 1ns);
    EXPECT_EQ(h.session.state(), SessionState::live);
    if (survives) {
      h.session.on_bytes(h.now);
      h.frame(kBtc);
    }
    h.advance(1ns);
    EXPECT_EQ(h.session.counters().dials, survives ? 1U : 2U);
  }
}

// Goal: a fragmented message must end in time; further fragments do not extend it.
TEST(SessionConnection, message_that_never_ends_closes) {
  Harness h;
  h.go_live({kBtc});
  h.frame(kBtc);
  h.session.on_message_started(h.now);
  h.session.on_message_finished();
  h.advance(10s);
  EXPECT_EQ(h.session.state(), SessionState::live);
  h.take_log();
  h.session.on_message_started(h.now);
  h.advance(10s - 1ns);
  h.session.on_bytes(h.now);
  EXPECT_EQ(h.session.state(), SessionState::live);
  h.take_log();
  h.advance(1ns);
  EXPECT_EQ(h.take_log(), (Log{"close e1 1008", "live>backing_off e1 message_timeout",
                               "backing_off>connecting e2 none", "dial e2"}));
}

// Goal: bad frames in a row close, with one good frame between them they do not.
TEST(SessionConnection, bad_frames_in_a_row_close) {
  Harness h({.bad_frames_max = 3});
  h.go_live({kBtc});
  h.frame(kBtc);
  h.take_log();
  const auto bad = [&](int count) {
    for (int i = 0; i < count; ++i) h.session.on_bad_frame(h.now);
    h.advance(0s);
  };
  bad(2);
  h.frame(kBtc);
  bad(2);
  h.session.on_status_up(h.now);
  bad(2);
  EXPECT_EQ(h.take_log(), Log{});
  bad(1);
  EXPECT_EQ(h.take_log()[0], "close e1 1007");
  EXPECT_EQ(h.session.counters().ends[static_cast<std::size_t>(StatusCause::bad_frames)], 1U);
  EXPECT_EQ(h.session.counters().bad_frames, 7U);
}

// Goal: stop ends each state with at most a close and its status, and nothing follows, whatever
// still comes in.
TEST(SessionConnection, nothing_follows_a_stop) {
  const auto silent_after_stop = [](Harness& h) {
    h.stop();
    const Log log = h.take_log();
    EXPECT_EQ(log.back().substr(log.back().find('>')),
              ">stopped e" + std::to_string(h.session.epoch()) + " requested");
    h.connect();
    h.fail_dial();
    h.close();
    h.error("WRONG_FORMAT");
    h.want({kXrp});
    h.frame(kBtc);
    h.session.on_bad_frame(h.now);
    h.session.on_message_started(h.now);
    h.stop();
    h.advance(24h);
    EXPECT_EQ(h.take_log(), Log{});
    return log;
  };
  Harness idle;
  idle.start();
  EXPECT_EQ(silent_after_stop(idle).size(), 1U);
  Harness connecting;
  connecting.want({kBtc});
  connecting.start();
  connecting.take_log();
  EXPECT_EQ(silent_after_stop(connecting)[0], "close e1 0");
  Harness live;
  live.go_live({kBtc});
  EXPECT_EQ(silent_after_stop(live)[0], "close e1 1000");
  Harness backing_off;
  backing_off.want({kBtc});
  backing_off.start();
  backing_off.fail_dial();
  backing_off.take_log();
  EXPECT_EQ(silent_after_stop(backing_off).size(), 1U);
}

// Goal: what an epoch that is over still has to say changes nothing.
TEST(SessionConnection, former_epochs_are_not_listened_to) {
  Harness h;
  h.want({kBtc});
  h.start();
  h.want({});
  h.want({kBtc});
  h.take_log();
  h.session.on_connected(1, h.now);
  h.session.on_dial_failed(1, {}, h.now);
  h.session.on_closed(1, StatusCause::io_error, 0, "", h.now);
  h.collect();
  EXPECT_EQ(h.take_log(), Log{});
  h.connect();
  TickerEvent old;
  old.kind = EventKind::ticker;
  old.market = kBtc.market;
  old.epoch = 1;
  h.session.on_event(old, h.now);
  EXPECT_FALSE(h.session.fully_subscribed());
  EXPECT_EQ(h.session.missing_first_frames(), WantedSet{kBtc});
}

}  // namespace
}  // namespace upfeed::test
