// Own orders, balances, notices and indicators beside market data in one feed, against the
// simulator's endpoints behind a login.

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

constexpr std::string_view kAccess = "canary-access-key-0123456789";
constexpr std::string_view kSecret = "canary-secret-key-9876543210";

sim::SimConfig with_keys() {
  sim::SimConfig config = LiveHarness::small(200);
  config.keys = {{std::string(kAccess), std::string(kSecret)}};
  return config;
}

std::shared_ptr<const ApiKeys> keys(std::string_view secret = kSecret) {
  auto made = std::make_shared<ApiKeys>();
  made->access_key = Secret(kAccess);
  made->secret_key = Secret(secret);
  return made;
}

FeedConfig config_with_keys(const LiveHarness& live, std::string_view secret = kSecret) {
  FeedConfig config = live.config();
  config.keys = keys(secret);
  config.keys_host = "localhost";
  return config;
}

/// Every status and log line, to look for secrets in.
struct Words {
  std::mutex mutex;
  std::string text;
  void add(std::string_view words) {
    const std::lock_guard lock(mutex);
    text.append(words).append("\n");
  }
  static void log(void* self, std::string_view line) { static_cast<Words*>(self)->add(line); }
  void expect_no_secret() {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(text.find(kAccess), std::string::npos);
    EXPECT_EQ(text.find(kSecret), std::string::npos);
    EXPECT_EQ(text.find("Bearer"), std::string::npos);
  }
};

constexpr std::string_view kOrderWithNulls =
    R"({"type":"myOrder","code":"KRW-BTC","uuid":"ac2dc2a3-fce9-40a2-a4f6-5987c25c438f",)"
    R"("ask_bid":"BID","order_type":"price","state":"wait","trade_uuid":null,"price":10000.5,)"
    R"("avg_price":0,"volume":0,"remaining_volume":0,"executed_volume":0,"trades_count":0,)"
    R"("reserved_fee":5.00025,"remaining_fee":5.00025,"paid_fee":0,"locked":10005.50025,)"
    R"("executed_funds":0,"time_in_force":null,"trade_fee":null,"is_maker":null,)"
    R"("identifier":null,"smp_type":null,"prevented_volume":0,"prevented_locked":0,)"
    R"("trade_timestamp":null,"order_timestamp":1710751590000,"timestamp":1710751597500,)"
    R"("stream_type":"REALTIME"})";
constexpr std::string_view kAsset =
    R"({"type":"myAsset","asset_uuid":"e635f223-1609-4969-8fb6-4376937baad6",)"
    R"("assets":[{"currency":"KRW","balance":1386929.37231066771348207123,)"
    R"("locked":10329.670127489597585685}],)"
    R"("asset_timestamp":1710146517259,"timestamp":1710146517267,"stream_type":"REALTIME"})";
constexpr std::string_view kNotice =
    R"({"type":"announcement","event_type":"CREATED",)"
    R"("uuid":"5d3b3f7e-0000-4000-8000-000000000000",)"
    R"("title":"notice \"one\"","category":"trade","url":"https://upbit.com/1",)"
    R"("first_listed_at":"2026-11-22T09:00:00+09:00","listed_at":"2026-11-22T09:00:00+09:00",)"
    R"("timestamp":1710146517267,"stream_type":"REALTIME","body":null})";

