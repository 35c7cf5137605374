// The feed against an exchange that does wrong: bytes cut up, error frames, refusals and lost
// subscriptions.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "live_harness.hpp"
#include "sim/probe.hpp"
#include "status_log.hpp"
#include "upfeed/event_hash.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using sim::faults::error;

/// A feed of tickers whose first frame has come.
struct Flowing {
  explicit Flowing(LiveHarness& exchange) : Flowing(exchange, exchange.config()) {}
  Flowing(LiveHarness& exchange, const FeedConfig& config)
      : live(exchange), feed(LiveHarness::feed(config)), client(feed.client("test")) {
    EXPECT_TRUE(client.on_status(log.callback()).ok());
    EXPECT_TRUE(
        client.subscribe_ticker(live.server->codes(), [this](const TickerEvent&) { ++tickers; })
            .ok());
    EXPECT_TRUE(feed.start().ok());
  }

  [[nodiscard]] bool arrives() const {
    return eventually([this] { return log.first(StatusCause::data_arrived).has_value(); });
  }
  /// Tickers of after this call come.
  [[nodiscard]] bool flows() const {
    const std::uint64_t before = tickers;
    return eventually([&] { return tickers > before; });
  }
  /// Requests for streams of the n-th connection since the start.
  [[nodiscard]] std::vector<std::string> requests(std::size_t connection) const {
    std::vector<std::string> texts;
    const sim::ExchangeStats stats = live.server->stats();
    for (const auto& each : stats.connections.at(connection).requests) {
      if (each.text == "PING") continue;
      if (each.text.find("LIST_SUBSCRIPTIONS") == std::string::npos) texts.push_back(each.text);
    }
    return texts;
  }
  [[nodiscard]] std::uint64_t dials() const { return feed.metrics().dials; }

  LiveHarness& live;
  StatusLog log;
  std::atomic<std::uint64_t> tickers{0};
  Feed feed;
  Client client;
};

// --- bytes

struct Hasher {
  EventHash hash;
  void operator()(const auto& event) { hash.add(event); }
};

