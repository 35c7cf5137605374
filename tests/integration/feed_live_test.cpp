// The feed against the simulator over real TLS, in one process.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "live_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// The newest copy of each book, as callbacks hand them out.
struct BookKeeper {
  std::mutex mutex;
  std::map<std::string, Book> books;

  OrderbookCallback callback() {
    return OrderbookCallback([this](const OrderbookEvent& event, const Book& book) {
      const std::lock_guard lock(mutex);
      books.insert_or_assign(std::string(event.code.view()), book);
    });
  }
};

void expect_balanced(const FeedMetrics& metrics) {
  const StreamCounts total = metrics.total();
  EXPECT_EQ(total.received,
            total.delivered + total.conflated + total.dropped + total.refused + total.superseded);
  EXPECT_EQ(total.queued, 0U);
}

void expect_final_books(LiveHarness& live, BookKeeper& keeper) {
  for (const std::string& code : live.server->codes()) {
    ASSERT_TRUE(keeper.books.contains(code)) << code;
    EXPECT_TRUE(keeper.books.at(code).live()) << code;
    EXPECT_EQ(exact_json(keeper.books.at(code)), live.server->book_json(code));
  }
}

// Goal: the whole market arrives completely and exactly. Method: 855 codes and three streams until
// the exchange falls silent; counts equal what it sent, each final book equals its own.
TEST(FeedLive, the_whole_market_arrives_completely_and_exactly) {
  sim::SimConfig sim;
  sim.profile.frames_per_second = 3000;
  sim.frame_limit = 6000;
  LiveHarness live(sim);
  Feed feed = live.feed();
  Client client = feed.client("test");
  BookKeeper keeper;
  const auto codes = live.server->codes();
  ASSERT_EQ(codes.size(), 855U);
  ASSERT_TRUE(client.subscribe_orderbook(codes, keeper.callback()).ok());
  ASSERT_TRUE(client.subscribe_ticker(codes).ok());
  ASSERT_TRUE(client.subscribe_trade(codes).ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return live.server->stats().source_finished; }));
  const std::uint64_t sent = live.server->stats().connections.at(0).frames_sent;
  EXPECT_TRUE(eventually([&] { return feed.metrics().total().received == sent; }));
  ASSERT_TRUE(feed.stop().ok());
  const FeedMetrics metrics = feed.metrics();
  expect_balanced(metrics);
  EXPECT_EQ(metrics.total().delivered, sent);
  EXPECT_EQ(metrics.total().refused, 0U);
  EXPECT_EQ(metrics.book_faults, 0U);
  expect_final_books(live, keeper);
}

// Goal: an overflow conflates and drops, says exactly what, and ends in true books. Method: a
// callback that sleeps while the exchange floods a 64 KiB ring, then silence.
TEST(FeedLive, after_an_overflow_and_silence_every_book_is_true) {
  sim::SimConfig sim = LiveHarness::small(6'000);
  sim.frame_limit = 15'000;
  sim.queue_limit_bytes = 256U << 20U;  // a busy test machine is no slow reader
  LiveHarness live(sim);
  FeedConfig config = live.config();
  config.ring_bytes = 64U << 10U;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("slow");
  BookKeeper keeper;
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> conflated{0};
  std::atomic<int> naps{0};
  const auto codes = live.server->codes();
  ASSERT_TRUE(client.subscribe_orderbook(codes, keeper.callback()).ok());
  ASSERT_TRUE(client
                  .subscribe_trade(codes,
                                   [&](const TradeEvent&) {
                                     if (++naps % 500 == 1 && naps < 2000) {
                                       std::this_thread::sleep_for(200ms);
                                     }
                                   })
                  .ok());
  ASSERT_TRUE(client
                  .on_loss([&](const LossEvent& loss) {
                    dropped += loss.dropped;
                    conflated += loss.conflated;
                  })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return live.server->stats().source_finished; }));
  const std::uint64_t sent = live.server->stats().connections.at(0).frames_sent;
  EXPECT_TRUE(eventually([&] {
    const FeedMetrics metrics = feed.metrics();
    return metrics.total().received == sent && metrics.total().queued == 0;
  }));
  ASSERT_TRUE(feed.stop().ok());
  const FeedMetrics metrics = feed.metrics();
  expect_balanced(metrics);
  EXPECT_EQ(metrics.total().received, sent);
  EXPECT_GT(metrics.total().dropped, 0U);
  EXPECT_GT(metrics.total().conflated, 0U);
  EXPECT_EQ(dropped, metrics.total().dropped);
  EXPECT_EQ(conflated, metrics.total().conflated);
  expect_final_books(live, keeper);
}

