// The session against random trouble. Arguments behind gtest's own:
//   --seed N    replays one seed          --seeds N   seeds 1 to N (default 4,000)
//   --trace 1   prints each action
//   --events N  events of a seed (1,000)

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "simulation.hpp"

namespace upfeed::simulation {
namespace {

struct Options {
  std::uint64_t seed = 0;  // 0: all of them
  std::uint64_t seeds = 4'000;
  std::uint64_t events = 1'000;
  std::uint64_t trace = 0;
};
Options options;

constexpr std::array<const char*, kFaultCount> kFaultNames = {"dial_refused",
                                                              "dial_429",
                                                              "dial_hinted",
                                                              "dial_418",
                                                              "dial_redirected",
                                                              "dial_401",
                                                              "connection_lost",
                                                              "stale_news",
                                                              "peer_frozen",
                                                              "up_stopped",
                                                              "error_request",
                                                              "error_added",
                                                              "error_rate_limit",
                                                              "error_token",
                                                              "bad_frames",
                                                              "endless_message",
                                                              "owner_overslept",
                                                              "suspended",
                                                              "stranger_frame",
                                                              "stale_frame",
                                                              "late_trade",
                                                              "first_frame_missing",
                                                              "stream_forgotten",
                                                              "stream_muted",
                                                              "stream_deaf",
                                                              "stream_busy",
                                                              "audit",
                                                              "audit_lie",
                                                              "audit_overtaken",
                                                              "wishes_burst",
                                                              "wishes_gone",
                                                              "stop_and_start"};

/// Every edge of the picture in session.hpp, and no other.
bool is_edge(SessionState from, SessionState to) {
  using enum SessionState;
  if (from == to) return false;
  if (to == stopped) return true;
  switch (from) {
    case idle:
      return to == connecting || to == backing_off || to == blocked;
    case connecting:
      return true;
    case live:
      return to != connecting;
    case backing_off:
      return to == connecting || to == blocked || to == idle;
    case blocked:
      return to == connecting || to == backing_off || to == idle;
    case failed:
      return to == connecting || to == backing_off || to == blocked || to == idle;
    case stopped:
      return to == idle || to == connecting || to == backing_off || to == blocked;
  }
  return false;
}

void report(const Coverage& coverage, double seconds, double cpu_seconds) {
  std::printf("%llu events, %llu dials, %llu requests in %.1f s, %.1f s of CPU on one core\n",
              static_cast<unsigned long long>(coverage.events),
              static_cast<unsigned long long>(coverage.dials),
              static_cast<unsigned long long>(coverage.requests), seconds, cpu_seconds);
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    std::printf("  %-20s %llu\n", kFaultNames[i],
                static_cast<unsigned long long>(coverage.faults[i]));
  }
  for (std::size_t i = 0; i < kStatusCauseCount; ++i) {
    if (coverage.causes[i] == 0) continue;
    std::printf("  cause %s %llu\n", to_string(static_cast<StatusCause>(i)).data(),
                static_cast<unsigned long long>(coverage.causes[i]));
  }
  for (std::size_t from = 0; from < kStateCount; ++from) {
    for (std::size_t to = 0; to < kStateCount; ++to) {
      if (coverage.edges[from][to] == 0) continue;
      std::printf("  %s > %s %llu\n", to_string(static_cast<SessionState>(from)).data(),
                  to_string(static_cast<SessionState>(to)).data(),
                  static_cast<unsigned long long>(coverage.edges[from][to]));
    }
  }
}

// Goal: no seed breaks a rule, every session comes back when the faults end, and the faults reached
// every edge of the state machine. Method: all seeds against the checker; a failure names its seed.
TEST(SessionSimulation, keeps_every_rule_and_comes_back) {
  Coverage coverage;
  coverage.trace = options.trace != 0;
  const auto begun = std::chrono::steady_clock::now();
  const std::clock_t cpu_begun = std::clock();
  const std::uint64_t first = options.seed != 0 ? options.seed : 1;
  const std::uint64_t last = options.seed != 0 ? options.seed : options.seeds;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const std::string broken = Simulation(seed, coverage).run(options.events);
    ASSERT_EQ(broken, "") << "replay with --seed " << seed << " --events " << options.events;
  }
  report(coverage, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(),
         static_cast<double>(std::clock() - cpu_begun) / CLOCKS_PER_SEC);
  if (options.seed != 0) return;