/// The hash of all events of one seeded market under these faults.
std::string hash_under(const std::vector<sim::Fault>& faults, std::uint64_t seed = 7) {
  sim::SimConfig sim = LiveHarness::small(1'000);
  sim.seed = seed;
  sim.profile.markets = {4, 2, 2};
  sim.start_time_ms = 1'763'000'000'000;
  sim.start_on_subscribe = true;
  sim.frame_limit = 300;
  sim.faults = faults;
  LiveHarness live(sim);
  Feed feed = live.feed();
  Client client = feed.client("hash");
  const auto codes = live.server->codes();
  EXPECT_TRUE(client.subscribe_orderbook(codes).ok());
  EXPECT_TRUE(client.subscribe_trade(codes).ok());
  EXPECT_TRUE(client.subscribe_ticker(codes).ok());
  Hasher hasher;
  EXPECT_TRUE(feed.start(hasher).ok());
  EXPECT_TRUE(eventually([&] { return live.server->stats().source_finished; }, 60s));
  const std::uint64_t sent = live.server->stats().connections.at(0).frames_sent;
  EXPECT_TRUE(eventually([&] { return feed.metrics().total().delivered == sent; }, 60s));
  EXPECT_TRUE(feed.stop().ok());
  EXPECT_EQ(feed.metrics().reconnects, 0U);
  EXPECT_EQ(feed.metrics().total().refused + feed.metrics().total().dropped, 0U);
  EXPECT_EQ(hasher.hash.event_count(), sent);
  EXPECT_GT(sent, 300U);
  return hasher.hash.hex();
}

// Goal: however the network cuts the bytes, the events are the same. Method: one seeded market
// whole, then in single bytes, small records, batches, fragments and late; its event hashes.
TEST(FeedFaults, bytes_cut_in_any_way_are_the_same_events) {
  using namespace sim::faults;
  const std::string whole = hash_under({});
  EXPECT_EQ(hash_under({}), whole) << "the same market twice";
  EXPECT_NE(hash_under({}, 8), whole) << "another market";
  EXPECT_EQ(hash_under({segments(1)}), whole);
  EXPECT_EQ(hash_under({records(1)}), whole);
  EXPECT_EQ(hash_under({records(100)}), whole);
  EXPECT_EQ(hash_under({batch(50ms)}), whole);
  EXPECT_EQ(hash_under({fragments(16)}), whole);
  EXPECT_EQ(hash_under({fragments(100)}), whole);
  EXPECT_EQ(hash_under({delay(300ms)}), whole);
  EXPECT_EQ(hash_under({segments(7), records(11), fragments(13)}), whole);
}

// --- error frames

// Goal: each error frame is told by its kind, costs one connection, and is not provoked again.
// Method: every documented name about requests and an unknown one, while tickers flow.
TEST(FeedFaults, an_error_frame_is_typed_and_data_comes_back_without_repetition) {
  const std::pair<const char*, ServerErrorKind> kNames[] = {
      {"WRONG_FORMAT", ServerErrorKind::wrong_format},
      {"NO_TICKET", ServerErrorKind::no_ticket},
      {"NO_TYPE", ServerErrorKind::no_type},
      {"NO_CODES", ServerErrorKind::no_codes},
      {"INVALID_PARAM", ServerErrorKind::invalid_param},
      {"SOMETHING_NEW", ServerErrorKind::other}};
  for (const auto& [name, kind] : kNames) {
    SCOPED_TRACE(name);
    LiveHarness live(LiveHarness::small());
    Flowing flowing(live);
    ASSERT_TRUE(flowing.arrives());
    live.server->fault(error(name, "made up"));
    ASSERT_TRUE(eventually([&] { return flowing.log.count(StatusCause::data_arrived) == 2; }));
    EXPECT_TRUE(flowing.flows());
    const auto told = flowing.log.first(StatusCause::server_error);
    ASSERT_TRUE(told.has_value());
    EXPECT_EQ(told->event.server_error, kind);
    EXPECT_EQ(told->event.previous_state, SessionState::live);
    EXPECT_NE(told->event.text.view().find(name), std::string_view::npos);
    std::this_thread::sleep_for(500ms);
    EXPECT_EQ(flowing.log.count(StatusCause::server_error), 1U);
    EXPECT_EQ(flowing.dials(), 2U);
    EXPECT_EQ(flowing.requests(0).size(), 1U);
    EXPECT_EQ(flowing.requests(1).size(), 1U);
  }
}

// Goal: what the exchange refuses is held back, the rest lives on. Method: tickers flow; the
// request that adds trades is answered with an error frame instead of data.
TEST(FeedFaults, a_refused_stream_is_held_back_and_the_others_live_on) {
  LiveHarness live(LiveHarness::small());
  Flowing flowing(live);
  ASSERT_TRUE(flowing.arrives());
  live.server->fault(sim::faults::mute("trade", "", true));
  std::atomic<int> trades{0};
  ASSERT_TRUE(flowing.client.subscribe_trade("KRW-BTC", [&](const TradeEvent&) { ++trades; }).ok());
  ASSERT_TRUE(eventually([&] { return flowing.requests(0).size() == 2; }));
  live.server->fault(error("INVALID_PARAM", "made up"));
  ASSERT_TRUE(eventually([&] { return flowing.log.count(StatusCause::data_arrived) == 2; }));
  EXPECT_TRUE(flowing.flows());
  std::this_thread::sleep_for(1s);
  const auto told = flowing.log.first(StatusCause::server_error);
  ASSERT_TRUE(told.has_value());
  EXPECT_NE(told->event.text.view().find("held back"), std::string_view::npos);
  EXPECT_NE(told->event.text.view().find("KRW-BTC"), std::string_view::npos);
  EXPECT_EQ(flowing.feed.metrics().connections.at(0).refused_streams, 1U);
  EXPECT_EQ(flowing.dials(), 2U);
  ASSERT_EQ(flowing.requests(1).size(), 1U);
  EXPECT_EQ(flowing.requests(1)[0].find("trade"), std::string::npos);
  EXPECT_EQ(trades, 0);
}

// Goal: a request that was refused as a whole is not sent again until something else is wanted.
// Method: an error frame to the very first request; later one more subscription.
TEST(FeedFaults, a_request_refused_as_a_whole_waits_for_another_wish) {
  LiveHarness live(LiveHarness::small());
  live.server->fault_next(sim::faults::mute("", "", true));
  live.server->fault_next(error("INVALID_PARAM", "made up"));
  Flowing flowing(live);
  ASSERT_TRUE(eventually([&] { return flowing.feed.metrics().state == SessionState::failed; }));
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(flowing.dials(), 1U);
  EXPECT_LE(flowing.requests(0).size(), 1U);
  ASSERT_TRUE(flowing.client.subscribe_trade("KRW-BTC").ok());
  EXPECT_TRUE(flowing.arrives());
  EXPECT_TRUE(flowing.flows());
}

/// Told as blocked, with the next dial at least so far away.
void expect_blocked(const Flowing& flowing, std::int64_t retry_ms_min) {
  const auto told = flowing.log.first(StatusCause::rate_limited);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->event.state, SessionState::blocked);
  EXPECT_GE(told->event.retry_in_ms, retry_ms_min);
  EXPECT_EQ(flowing.feed.metrics().state, SessionState::blocked);
  EXPECT_EQ(flowing.dials(), 1U);
}