// Goal: a burst of changes is one or two requests, the last complete. Method: 1,000 subscribe calls
// from 8 threads at once.
TEST(FeedLive, a_burst_of_subscribe_calls_is_at_most_two_requests) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  ASSERT_TRUE(feed.start().ok());
  Client client = feed.client("burst");
  const auto codes = live.server->codes();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 125; ++i) {
        const std::string& code = codes[static_cast<std::size_t>(thread * 125 + i) % codes.size()];
        const auto added =
            i % 2 == 0 ? client.subscribe_ticker(code) : client.subscribe_trade(code);
        EXPECT_TRUE(added.ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(eventually([&] {
    const auto stats = live.server->stats();
    return !stats.connections.empty() && !stats.connections[0].requests.empty();
  }));
  std::this_thread::sleep_for(700ms);
  const auto stats = live.server->stats();
  ASSERT_EQ(stats.connections.size(), 1U);
  auto requests = stats.connections[0].requests;
  std::erase_if(requests, [](const auto& each) {
    return each.text == "PING" || each.text.find("LIST_SUBSCRIPTIONS") != std::string::npos;
  });
  ASSERT_FALSE(requests.empty());
  EXPECT_LE(requests.size(), 2U);
  for (const std::string& code : codes) {
    EXPECT_NE(requests.back().text.find(code), std::string::npos) << code;
  }
  EXPECT_EQ(client.list_subscriptions().size(), 1000U);
}

// Goal: whatever the link does, every wanted stream comes back. Method: cut it 200 times; each time
// every code delivers again in the new epoch.
TEST(FeedLive, two_hundred_lost_links_lose_no_subscription) {
  sim::SimConfig sim = LiveHarness::small(500);
  sim.profile.markets = {10, 0, 0};
  LiveHarness live(sim);
  FeedConfig config = live.config();
  config.dials_per_second = 1'000;
  config.dials_per_minute = 100'000;
  config.stable_period = 0ms;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  std::mutex mutex;
  std::map<std::uint32_t, std::set<std::string>> seen;  // by epoch
  std::uint32_t last_epoch = 0;
  bool epochs_grow = true;
  ASSERT_TRUE(client
                  .subscribe_orderbook(live.server->codes(),
                                       [&](const OrderbookEvent& event, const Book&) {
                                         const std::lock_guard lock(mutex);
                                         epochs_grow &= event.epoch >= last_epoch;
                                         last_epoch = event.epoch;
                                         seen[event.epoch].insert(std::string(event.code.view()));
                                       })
                  .ok());
  ASSERT_TRUE(feed.start().ok());
  for (int round = 0; round < 200; ++round) {
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return !seen.empty() && seen.rbegin()->second.size() == 10 &&
             seen.rbegin()->first == feed.metrics().epoch;
    })) << "round "
        << round << " epoch " << feed.metrics().epoch;
    const std::uint32_t epoch = feed.metrics().epoch;
    live.server->drop_all();
    ASSERT_TRUE(eventually([&] { return feed.metrics().epoch > epoch; })) << "round " << round;
  }
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_TRUE(epochs_grow);
  EXPECT_EQ(feed.metrics().reconnects, 200U);
  expect_balanced(feed.metrics());
}

