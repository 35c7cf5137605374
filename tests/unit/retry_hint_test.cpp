// What a refusing server's reply is taken to ask for.
#include "net/retry_hint.hpp"

#include <gtest/gtest.h>

namespace upfeed::net {
namespace {

TEST(RetryHint, header_seconds_and_dates) {
  // Retry-After in both forms of RFC 9110; a date counts from the reply's own Date.
  constexpr char kNow[] = "Sun, 22 Nov 2026 10:00:00 GMT";
  EXPECT_EQ(retry_hint_ms(429, "7", kNow, ""), 7'000);
  EXPECT_EQ(retry_hint_ms(503, "0", "", ""), 0);
  EXPECT_EQ(retry_hint_ms(429, "Sun, 22 Nov 2026 10:01:30 GMT", kNow, ""), 90'000);
  EXPECT_EQ(retry_hint_ms(429, "Sun, 22 Nov 2026 09:00:00 GMT", kNow, ""), 0) << "in the past";
  EXPECT_EQ(retry_hint_ms(429, "Sun, 22 Nov 2026 10:01:30 GMT", "", ""), -1) << "no other end";
  EXPECT_EQ(retry_hint_ms(429, "soon", kNow, ""), -1);
  EXPECT_EQ(retry_hint_ms(429, "7 apples", kNow, ""), -1);
  EXPECT_EQ(retry_hint_ms(429, "99999999999999999999999", "", ""), 7LL * 24 * 3600 * 1000);
}

TEST(RetryHint, block_time_in_the_body) {
  // The wording is not documented, so several; numbers that are no time must not count.
  EXPECT_EQ(
      retry_hint_ms(418, "", "", R"({"error":{"name":418,"message":"blocked for 60 seconds"}})"),
      60'000);
  EXPECT_EQ(retry_hint_ms(418, "", "", R"({"error":{"message":"120초 동안 차단되었습니다."}})"),
            120'000);
  EXPECT_EQ(retry_hint_ms(418, "", "", "10분 후 다시 시도"), 600'000);
  EXPECT_EQ(retry_hint_ms(418, "", "", R"({"retry_after": 45})"), 45'000);
  EXPECT_EQ(retry_hint_ms(418, "", "", R"({"blocked_for":30,"n":3})"), 30'000);
  EXPECT_EQ(retry_hint_ms(429, "", "", "try again in 5s."), 5'000);
  EXPECT_EQ(retry_hint_ms(429, "3", "", "try again in 5s"), 5'000) << "the larger one";
  EXPECT_EQ(retry_hint_ms(429, "", "", "<h1>429 Too Many Requests</h1> nginx/1.22.1"), -1);
  EXPECT_EQ(retry_hint_ms(418, "", "", R"({"error":{"name":418}})"), -1);
  EXPECT_EQ(retry_hint_ms(500, "", "", "down for 60 seconds"), -1) << "not a status that blocks";
}

}  // namespace
}  // namespace upfeed::net