// Goal: an error frame about rate limits or the login ends the dialling. Method: the names of
// either while tickers flow, the dials of the seconds behind it.
TEST(FeedFaults, error_frames_about_limits_and_logins_are_not_hammered) {
  {
    LiveHarness live(LiveHarness::small());
    Flowing flowing(live);
    ASSERT_TRUE(flowing.arrives());
    live.server->fault(error("TOO_MANY_REQUEST"));
    ASSERT_TRUE(eventually([&] { return flowing.log.count(StatusCause::rate_limited) == 1; }));
    EXPECT_EQ(flowing.log.first(StatusCause::rate_limited)->event.server_error,
              ServerErrorKind::rate_limited);
    std::this_thread::sleep_for(2s);
    expect_blocked(flowing, 60'000);
  }
  LiveHarness live(LiveHarness::small());
  Flowing flowing(live);
  ASSERT_TRUE(flowing.arrives());
  live.server->fault(error("INVALID_AUTH"));
  ASSERT_TRUE(eventually([&] { return flowing.feed.metrics().state == SessionState::failed; }));
  std::this_thread::sleep_for(2s);
  EXPECT_EQ(flowing.dials(), 1U);
  const auto told = flowing.log.first(StatusCause::unauthorized);
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->event.server_error, ServerErrorKind::invalid_auth);
  EXPECT_EQ(told->event.retry_in_ms, -1);
}

// --- refusals