// Goal: a dead link shows at once in books and status. Method: stop the exchange for good.
TEST(FeedLive, a_dead_link_disconnects_books_and_says_so) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  Client client = feed.client("test");
  std::atomic<bool> left_live{false};
  ASSERT_TRUE(client
                  .on_status([&](const StatusEvent& event) {
                    if (event.previous_state == SessionState::live) left_live = true;
                  })
                  .ok());
  const auto shared = client.share_book("KRW-BTC");
  ASSERT_TRUE(shared.ok());
  ASSERT_TRUE(feed.start().ok());
  const auto state = [&] {
    const auto book = shared.value()->read();
    return book ? book->state() : BookState::never_seen;
  };
  ASSERT_TRUE(eventually([&] { return state() == BookState::live; }));
  live.server->stop();
  EXPECT_TRUE(eventually([&] { return left_live.load(); }, 5s));
  EXPECT_TRUE(eventually([&] { return state() == BookState::disconnected; }, 1s));
}

// Goal: snapshots answer, time out with the missing codes named, and refuse where they would hang.
TEST(FeedLive, snapshots_answer_or_say_why_not) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  Client client = feed.client("test");
  EXPECT_EQ(client.snapshot_ticker("KRW-BTC", 100ms).error().code, Errc::not_running);
  ASSERT_TRUE(feed.start().ok());
  const auto tickers = client.snapshot_ticker({"KRW-ETH", "KRW-BTC"}, 5s);
  ASSERT_TRUE(tickers.ok()) << tickers.error().message;
  ASSERT_EQ(tickers.value().size(), 2U);
  EXPECT_EQ(tickers.value()[0].code.view(), "KRW-ETH");
  EXPECT_EQ(tickers.value()[1].code.view(), "KRW-BTC");
  const auto books = client.snapshot_orderbook("KRW-BTC", 5s, {.units = 5});
  ASSERT_TRUE(books.ok()) << books.error().message;
  EXPECT_TRUE(books.value()[0].best_bid().has_value());
  EXPECT_EQ(books.value()[0].units_unchecked().size(), 5U);
  const auto missing = client.snapshot_trade({"KRW-BTC", "KRW-NOSUCH"}, 800ms);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Errc::timeout);
  EXPECT_NE(missing.error().message.find("KRW-NOSUCH"), std::string::npos);
  EXPECT_EQ(missing.error().message.find("KRW-BTC"), std::string::npos);
  EXPECT_TRUE(client.list_subscriptions().empty());
}

// Goal: what would wait for itself is an error, and what may be done in a callback works. Method:
// stop, snapshot, subscribe and unsubscribe within one.
TEST(FeedLive, calls_within_a_callback_are_defined) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  Client client = feed.client("test");
  std::atomic<int> stop_code{-1};
  std::atomic<int> snapshot_code{-1};
  std::atomic<int> tickers{0};
  std::atomic<int> trades_after_end{0};
  SubscriptionId trade_id;
  std::atomic<bool> ended{false};
  const auto added = client.subscribe_trade(live.server->codes(), [&](const TradeEvent&) {
    if (ended) {
      ++trades_after_end;
      return;
    }
    stop_code = static_cast<int>(feed.stop().error().code);
    snapshot_code = static_cast<int>(client.snapshot_ticker("KRW-BTC", 1s).error().code);
    EXPECT_TRUE(client.subscribe_ticker("KRW-BTC", [&](const TickerEvent&) { ++tickers; }).ok());
    client.unsubscribe(trade_id);
    ended = true;
  });
  ASSERT_TRUE(added.ok());
  trade_id = added.value();
  ASSERT_TRUE(feed.start().ok());
  EXPECT_TRUE(eventually([&] { return tickers > 0; }));
  EXPECT_EQ(stop_code, static_cast<int>(Errc::called_from_callback));
  EXPECT_EQ(snapshot_code, static_cast<int>(Errc::called_from_callback));
  EXPECT_EQ(trades_after_end, 0);
}

