#include "session/backoff.hpp"
#include "session/limiter.hpp"
#include "session_harness.hpp"

namespace upfeed::test {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Goal: a greedy user of the limiter reaches each limit exactly and never passes it. Takes grants
// as early as possible for ten minutes and counts every window that ends at a grant.
TEST(SessionLimiter, greedy_grants_fill_both_windows_exactly) {
  RateLimiter limiter({.per_second = 5, .per_minute = 100, .margin_ns = 0});
  std::vector<std::int64_t> grants;
  MonoTime now{0};
  while (now.ns < 600 * kSecond) {
    now = std::max(now, limiter.ready_at());
    limiter.take(now);
    grants.push_back(now.ns);
  }
  const auto most_within = [&](std::int64_t window_ns) {
    std::ptrdiff_t most = 0;
    for (auto last = grants.begin(); last != grants.end(); ++last) {
      const auto first = std::upper_bound(grants.begin(), grants.end(), *last - window_ns);
      most = std::max(most, last - first + 1);
    }
    return most;
  };
  EXPECT_EQ(most_within(kSecond), 5);
  EXPECT_EQ(most_within(60 * kSecond), 100);
}

// Goal: the margin keeps messages apart that the network may push together.
TEST(SessionLimiter, margin_lengthens_the_window) {
  RateLimiter limiter({.per_second = 1, .per_minute = 100, .margin_ns = 7});
  limiter.take({0});
  EXPECT_EQ(limiter.ready_at().ns, kSecond + 7);
  limiter.reset();
  EXPECT_LT(limiter.ready_at().ns, 0);
}

// Goal: a block holds every dial back to its very end and is never shortened.
TEST(SessionLimiter, block_of_the_dial_budget_holds_to_its_end) {
  DialBudget budget;
  budget.block({60 * kSecond});
  budget.block({10 * kSecond});
  EXPECT_EQ(budget.try_take({0}).ns, 60 * kSecond);
  EXPECT_EQ(budget.try_take({60 * kSecond - 1}).ns, 60 * kSecond);
  EXPECT_EQ(budget.try_take({60 * kSecond}).ns, 60 * kSecond) << "granted: returns now";
}

// Goal: delays are spread over [0, bound], the bound doubles to the cap, and reset goes back.
TEST(SessionBackoff, doubles_with_full_jitter_up_to_the_cap) {
  constexpr int kRuns = 400;
  std::vector<std::int64_t> highest(8, 0), lowest(8, INT64_MAX);
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    Backoff backoff(100, 1000, seed);
    for (std::size_t i = 0; i < highest.size(); ++i) {
      const std::int64_t delay = backoff.next();
      highest[i] = std::max(highest[i], delay);
      lowest[i] = std::min(lowest[i], delay);
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), 100);
  }
  const std::vector<std::int64_t> bounds = {100, 200, 400, 800, 1000, 1000, 1000, 1000};
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    EXPECT_LE(highest[i], bounds[i]);
    EXPECT_GE(highest[i], bounds[i] * 95 / 100);
    EXPECT_GE(lowest[i], 0);
    EXPECT_LE(lowest[i], bounds[i] * 5 / 100);
  }
}

// Goal: a range test of the configuration names the field; the defaults pass.
TEST(SessionConfigTest, names_the_field_that_is_out_of_range) {
  EXPECT_EQ(SessionConfig{}.invalid_field(), "");
  const auto field_of = [](auto change) {
    SessionConfig config;
    change(config);
    return std::string(config.invalid_field());
  };
  EXPECT_EQ(field_of([](auto& c) { c.format = "simple"; }), "format");
  EXPECT_EQ(field_of([](auto& c) { c.ticket_prefix = "a\"b"; }), "ticket_prefix");
  EXPECT_EQ(field_of([](auto& c) { c.ping_interval = 20s + 1ns; }), "ping_interval");
  EXPECT_EQ(field_of([](auto& c) { c.pong_timeout = 0s; }), "pong_timeout");
  EXPECT_EQ(field_of([](auto& c) { c.first_data_timeout = -1s; }), "first_data_timeout");
  EXPECT_EQ(field_of([](auto& c) { c.message_timeout = 0s; }), "message_timeout");
  EXPECT_EQ(field_of([](auto& c) { c.stable_period = -1s; }), "stable_period");
  EXPECT_EQ(field_of([](auto& c) { c.backoff_base = 0s; }), "backoff_base");
  EXPECT_EQ(field_of([](auto& c) { c.backoff_cap = 1ms; }), "backoff_cap");
  EXPECT_EQ(field_of([](auto& c) { c.rate_block_min = -1s; }), "rate_block_min");
  EXPECT_EQ(field_of([](auto& c) { c.collect_window = -1ns; }), "collect_window");
  EXPECT_EQ(field_of([](auto& c) { c.request_spacing = -1ns; }), "request_spacing");
  EXPECT_EQ(field_of([](auto& c) { c.request_limits.per_minute = 0; }), "request_limits");
  EXPECT_EQ(field_of([](auto& c) { c.bad_frames_max = 0; }), "bad_frames_max");
  EXPECT_EQ(field_of([](auto& c) { c.silence_limit.trade = 20s; }), "silence_limit");
  EXPECT_EQ(field_of([](auto& c) { c.silence_limit.orderbook = 0s; }), "");
  EXPECT_EQ(field_of([](auto& c) { c.silence_limit.candle = 17min; }), "silence_limit_max");
  EXPECT_EQ(field_of([](auto& c) { c.probe_wait = 0s; }), "probe_wait");
  EXPECT_EQ(field_of([](auto& c) { c.probe_spacing = 0s; }), "probe_spacing");
  EXPECT_EQ(field_of([](auto& c) { c.up_timeout = 0s; }), "up_timeout");
  EXPECT_EQ(field_of([](auto& c) { c.audit_timeout = 0s; }), "audit_timeout");
}

}  // namespace
}  // namespace upfeed::test