// Goal: account and market data live side by side in one feed, exactly, and no secret shows
// anywhere. Method: exact frames from the simulator, one of each stream.
TEST(FeedAccount, account_streams_arrive_exactly_beside_market_data) {
  LiveHarness live(with_keys());
  Words words;
  FeedConfig config = config_with_keys(live);
  config.log = &Words::log;
  config.log_context = &words;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("account");
  std::atomic<int> tickers = 0;
  std::atomic<int> orders = 0;
  std::atomic<int> assets = 0;
  std::atomic<int> notices = 0;
  ASSERT_TRUE(client.on_status([&](const StatusEvent& e) { words.add(e.text.view()); }).ok());
  ASSERT_TRUE(
      client.subscribe_ticker(live.server->codes(), [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(client
                  .subscribe_my_order([&](const MyOrderEvent& e) {
                    using Field = MyOrderEvent::Field;
                    EXPECT_EQ(e.price.to_string(), "10000.5");
                    EXPECT_EQ(e.locked.to_string(), "10005.50025");
                    EXPECT_EQ(e.order_type, OrderType::price);
                    for (const Field field : {Field::trade_uuid, Field::time_in_force,
                                              Field::trade_fee, Field::is_maker, Field::identifier,
                                              Field::smp_type, Field::trade_timestamp}) {
                      EXPECT_TRUE(e.is_null(field)) << static_cast<int>(field);
                    }
                    ++orders;
                  })
                  .ok());
  ASSERT_TRUE(client
                  .subscribe_my_asset([&](const MyAssetEvent& e) {
                    ASSERT_EQ(e.asset_count, 1U);
                    EXPECT_EQ(e.assets()[0].balance.to_string(), "1386929.37231066771348207123");
                    EXPECT_EQ(e.assets()[0].locked.to_string(), "10329.670127489597585685");
                    ++assets;
                  })
                  .ok());
  ASSERT_TRUE(client
                  .subscribe_announcement(
                      [&](const AnnouncementEvent& e) {
                        EXPECT_EQ(e.title(), "notice \"one\"");
                        EXPECT_EQ(e.url(), "https://upbit.com/1");
                        ++notices;
                      },
                      {.categories = {"trade"}})
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return live.server->emit(kOrderWithNulls) == 1; }));
  ASSERT_TRUE(eventually([&] { return live.server->emit(kAsset) == 1; }));
  ASSERT_TRUE(eventually([&] { return live.server->emit(kNotice) == 1; }));
  EXPECT_TRUE(eventually([&] { return orders > 0 && assets > 0 && notices > 0 && tickers > 0; }));
  // Not every market of the public connection has come yet.
  EXPECT_TRUE(eventually([&] { return assess(feed.metrics()).state == HealthState::healthy; }));
  const FeedMetrics metrics = feed.metrics();
  EXPECT_EQ(metrics.connections[1].kind, ConnectionKind::account);
  EXPECT_TRUE(metrics.connections[1].subscribed);
  EXPECT_EQ(metrics.total().refused, 0U);
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_EQ(live.server->stats().gate.authorization_on_public, 0U);
  words.expect_no_secret();
}

// Goal: a wrong key ends that connection alone, clearly, without hammering. Method: another secret;
// market data goes on, one dial of the private endpoint, no secret in any text.
TEST(FeedAccount, a_refused_login_stops_its_connection_alone) {
  LiveHarness live(with_keys());
  Words words;
  FeedConfig config = config_with_keys(live, "another-secret-key");
  config.log = &Words::log;
  config.log_context = &words;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("account");
  std::atomic<int> unauthorized = 0;
  std::atomic<int> tickers = 0;
  ASSERT_TRUE(client
                  .on_status([&](const StatusEvent& e) {
                    words.add(e.text.view());
                    if (e.cause == StatusCause::unauthorized && e.connection == 1) ++unauthorized;
                  })
                  .ok());
  ASSERT_TRUE(
      client.subscribe_ticker(live.server->codes(), [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(client.subscribe_my_asset().ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return unauthorized > 0 && tickers > 0; }));
  std::this_thread::sleep_for(1500ms);
  const FeedMetrics metrics = feed.metrics();
  EXPECT_EQ(metrics.connections[0].state, SessionState::live);
  EXPECT_EQ(metrics.connections[1].state, SessionState::failed);
  EXPECT_EQ(metrics.connections[1].dials, 1U);
  EXPECT_EQ(feed.health().state, HealthState::unhealthy);
  ASSERT_TRUE(feed.stop().ok());
  words.expect_no_secret();
}

// Goal: each dial has a token of its own. Method: 50 reconnects of the private connection; the
// simulator refuses a nonce that it has seen.
TEST(FeedAccount, every_reconnect_has_a_new_token) {
  LiveHarness live(with_keys());
  FeedConfig config = config_with_keys(live);
  config.backoff_base = 1ms;
  config.backoff_cap = 2ms;
  config.dials_per_second = 1000;
  config.dials_per_minute = 100'000;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("account");
  std::atomic<int> assets = 0;
  ASSERT_TRUE(client.subscribe_my_asset([&](const MyAssetEvent&) { ++assets; }).ok());
  ASSERT_TRUE(feed.start().ok());
  while (live.server->stats().gate.tokens_seen < 50) {
    ASSERT_TRUE(eventually([&] { return live.server->emit(kAsset) == 1; }));
    live.server->drop_all();
  }
  ASSERT_TRUE(eventually([&] { return live.server->emit(kAsset) == 1; }));
  EXPECT_TRUE(eventually([&] { return assets > 0; }));
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_EQ(live.server->stats().gate.nonce_reuses, 0U);
}

// Goal: private streams without keys, and keys for a foreign host, are refused with the way out.
// Method: both.
TEST(FeedAccount, keys_are_needed_and_go_to_named_hosts_only) {
  LiveHarness live(with_keys());
  Feed feed = live.feed();
  Client client = feed.client("account");
  const auto refused = client.subscribe_my_order();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Errc::no_keys);
  EXPECT_NE(refused.error().message.find("FeedConfig::keys"), std::string::npos);
  FeedConfig config = live.config();
  config.keys = keys();
  const auto foreign = Feed::create(config);
  ASSERT_FALSE(foreign.ok());
  EXPECT_NE(foreign.error().message.find("keys_host"), std::string::npos);
}

}  // namespace