// Goal: an embedder's own loop and the templated handler see every event, two feeds in one process
// do not know each other. Method: two feeds driven from this thread.
TEST(FeedLive, an_embedder_drives_two_feeds_from_one_loop) {
  LiveHarness live(LiveHarness::small());
  Feed first = live.feed();
  Feed second = live.feed();
  Client a = first.client("a");
  Client b = second.client("b");
  ASSERT_TRUE(a.subscribe_orderbook("KRW-BTC").ok());
  ASSERT_TRUE(b.subscribe_trade(live.server->codes()).ok());
  struct Handler {
    void operator()(const OrderbookEvent& event, const Book& book) {
      ++books;
      good &= book.live() && event.code.view() == "KRW-BTC";
    }
    void operator()(const TradeEvent&) { ++trades; }
    int books = 0;
    int trades = 0;
    bool good = true;
  };
  Handler from_first;
  Handler from_second;
  const auto end = std::chrono::steady_clock::now() + 10s;
  while ((from_first.books < 5 || from_second.trades < 20) &&
         std::chrono::steady_clock::now() < end) {
    first.step_io();
    second.step_io();
    first.poll(from_first);
    second.poll(from_second);
  }
  EXPECT_GE(from_first.books, 5);
  EXPECT_EQ(from_first.trades, 0);
  EXPECT_GE(from_second.trades, 20);
  EXPECT_EQ(from_second.books, 0);
  EXPECT_TRUE(from_first.good);
  EXPECT_TRUE(first.stop().ok());
  expect_balanced(first.metrics());
}

// Goal: when nobody wants anything any more the connection ends, also one that was still being
// dialled, and the next wish opens it again. Method: 30 clients that leave at random moments.
TEST(FeedLive, the_last_unsubscribe_ends_the_connection) {
  LiveHarness live(LiveHarness::small());
  FeedConfig config = live.config();
  config.dials_per_second = 1'000;
  config.dials_per_minute = 10'000;
  Feed feed = LiveHarness::feed(config);
  ASSERT_TRUE(feed.start().ok());
  for (int round = 0; round < 30; ++round) {
    {
      Client client = feed.client("short");
      ASSERT_TRUE(client.subscribe_ticker("KRW-BTC").ok());
      if (round % 3 == 0) {
        ASSERT_TRUE(eventually([&] { return live.server->stats().connections_open == 1; }));
      }
      std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
    }
    const auto closed = [&] {
      return feed.metrics().state == SessionState::idle &&
             live.server->stats().connections_open == 0;
    };
    ASSERT_TRUE(eventually(closed)) << "round " << round;
  }
  Client client = feed.client("next");
  std::atomic<int> tickers{0};
  ASSERT_TRUE(client.subscribe_ticker("KRW-BTC", [&](const TickerEvent&) { ++tickers; }).ok());
  EXPECT_TRUE(eventually([&] { return tickers > 0; }));
}

// Goal: bad arguments are refused with the value named, and nothing is subscribed.
TEST(FeedLive, bad_arguments_are_named) {
  LiveHarness live(LiveHarness::small());
  Feed feed = live.feed();
  Client client = feed.client("test");
  const auto expect = [&](const Result<SubscriptionId>& result, Errc code, const char* named) {
    ASSERT_FALSE(result.ok()) << named;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find(named), std::string::npos) << result.error().message;
  };
  expect(client.subscribe_ticker("krw-btc"), Errc::bad_code, "krw-btc");
  expect(client.subscribe_ticker({"KRW-BTC", "KRWBTC"}), Errc::bad_code, "KRWBTC");
  expect(client.subscribe_ticker(std::vector<std::string>{}), Errc::empty_list, "codes");
  expect(client.subscribe_orderbook("KRW-BTC", {}, {.units = 7}), Errc::bad_unit, "7");
  expect(client.subscribe_orderbook("KRW-BTC", {}, {.level = "lots"}), Errc::bad_level, "lots");
  EXPECT_TRUE(client.list_subscriptions().empty());
  ASSERT_TRUE(feed.start().ok());
  EXPECT_EQ(feed.start().error().code, Errc::already_running);
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_TRUE(feed.stop().ok());
  EXPECT_EQ(feed.start().error().code, Errc::stopped);
  expect(client.subscribe_ticker("KRW-BTC"), Errc::stopped, "stopped");
}