  // Each fault and edge often enough to mean something, in proportion to the seeds.
  const std::uint64_t least = std::max<std::uint64_t>(1, options.seeds / 100);
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    EXPECT_GE(coverage.faults[i], least) << kFaultNames[i];
  }
  for (std::size_t from = 0; from < kStateCount; ++from) {
    for (std::size_t to = 0; to < kStateCount; ++to) {
      const auto a = static_cast<SessionState>(from);
      const auto b = static_cast<SessionState>(to);
      if (is_edge(a, b)) {
        EXPECT_GE(coverage.edges[from][to], least) << to_string(a) << '>' << to_string(b);
      } else {
        EXPECT_EQ(coverage.edges[from][to], 0U) << to_string(a) << '>' << to_string(b);
      }
    }
  }
  for (const StatusCause cause :
       {StatusCause::silent_peer, StatusCause::bad_frames, StatusCause::message_timeout,
        StatusCause::server_error, StatusCause::rate_limited, StatusCause::unauthorized,
        StatusCause::first_data_missing, StatusCause::data_arrived, StatusCause::stream_silent,
        StatusCause::audit_mismatch}) {
    EXPECT_GE(coverage.causes[static_cast<std::size_t>(cause)], least) << to_string(cause);
  }
}

// The checker must be able to fail. A short good life, and one wrong thing in it for each rule.
class Corrupted : public testing::Test {
 protected:
  static constexpr std::int64_t kNow = 1'000 * kSecond;

  static SessionAction make(ActionKind kind, std::uint32_t epoch, std::string text = {}) {
    SessionAction action;
    action.kind = kind;
    action.epoch = epoch;
    action.text = std::move(text);
    return action;
  }
  static SessionAction status(SessionState from, SessionState to, std::uint32_t epoch,
                              StatusCause cause = StatusCause::none) {
    SessionAction action = make(ActionKind::status, epoch);
    action.previous_state = from;
    action.state = to;
    action.cause = cause;
    return action;
  }
  static std::string request(int ticket, const std::string& objects) {
    return R"([{"ticket":"upfeed-1-)" + std::to_string(ticket) + R"("},)" + objects +
           R"(,{"format":"DEFAULT"}])";
  }
  static std::string good_request(int ticket) {
    return request(ticket, R"({"type":"orderbook","codes":["KRW-BTC.15"]},)"
                           R"({"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true})");
  }

  void SetUp() override {
    Wishes wishes{};
    for (std::size_t i = 0; i < catalog.names.size(); ++i) {
      if (catalog.names[i] == "KRW-BTC ticker") wishes[i] = Wish{30, StreamMode::snapshot_only, 0};
      if (catalog.names[i] == "KRW-BTC orderbook") wishes[i] = Wish{15, StreamMode::both, 0};
      if (wishes[i] && wishes[i]->units == 15) book = i;
    }
    checker.wishes(wishes, kNow);
    checker.started();
    dial(1);
    checker.connected(kNow);
    checker.action(status(SessionState::connecting, SessionState::live, 1), kNow);
    ASSERT_FALSE(checker.broken());
  }
  void dial(std::uint32_t epoch, std::int64_t at_ns = kNow) {
    if (epoch == 1) {
      checker.action(status(SessionState::idle, SessionState::connecting, 1), at_ns);
    }
    checker.action(make(ActionKind::dial, epoch), at_ns);
  }
  void ask(const std::string& text) { checker.action(make(ActionKind::send_text, 1, text), kNow); }
  void expect(Rule rule) {
    ASSERT_TRUE(checker.broken()) << "nothing was noticed";
    EXPECT_EQ(*checker.broken(), rule) << to_string(*checker.broken()) << ": " << checker.detail();
  }

  static SessionAction silent(const std::string& name) {
    SessionAction action =
        status(SessionState::live, SessionState::live, 1, StatusCause::stream_silent);
    action.text = "fell silent: " + name;
    return action;
  }

  Catalog catalog;
  std::size_t book = 0;  // of the stream that is wanted with updates
  EndpointModel endpoint{Limits{5, 100}};
  SessionConfig config;
  SessionChecker checker{catalog, endpoint, config, Limits{5, 100}};
};

