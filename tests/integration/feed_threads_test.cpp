// Clients come and go on several threads while events flow; built with ThreadSanitizer as well.

#include <gtest/gtest.h>

#include <unistd.h>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;

constexpr int kThreads = 4;
constexpr int kCyclesPerThread = 2'500;
constexpr int kCodes = 8;

std::string code_of(int i) {
  return "KRW-C" + std::to_string(i % kCodes);
}

/// A capture of trades, long enough to outlast a good many cycles.
std::string write_capture() {
  const std::string path =
      ::testing::TempDir() + "upfeed-threads-" + std::to_string(::getpid()) + ".jsonl";
  std::ofstream file(path);
  for (int i = 0; i < 40'000; ++i) {
    file << R"({"type":"trade","code":")" << code_of(i)
         << R"(","timestamp":1788335180423,"trade_timestamp":1788335180377,"trade_price":1,)"
         << R"("trade_volume":0.5,"ask_bid":"ASK","sequential_id":)" << i
         << R"(,"stream_type":"REALTIME"})" << '\n';
  }
  return path;
}

// Goal: 10,000 cycles of subscribe, unsubscribe and destroy while events are dispatched: no
// callback runs after the call that ended it has returned. Method: each callback touches memory
// that is freed right after that return (a sanitizer's business), and checks a flag set there.
TEST(FeedThreads, no_callback_after_its_end_returned) {
  const std::string path = write_capture();
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> late{0};
  std::atomic<int> threads_left{kThreads};
  std::atomic<Feed*> current{nullptr};
  std::vector<std::unique_ptr<Feed>> feeds;
  const auto new_feed = [&] {
    auto feed = Feed::replay(path);
    ASSERT_TRUE(feed.ok()) << feed.error().message;
    feeds.push_back(std::make_unique<Feed>(std::move(*feed)));
    ASSERT_TRUE(feeds.back()->start().ok());
    current = feeds.back().get();
  };
  new_feed();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int cycle = 0; cycle < kCyclesPerThread; ++cycle) {
        auto ended = std::make_unique<std::atomic<bool>>(false);
        Client client = current.load()->client("cycle");
        const auto added = client.subscribe_trade({code_of(cycle), code_of(cycle + thread)},
                                                  [&, flag = ended.get()](const TradeEvent&) {
                                                    calls.fetch_add(1, std::memory_order_relaxed);
                                                    if (*flag)
                                                      late.fetch_add(1, std::memory_order_relaxed);
                                                  });
        if (!added.ok()) continue;  // this feed has just been stopped
        if (cycle % 3 == 0) std::this_thread::yield();
        if (cycle % 2 == 0) {
          client.unsubscribe(added.value());
        } else {
          const Client destroyed = std::move(client);
        }
        if (cycle % 2 == 0) *ended = true;
      }
      --threads_left;
    });
  }
  while (threads_left > 0) {
    if (current.load()->finished()) {
      Feed* finished = current.load();
      new_feed();
      ASSERT_TRUE(finished->stop().ok());
    }
    std::this_thread::yield();
  }
  for (auto& thread : threads) thread.join();
  for (auto& feed : feeds) ASSERT_TRUE(feed->stop().ok());
  EXPECT_EQ(late, 0U);
  EXPECT_GT(calls, 0U);
  std::remove(path.c_str());
}

}  // namespace