// Goal: 429 and 418 are waited out for what the exchange says and for a minute at least. Method:
// scripted refusals with short and long hints in the header and in the body.
TEST(FeedFaults, refusals_block_for_the_hint_and_a_minute_at_least) {
  using sim::faults::refuse_upgrade;
  struct Case {
    sim::Fault fault;
    int status;
    std::int64_t retry_ms_min;
  };
  const Case kCases[] = {
      {refuse_upgrade(429, 2), 429, 60'000},
      {refuse_upgrade(429, 120), 429, 120'000},
      {refuse_upgrade(418, 90), 418, 90'000},
      {refuse_upgrade(418, 0, R"({"error":{"name":"x","message":"blocked for 300 seconds"}})"), 418,
       300'000}};
  std::vector<std::unique_ptr<LiveHarness>> exchanges;
  std::vector<std::unique_ptr<Flowing>> feeds;
  for (const Case& each : kCases) {
    exchanges.push_back(std::make_unique<LiveHarness>(LiveHarness::small()));
    exchanges.back()->server->fault_next(each.fault, sim::kEvery);
    feeds.push_back(std::make_unique<Flowing>(*exchanges.back()));
  }
  for (const auto& flowing : feeds) {
    ASSERT_TRUE(eventually([&] { return flowing->log.count(StatusCause::rate_limited) == 1; }));
  }
  std::this_thread::sleep_for(3s);
  for (std::size_t i = 0; i < feeds.size(); ++i) {
    const Case& each = kCases[i];
    SCOPED_TRACE(i);
    EXPECT_EQ(feeds[i]->log.first(StatusCause::rate_limited)->event.http_status, each.status);
    expect_blocked(*feeds[i], each.retry_ms_min);
    const sim::GateStats gate = exchanges[i]->server->stats().gate;
    EXPECT_EQ(gate.by_status.at(static_cast<unsigned>(each.status)), 1U);
  }
}

// Goal: nothing knocks while the exchange blocks, whichever connection was told. Method: a gate
// that is one refusal before its 418, and a feed of several connections.
TEST(FeedFaults, no_connection_dials_into_a_block) {
  sim::SimConfig sim = LiveHarness::small();
  sim.connect_limit = {.is_enforced = true, .per_second = 0, .teapot_after = 1};
  LiveHarness live(sim);
  sim::Probe(live.server->port(), live.server->ca_pem()).upgrade();
  FeedConfig config = live.config();
  config.sharding.connections = 1;
  config.shards_max = 4;
  Flowing flowing(live, config);
  ASSERT_TRUE(eventually([&] { return flowing.log.count(StatusCause::rate_limited) > 0; }));
  ASSERT_TRUE(flowing.feed.reshard({.connections = 4}).ok());
  std::this_thread::sleep_for(3s);
  const sim::GateStats gate = live.server->stats().gate;
  EXPECT_EQ(gate.by_status.at(429), 1U) << "the probe's";
  EXPECT_EQ(gate.by_status.at(418), 1U);
  EXPECT_EQ(gate.dials_while_blocked, 0U);
  EXPECT_EQ(flowing.dials(), 1U);
}

// --- audits

// Goal: an audit finds what the exchange forgot and heals it, and finds nothing where all is well.
// Method: audits before, after the loss of one stream, and after its return.
TEST(FeedFaults, an_audit_finds_a_forgotten_stream_and_it_flows_again) {
  LiveHarness live(LiveHarness::small());
  Flowing flowing(live);
  std::atomic<std::uint64_t> trades{0};
  ASSERT_TRUE(flowing.client.subscribe_trade("KRW-BTC", [&](const TradeEvent&) { ++trades; }).ok());
  ASSERT_TRUE(eventually([&] { return trades > 0; }));
  const auto audited = [&](AuditOutcome outcome) {
    flowing.feed.audit();
    return eventually(
        [&] { return flowing.feed.metrics().connections.at(0).last_audit == outcome; });
  };
  ASSERT_TRUE(audited(AuditOutcome::matched));
  EXPECT_EQ(flowing.log.count(StatusCause::audit_mismatch), 0U);
  live.server->fault(sim::faults::forget("trade", "KRW-BTC"));
  std::this_thread::sleep_for(200ms);
  const std::uint64_t before = trades;
  std::atomic<int> gaps{0};
  ASSERT_TRUE(flowing.client
                  .on_gap([&](const GapEvent& event) {
                    const bool is_it = event.gap_kind == EventKind::trade &&
                                       event.code.view() == "KRW-BTC" &&
                                       event.cause == StatusCause::audit_mismatch;
                    gaps += is_it ? 1 : 100;
                  })
                  .ok());
  ASSERT_TRUE(audited(AuditOutcome::mismatched));
  const auto told = flowing.log.first(StatusCause::audit_mismatch);
  ASSERT_TRUE(told.has_value());
  EXPECT_NE(told->event.text.view().find("KRW-BTC trade"), std::string_view::npos)
      << told->event.text.view();
  EXPECT_TRUE(eventually([&] { return trades > before + 2; })) << "more than its snapshot";
  ASSERT_TRUE(audited(AuditOutcome::matched));
  EXPECT_EQ(flowing.log.count(StatusCause::audit_mismatch), 1U);
  EXPECT_EQ(gaps, 1) << "the outage of that stream alone is told";
  EXPECT_EQ(flowing.dials(), 1U);
}

}  // namespace