TEST_F(Corrupted, good_life_is_no_violation) {
  ask(good_request(1));
  checker.settled(SessionState::live, {kNow + kSecond}, kNow);
  EXPECT_FALSE(checker.broken()) << checker.detail();
}
TEST_F(Corrupted, epoch_that_does_not_grow) {
  checker.ended();
  dial(1 + 2);
  expect(Rule::epoch_grows);
}
TEST_F(Corrupted, request_of_a_former_epoch) {
  checker.action(make(ActionKind::send_ping, 0), kNow);
  expect(Rule::epoch_grows);
}
TEST_F(Corrupted, dial_beside_a_connection) {
  dial(2);
  expect(Rule::one_connection);
}
TEST_F(Corrupted, sixth_dial_in_a_second) {
  for (std::uint32_t epoch = 2; epoch <= 6; ++epoch) {
    ASSERT_FALSE(checker.broken());
    checker.ended();
    dial(epoch, kNow + kSecond - 1);
  }
  expect(Rule::dial_budget);
}
TEST_F(Corrupted, hundred_and_first_dial_in_a_minute) {
  for (std::uint32_t epoch = 2; epoch <= 101; ++epoch) {
    ASSERT_FALSE(checker.broken());
    checker.ended();
    dial(epoch, kNow + epoch * kSecond / 2);
  }
  expect(Rule::dial_budget);
}
TEST_F(Corrupted, dial_inside_a_block) {
  checker.ended();
  checker.blocked(kNow + 60 * kSecond);
  dial(2, kNow + 60 * kSecond - 1);
  expect(Rule::dial_block);
}
TEST_F(Corrupted, dial_after_401) {
  checker.ended();
  checker.unauthorized();
  dial(2);
  expect(Rule::dial_given_up);
}
TEST_F(Corrupted, dial_for_a_refused_set) {
  ask(good_request(1));
  checker.refused(kNow);
  checker.action(status(SessionState::live, SessionState::failed, 1), kNow);
  checker.ended();
  dial(2);
  expect(Rule::dial_given_up);
}
TEST_F(Corrupted, sixth_request_in_a_second) {
  for (int i = 1; i <= 6; ++i) {
    ASSERT_FALSE(checker.broken()) << checker.detail();
    ask(good_request(i));
  }
  expect(Rule::request_limits);
}
TEST_F(Corrupted, request_without_connection) {
  checker.ended();
  ask(good_request(1));
  expect(Rule::request_connected);
}
TEST_F(Corrupted, request_that_is_no_json) {
  ask(good_request(1) + "]");
  expect(Rule::request_text);
}
TEST_F(Corrupted, ticket_used_twice) {
  ask(good_request(1));
  ask(good_request(1));
  expect(Rule::request_text);
}
TEST_F(Corrupted, request_that_misses_a_stream) {
  ask(request(1, R"({"type":"orderbook","codes":["KRW-BTC.15"]})"));
  expect(Rule::request_set);
}
TEST_F(Corrupted, request_with_an_unwanted_stream) {
  ask(request(1, R"({"type":"orderbook","codes":["KRW-BTC.15","KRW-ETH"]},)"
                 R"({"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true})"));
  expect(Rule::request_set);
}
TEST_F(Corrupted, request_with_wrong_units) {
  ask(request(1, R"({"type":"orderbook","codes":["KRW-BTC"]},)"
                 R"({"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true})"));
  expect(Rule::request_set);
}
TEST_F(Corrupted, request_with_wrong_flags) {
  ask(request(1, R"({"type":"orderbook","codes":["KRW-BTC.15"],"is_only_realtime":true},)"
                 R"({"type":"ticker","codes":["KRW-BTC"],"is_only_snapshot":true})"));
  expect(Rule::request_set);
}
TEST_F(Corrupted, status_that_does_not_follow) {
  checker.action(status(SessionState::connecting, SessionState::backing_off, 1), kNow);
  expect(Rule::status_chain);
}
TEST_F(Corrupted, same_transition_twice) {
  checker.action(status(SessionState::live, SessionState::live, 1), kNow);
  expect(Rule::status_chain);
}
TEST_F(Corrupted, state_without_status) {
  checker.settled(SessionState::idle, Session::kNever, kNow);
  expect(Rule::status_chain);
}
TEST_F(Corrupted, ping_while_stopping) {
  checker.stopped();
  checker.action(make(ActionKind::send_ping, 1), kNow);
  expect(Rule::quiet_after_stop);
}
TEST_F(Corrupted, status_behind_the_stop) {
  checker.stopped();
  checker.action(make(ActionKind::close, 1), kNow);
  checker.action(status(SessionState::live, SessionState::stopped, 1), kNow);
  ASSERT_FALSE(checker.broken());
  checker.action(status(SessionState::stopped, SessionState::idle, 1), kNow);
  expect(Rule::quiet_after_stop);
}
TEST_F(Corrupted, no_deadline) {
  checker.settled(SessionState::live, Session::kNever, kNow);
  expect(Rule::wakes_up);
}
TEST_F(Corrupted, deadline_that_passed) {
  checker.settled(SessionState::live, {kNow}, kNow);
  expect(Rule::wakes_up);
}
TEST_F(Corrupted, request_that_is_late) {
  checker.settled(SessionState::live, {kNow + kSecond}, kNow + 1);
  expect(Rule::wakes_up);
}
TEST_F(Corrupted, failure_without_a_reason) {
  checker.action(status(SessionState::live, SessionState::failed, 1), kNow);
  expect(Rule::dial_given_up);
}
TEST_F(Corrupted, silence_not_noticed) {
  ask(good_request(1));
  const std::int64_t late = kNow + 20 * kSecond + 1;
  checker.settled(SessionState::live, {late + 1}, late);
  expect(Rule::silent_peer_bound);
}
TEST_F(Corrupted, silence_imagined) {
  checker.action(make(ActionKind::close, 1), kNow);
  checker.action(status(SessionState::live, SessionState::backing_off, 1, StatusCause::silent_peer),
                 kNow);
  expect(Rule::silent_peer_bound);
}
TEST_F(Corrupted, dial_before_the_servers_time) {
  checker.ended();
  checker.not_before(kNow + 15 * kSecond);
  dial(2, kNow + 15 * kSecond - 1);
  expect(Rule::dial_paced);
}
TEST_F(Corrupted, refused_set_asked_again) {
  ask(good_request(1));
  checker.refused(kNow);
  ask(good_request(2));
  expect(Rule::refused_again);
}
TEST_F(Corrupted, stream_held_back_without_a_refusal) {
  ask(good_request(1));
  checker.holds_back({catalog.streams[0]});
  expect(Rule::held_back);
}
TEST_F(Corrupted, held_back_stream_set_free_without_a_change) {
  ask(good_request(1));
  checker.refused(kNow);
  checker.holds_back({catalog.streams[0]});
  ASSERT_FALSE(checker.broken());
  checker.holds_back({});
  expect(Rule::held_back);
}
TEST_F(Corrupted, lost_stream_not_noticed) {
  config.silence_limit_max = config.silence_limit.orderbook;
  config.ping_interval = std::chrono::seconds(60);
  ask(good_request(1));
  checker.frame(book, false, kNow);
  checker.lose(book, Loss::forgotten, 1, false, kNow);
  const std::int64_t late = kNow + config.silence_limit_max.count() + 101 * kMillisecond;
  checker.bytes(late);
  checker.look(late - kMillisecond);
  ASSERT_FALSE(checker.broken()) << checker.detail();
  checker.look(late);
  expect(Rule::silent_stream);
}
TEST_F(Corrupted, loss_behind_one_that_missed_nothing_is_no_violation_yet) {
  config.silence_limit_max = config.silence_limit.orderbook;
  ask(good_request(1));
  checker.frame(book, false, kNow);
  checker.lose(book, Loss::deaf, 0, false, kNow);
  ask(good_request(2));  // brings it back
  const std::int64_t late = kNow + config.silence_limit_max.count() + kSecond;
  checker.lose(book, Loss::muted, 9, false, late);
  checker.bytes(late);
  checker.look(late);
  EXPECT_FALSE(checker.broken()) << checker.detail();
}
TEST_F(Corrupted, lost_stream_not_given_up) {
  ask(good_request(1));
  checker.frame(book, false, kNow);
  checker.lose(book, Loss::muted, 9, false, kNow);
  checker.action(silent("KRW-BTC orderbook.15"), kNow);
  const std::int64_t late = kNow + 6 * kSecond;
  checker.bytes(late);
  checker.look(late);
  expect(Rule::silent_stream);
}
TEST_F(Corrupted, loss_that_begins_too_late) {
  for (const std::int64_t silent_s : {30, 20}) {
    ask(good_request(silent_s == 30 ? 1 : 2));
    checker.frame(book, false, kNow);
    checker.lose(book, Loss::deaf, 9, true, kNow);
    SessionAction told = silent("KRW-BTC orderbook.15");
    told.lost = {.stream = catalog.streams[book], .silent_ns = silent_s * kSecond};
    checker.action(told, kNow + 30 * kSecond);
    if (silent_s == 30) {
      ASSERT_FALSE(checker.broken()) << checker.detail();
    }
  }
  expect(Rule::loss_bounds);
}
TEST_F(Corrupted, quiet_stream_called_silent) {
  ask(good_request(1));
  checker.frame(book, false, kNow);
  checker.action(silent("KRW-BTC orderbook.15"), kNow + 60 * kSecond);
  expect(Rule::false_alarm);
}
TEST_F(Corrupted, live_stream_doubted) {
  Wishes wishes{};
  wishes[0] = Wish{};
  checker.wishes(wishes, kNow);
  ask(request(1, R"({"type":"ticker","codes":[")" + catalog.codes[0] + R"("]})"));
  checker.frame(0, false, kNow);
  ASSERT_FALSE(checker.broken()) << checker.detail();
  ask(request(2, R"({"type":"ticker","codes":[")" + catalog.codes[0] + R"("]})"));
  expect(Rule::request_set);
}
TEST_F(Corrupted, too_many_probes) {
  checker.probed(4, kNow + kSecond);
  ASSERT_FALSE(checker.broken());
  checker.probed(5, kNow + kSecond);
  expect(Rule::probes_rare);
}
TEST_F(Corrupted, stream_doubted_without_a_list) {
  Wishes wishes{};
  wishes[0] = Wish{};
  checker.wishes(wishes, kNow);
  const std::string probe = R"({"type":"ticker","codes":[")" + catalog.codes[0] + R"("]})";
  ask(request(1, probe));
  checker.frame(0, false, kNow);
  const std::int64_t later = kNow + config.silence_limit.ticker.count();
  checker.action(make(ActionKind::send_text, 1, request(2, probe)), later);
  expect(Rule::list_first);
}
TEST_F(Corrupted, muted_busy_stream_not_noticed) {
  config.silence_limit_max = config.silence_limit.orderbook;
  config.ping_interval = std::chrono::seconds(60);
  ask(good_request(1));
  checker.frame(book, false, kNow);
  checker.lose(book, Loss::deaf, 9, true, kNow);
  const std::int64_t late = kNow + config.silence_limit_max.count() + 101 * kMillisecond;
  checker.bytes(late);
  checker.frame(book, true, late);
  checker.look(late);
  expect(Rule::silent_stream);
}
TEST_F(Corrupted, list_whose_loss_is_not_told) {
  ask(good_request(1));
  const std::string list = R"(},{"method":"LIST_SUBSCRIPTIONS"},{"format":"DEFAULT"}])";
  std::bitset<kCatalogMax> all;
  all.set();
  for (const std::size_t number : {1, 2}) {
    const std::string ticket = "upfeed-1-list-" + std::to_string(number);
    ask(R"([{"ticket":")" + ticket + '"' + list);
    checker.audit_answer(ticket, number == 1 ? all : std::bitset<kCatalogMax>(), false, kNow);
    ASSERT_FALSE(checker.broken()) << checker.detail();
    checker.audit_answered({}, kNow);
  }
  expect(Rule::audit_sound);
}
TEST_F(Corrupted, audit_that_hides_a_difference) {
  ask(good_request(1));
  ask(R"([{"ticket":"upfeed-1-audit-1"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"DEFAULT"}])");
  checker.audit_answer("upfeed-1-audit-1", {}, false, kNow);
  checker.audit_answered({.outcome = AuditOutcome::matched, .at = {kNow}}, kNow);
  expect(Rule::audit_sound);
}
TEST_F(Corrupted, audit_that_believes_an_overtaken_answer) {
  ask(good_request(1));
  ask(R"([{"ticket":"upfeed-1-audit-1"},{"method":"LIST_SUBSCRIPTIONS"},{"format":"DEFAULT"}])");
  ask(good_request(3));
  checker.audit_answer("upfeed-1-audit-1", {}, false, kNow);
  checker.audit_answered({.outcome = AuditOutcome::mismatched, .at = {kNow}}, kNow);
  expect(Rule::audit_sound);
}
TEST_F(Corrupted, frame_of_a_former_connection_counts) {
  checker.stale_frame(2, 1);
  expect(Rule::stale_epoch);
}
TEST_F(Corrupted, end_of_up_not_noticed) {
  checker.up(kNow);
  const std::int64_t late = kNow + 35 * kSecond + 1;
  checker.bytes(late);
  checker.settled(SessionState::live, {late + 1}, late);
  expect(Rule::silent_peer_bound);
}
TEST_F(Corrupted, session_that_never_comes_back) {
  DialBudget budget;
  const Session session(config, budget, 1);
  checker.must_be_restored(session);
  expect(Rule::restored);
}

}  // namespace
}  // namespace upfeed::simulation

int main(int argc, char** argv) {
  using upfeed::simulation::options;
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seed") == 0) options.seed = value;
    if (std::strcmp(argv[i], "--seeds") == 0) options.seeds = value;
    if (std::strcmp(argv[i], "--events") == 0) options.events = value;
    if (std::strcmp(argv[i], "--trace") == 0) options.trace = value;
  }
  return RUN_ALL_TESTS();
}