// Goal: each way to wait delivers everything and stops. Method: the same short run under each
// policy, pinned where it spins.
TEST(FeedLive, every_wait_policy_delivers_and_stops) {
  for (const WaitPolicy policy : {WaitPolicy::spin, WaitPolicy::yield, WaitPolicy::park}) {
    sim::SimConfig sim = LiveHarness::small(2'000);
    sim.frame_limit = 1'000;
    LiveHarness live(sim);
    FeedConfig config = live.config();
    config.io_wait = policy;
    config.dispatcher_wait = policy;
    if (policy == WaitPolicy::spin) config.io_cpu = 0;
    Feed feed = LiveHarness::feed(config);
    Client client = feed.client("test");
    ASSERT_TRUE(client.subscribe_orderbook(live.server->codes()).ok());
    ASSERT_TRUE(feed.start().ok());
    ASSERT_TRUE(eventually([&] { return live.server->stats().source_finished; }));
    const std::uint64_t sent = live.server->stats().connections.at(0).frames_sent;
    EXPECT_TRUE(eventually([&] { return feed.metrics().total().delivered == sent; }));
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(feed.stop().ok());
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
    expect_balanced(feed.metrics());
  }
}

// Goal: destroying the feed within a callback is survived. Method: reset it there; nothing hangs.
TEST(FeedLive, a_feed_destroyed_in_its_callback_ends_in_good_order) {
  LiveHarness live(LiveHarness::small());
  auto feed = std::make_unique<Feed>(live.feed());
  std::atomic<bool> destroyed{false};
  Client client = feed->client("test");
  ASSERT_TRUE(client
                  .subscribe_trade(live.server->codes(),
                                   [&](const TradeEvent&) {
                                     if (destroyed) return;
                                     destroyed = true;
                                     feed.reset();
                                   })
                  .ok());
  ASSERT_TRUE(feed->start().ok());
  ASSERT_TRUE(eventually([&] { return destroyed.load(); }));
  EXPECT_TRUE(eventually([&] { return live.server->stats().connections_open == 0; }));
  EXPECT_EQ(client.subscribe_ticker("KRW-BTC").error().code, Errc::stopped);
}

// Goal: an exchange that is not there is reported again and again, and stop() does not wait for it.
TEST(FeedLive, an_unreachable_exchange_is_reported_and_stop_is_quick) {
  FeedConfig config;
  config.endpoint.host = "127.0.0.1";
  config.endpoint.port = 1;  // nobody listens there
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("test");
  std::atomic<int> refusals{0};
  ASSERT_TRUE(client
                  .on_status([&](const StatusEvent& event) {
                    if (event.cause == StatusCause::connect) ++refusals;
                  })
                  .ok());
  ASSERT_TRUE(client.subscribe_ticker("KRW-BTC").ok());
  ASSERT_TRUE(feed.start().ok());
  EXPECT_TRUE(eventually([&] { return refusals >= 2; }));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

// Goal: a configuration names every bad field at once.
TEST(FeedLive, a_bad_configuration_names_every_field) {
  FeedConfig config;
  config.endpoint.host = "wss://api.upbit.com";
  config.ring_bytes = 12345;
  config.ping_interval = 30s;
  config.market_capacity = 0;
  const auto feed = Feed::create(config);
  ASSERT_FALSE(feed.ok());
  EXPECT_EQ(feed.error().code, Errc::bad_config);
  for (const char* field : {"endpoint.host", "ring_bytes", "ping_interval", "market_capacity"}) {
    EXPECT_NE(feed.error().message.find(field), std::string::npos) << field;
  }
  FeedConfig pinned;
  pinned.io_cpu = 1000;
  Feed unpinnable = LiveHarness::feed(pinned);
  const Status started = unpinnable.start();
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find("1000"), std::string::npos);
}

}  // namespace
