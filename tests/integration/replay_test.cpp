// Captures through the pipeline. The corpus tests run where UPFEED_CORPUS names a folder of frames
// of the real exchange.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "live_harness.hpp"
#include "upfeed/capture.hpp"
#include "upfeed/event_hash.hpp"
#include "upfeed/feed.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

// Goal: replay is lossless and reads the file to its end, torn line included in the report. Method:
// a file of three frames and half a one, read through the smallest ring.
TEST(Replay, reads_everything_and_reports_a_torn_line) {
  const std::string path =
      ::testing::TempDir() + "upfeed-torn-" + std::to_string(::getpid()) + ".jsonl";
  {
    std::ofstream file(path);
    for (int i = 1; i <= 3; ++i) {
      file << R"({"type":"ticker","code":"KRW-BTC","trade_price":1,"timestamp":)" << i << "}\n";
    }
    file << R"({"type":"ticker","code":"KRW-BTC","trade_pr)";
  }
  auto feed = Feed::replay(path, {.ring_bytes = 64U << 10U});
  ASSERT_TRUE(feed.ok()) << feed.error().message;
  Client client = feed->client("test");
  int tickers = 0;
  std::string bad_line;
  SessionState last = SessionState::idle;
  ASSERT_TRUE(client.subscribe_ticker("KRW-BTC", [&](const TickerEvent&) { ++tickers; }).ok());
  ASSERT_TRUE(client
                  .on_status([&](const StatusEvent& event) {
                    last = event.state;
                    if (event.cause == StatusCause::bad_frames) bad_line = event.text.view();
                  })
                  .ok());
  for (int i = 0; i < 1000 && !feed->finished(); ++i) {
    feed->step_io();
    feed->poll();
  }
  EXPECT_EQ(tickers, 3);
  EXPECT_EQ(last, SessionState::stopped);
  EXPECT_EQ(bad_line.substr(0, 7), "line 4:") << bad_line;
  std::remove(path.c_str());
}

// Goal: stop() comes back at once whenever it is called, also when the file has just ended. Method:
// 200 short replays stopped at their end, with parked threads.
TEST(Replay, stop_at_the_end_never_hangs) {
  const std::string path =
      ::testing::TempDir() + "upfeed-end-" + std::to_string(::getpid()) + ".jsonl";
  {
    std::ofstream file(path);
    file << R"({"type":"ticker","code":"KRW-BTC","trade_price":1,"timestamp":1})" << '\n';
  }
  for (int i = 0; i < 200; ++i) {
    auto feed = Feed::replay(path, {.ring_bytes = 64U << 10U});
    ASSERT_TRUE(feed.ok());
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(feed->start().ok());
    if (i % 2 == 0) {
      ASSERT_TRUE(eventually([&] { return feed->finished(); }));
    }
    ASSERT_TRUE(feed->stop().ok());
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  }
  std::remove(path.c_str());
}

// Goal: a file that is no capture is refused with its name.
TEST(Replay, refuses_what_is_no_capture) {
  const auto missing = Feed::replay("/nowhere/at/all.jsonl");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Errc::no_such_file);
  EXPECT_NE(missing.error().message.find("/nowhere/at/all.jsonl"), std::string::npos);
}

#ifdef UPFEED_CORPUS_DIR
struct HashHandler {
  void operator()(const TickerEvent& event) { hash.add(event); }
  void operator()(const TradeEvent& event) { hash.add(event); }
  void operator()(const OrderbookEvent& event, const Book&) { hash.add(event); }
  void operator()(const OrderbookEvent& event) { hash.add(event); }
  void operator()(const CandleEvent& event) { hash.add(event); }
  EventHash hash;
};

std::string replay_hash(const std::string& path, FeedMetrics* metrics, std::size_t ring_bytes) {
  FeedConfig config;
  config.ring_bytes = ring_bytes;
  auto feed = Feed::replay(path, config);
  if (!feed) return feed.error().message;
  HashHandler handler;
  struct All {
    HashHandler& inner;
    void operator()(const TickerEvent& e) { inner(e); }
    void operator()(const TradeEvent& e) { inner(e); }
    void operator()(const OrderbookEvent& e) { inner(e); }
    void operator()(const CandleEvent& e) { inner(e); }
  } all{handler};
  while (!feed->finished()) {
    feed->step_io();
    feed->poll(all);
  }
  if (metrics != nullptr) *metrics = feed->metrics();
  return handler.hash.hex();
}

// Goal: the real capture of 2021 comes out whole, with the same event hash each time, and with the
// same hash again when the simulator serves it over TLS. Method: replay through rings of two sizes,
// with and without threads; then live.
TEST(ReplayCorpus, the_capture_of_2021_has_one_hash_replayed_and_live) {
  const std::string path = UPFEED_CORPUS_DIR "/upbit-2021-04-05-simple/raw.txt";
  FeedMetrics metrics;
  const std::string hash = replay_hash(path, &metrics, std::size_t{8} << 20);
  EXPECT_EQ(metrics.frames, 1733U);
  EXPECT_EQ(metrics.streams[static_cast<std::size_t>(EventKind::orderbook)].delivered, 1061U);
  EXPECT_EQ(metrics.streams[static_cast<std::size_t>(EventKind::trade)].delivered, 672U);
  EXPECT_EQ(metrics.total().refused, 0U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(replay_hash(path, nullptr, std::size_t{64} << (10 + i)), hash);
  }

  std::vector<sim::CapturedFrame> frames;
  std::set<std::string> codes;
  auto reader = CaptureReader::open(path);
  ASSERT_TRUE(reader.ok());
  upfeed::CapturedFrame frame;
  while (reader->next(frame) == CaptureStep::frame) {
    const std::string text(frame.payload.data(), frame.payload.size());
    const auto member = [&](const std::string& key) {
      const std::size_t at = text.find("\"" + key + "\":\"") + key.size() + 4;
      return text.substr(at, text.find('"', at) - at);
    };
    codes.insert(member("cd"));
    frames.push_back(
        {member("ty"), member("cd"), sim::Format::simple, text, frame.received_unix_ns});
  }
  ASSERT_EQ(frames.size(), 1733U);
  sim::SimConfig config;
  config.capture = std::make_shared<sim::CapturedFrames>(std::move(frames));
  config.speed = 0;
  config.start_on_subscribe = true;
  LiveHarness live(config);
  FeedConfig feed_config = live.config();
  feed_config.format = WireFormat::simple;
  feed_config.first_data_timeout = 60s;
  Feed feed = LiveHarness::feed(feed_config);
  Client client = feed.client("test");
  const std::vector<std::string> list(codes.begin(), codes.end());
  ASSERT_TRUE(client.subscribe_orderbook(list).ok());
  ASSERT_TRUE(client.subscribe_trade(list).ok());
  HashHandler handler;
  ASSERT_TRUE(feed.start(handler).ok());
  ASSERT_TRUE(eventually([&] { return feed.metrics().total().delivered == 1733; }));
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_EQ(handler.hash.hex(), hash);
}
#endif

}  // namespace
