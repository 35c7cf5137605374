// Clients come and go on several threads while events flow; built with ThreadSanitizer as well.

#include <gtest/gtest.h>

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "record_harness.hpp"
#include "recorder.hpp"
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

// Goal: I/O threads record, others look at the counters, and the end comes in the middle of it.
// Method: two taps under fire, a reader of metrics and news; small rings, so that some is lost.
TEST(FeedThreads, a_recorder_is_shared_by_its_threads) {
  const TempFolder folder;
  FeedConfig config;
  config.record.directory = folder.path();
  config.record.ring_bytes = 64U << 10U;
  config.record.flush_interval = std::chrono::milliseconds(10);
  auto opened = detail::Recorder::open(config, 2);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  detail::Recorder& recorder = **opened;
  std::atomic<bool> done{false};
  std::vector<std::thread> taps;
  for (std::size_t i = 0; i < 2; ++i) {
    taps.emplace_back([&, i] {
      const std::string payload(300, 'x');
      for (int n = 0; n < 20'000; ++n) {
        FrameMeta meta;
        meta.received_mono = MonoTime{n + 1};
        recorder.tap(i).frame(1, payload, meta);
      }
    });
  }
  std::thread reader([&] {
    while (!done.load()) {
      static_cast<void>(recorder.metrics());
      static_cast<void>(recorder.news_count());
      static_cast<void>(recorder.news());
    }
  });
  for (std::thread& thread : taps) thread.join();
  recorder.finish();
  EXPECT_TRUE(recorder.wait(20'000'000'000).ok());
  done = true;
  reader.join();
  const RecorderMetrics metrics = recorder.metrics();
  EXPECT_EQ(metrics.frames + metrics.records_lost, 40'000U);
}

}  // namespace
