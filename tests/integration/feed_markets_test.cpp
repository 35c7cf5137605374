// What the exchange has, asked by REST, against what is subscribed.

#include <gtest/gtest.h>

#include "live_harness.hpp"
#include "market_rules.hpp"

namespace {

using namespace upfeed;

// Goal: what the exchange would ignore in silence is refused with the reason. Method: unknown code,
// unsupported level, before and after the market list is loaded.
TEST(FeedMarkets, unknown_codes_and_levels_are_refused_once_the_markets_are_known) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  Client client = feed.client("test");
  EXPECT_TRUE(client.subscribe_ticker("KRW-NOSUCH").ok());  // nothing is known yet
  ASSERT_TRUE(feed.load_markets(std::chrono::seconds(20)).ok());
  const auto unknown = client.subscribe_ticker("KRW-NOSUCH");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, Errc::unknown_market);
  EXPECT_NE(unknown.error().message.find("KRW-NOSUCH"), std::string::npos);
  const auto level =
      client.subscribe_orderbook("KRW-BTC", OrderbookCallback{}, {.level = "12345.678"});
  ASSERT_FALSE(level.ok());
  EXPECT_EQ(level.error().code, Errc::bad_level);
  EXPECT_NE(level.error().message.find("10000"), std::string::npos) << level.error().message;
  EXPECT_TRUE(client.subscribe_orderbook("KRW-BTC", OrderbookCallback{}, {.level = "10000"}).ok());
  EXPECT_TRUE(client.subscribe_orderbook(live.server->codes()).ok());
}

// Goal: a list that cannot be had changes nothing. Method: load, stop the exchange, load again.
TEST(FeedMarkets, a_failed_load_keeps_what_is_known) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  ASSERT_TRUE(feed.load_markets(std::chrono::seconds(20)).ok());
  live.server->stop();
  const Status failed = feed.load_markets(std::chrono::seconds(2));
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("/v1/market/all"), std::string::npos)
      << failed.error().message;
  EXPECT_FALSE(feed.client("test").subscribe_ticker("KRW-NOSUCH").ok());
}

// Goal: replies that are not as documented are refused. Method: a table of bodies.
TEST(FeedMarkets, strange_replies_are_refused) {
  using detail::MarketRules;
  const std::string good = R"([{"market":"KRW-BTC"}])";
  EXPECT_TRUE(MarketRules::parse(good, {}).ok());
  for (const char* list : {"", "{}", "[]", "[1]", R"([{"code":"KRW-BTC"}])", "[{"}) {
    EXPECT_FALSE(MarketRules::parse(list, {}).ok()) << list;
  }
  for (const char* body :
       {"", "{}", R"([{"market":"KRW-BTC"}])", R"([{"market":"KRW-BTC","supported_levels":[1]}])",
        R"([{"market":"KRW-BTC","supported_levels":["x"]}])"}) {
    EXPECT_FALSE(MarketRules::parse(good, {body}).ok()) << body;
  }
  const auto rules =
      MarketRules::parse(good, {R"([{"market":"KRW-BTC","supported_levels":["0","1000"]}])"});
  ASSERT_TRUE(rules.ok());
  const MarketCode code = *MarketCode::parse("KRW-BTC");
  EXPECT_TRUE(rules.value().has_level(code, *Decimal::parse("1E3")));
  EXPECT_FALSE(rules.value().has_level(code, *Decimal::parse("1")));
}

}  // namespace
