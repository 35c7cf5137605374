// What of captures is replayed, how fast, and in which order.

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "capture/upcap_writer.hpp"
#include "live_harness.hpp"
#include "record_harness.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;
using capture::CaptureRecord;
using capture::CaptureWriter;
using capture::CaptureWriterConfig;
using capture::RecordType;

constexpr std::int64_t kUnixNs = 1'790'134'742'000'000'000;
constexpr std::int64_t kMonoNs = 5'000'000'000;
constexpr std::int64_t kMs = 1'000'000;

std::string ticker(std::string_view code, std::int64_t value) {
  return R"({"type":"ticker","code":")" + std::string(code) + R"(","trade_price":)" +
         std::to_string(value) + R"(,"timestamp":)" + std::to_string(1'790'134'742'000 + value) +
         R"(,"stream_type":"REALTIME"})";
}

std::string trade(std::string_view code, std::int64_t id) {
  return R"({"type":"trade","code":")" + std::string(code) +
         R"(","timestamp":1788335180423,"trade_timestamp":1788335180377,"trade_price":106691000,)"
         R"("trade_volume":0.5,"ask_bid":"ASK","sequential_id":)" +
         std::to_string(id) + R"(,"stream_type":"REALTIME"})";
}

std::string book(std::string_view code, std::int64_t timestamp) {
  return R"({"type":"orderbook","code":")" + std::string(code) + R"(","timestamp":)" +
         std::to_string(timestamp) +
         R"(,"total_ask_size":1.5,"total_bid_size":2.5,"orderbook_units":[{"ask_price":11,)"
         R"("bid_price":10,"ask_size":1.5,"bid_size":2.5}],"stream_type":"REALTIME","level":0})";
}

/// A recording of frames at given milliseconds after kUnixNs.
class Recording {
 public:
  /// mono_ns  of the recording machine at kUnixNs.
  explicit Recording(CaptureWriterConfig config, std::int64_t mono_ns = kMonoNs)
      : mono_ns_(mono_ns),
        writer_(std::move(*CaptureWriter::open(std::move(config), {mono_ns, kUnixNs}))) {}

  void put(std::int64_t ms, const std::string& payload, std::uint32_t connection = 0,
           RecordType type = RecordType::received_frame) {
    writer_.append({.type = type,
                    .opcode = 2,
                    .connection = connection,
                    .epoch = 1,
                    .mono_ns = mono_ns_ + ms * kMs,
                    .unix_ns = kUnixNs + ms * kMs,
                    .kernel_unix_ns = kUnixNs + ms * kMs - 1,
                    .payload = payload});
  }
  void lose(std::uint64_t records) { writer_.add_loss({.records = records}); }
  ~Recording() { EXPECT_TRUE(writer_.close({mono_ns_, kUnixNs}).ok()); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

 private:
  std::int64_t mono_ns_;
  CaptureWriter writer_;
};

CaptureWriterConfig config_for(const TempFolder& folder, std::string name = "a") {
  CaptureWriterConfig config;
  config.folder = folder.path();
  config.name = std::move(name);
  return config;
}

/// Everything told, as short text.
struct Told {
  std::vector<std::string> lines;
  std::vector<std::int64_t> times;

  void operator()(const TickerEvent& event) { add("ticker", event); }
  void operator()(const TradeEvent& event) { add("trade", event); }
  void operator()(const OrderbookEvent& event) { add("book", event); }
  void operator()(const LossEvent& event) {
    lines.push_back("loss " + std::to_string(event.dropped));
  }
  void add(const char* kind, const EventHeader& event) {
    lines.push_back(std::string(kind) + " " + std::string(event.code.view()) + " " +
                    std::to_string((event.received_mono.ns - kUnixNs) / kMs) + " c" +
                    std::to_string(event.connection));
    times.push_back(event.received_mono.ns);
  }
};

Told told_by(const std::vector<std::string>& paths, const ReplayOptions& options = {}) {
  Told told;
  auto feed = Feed::replay(paths, options);
  EXPECT_TRUE(feed.ok()) << (feed.ok() ? "" : feed.error().message);
  if (!feed.ok()) return told;
  while (!feed->finished()) {
    feed->step_io();
    feed->poll(told);
  }
  return told;
}

using Lines = std::vector<std::string>;

// Goal: bounds in time take what they name and nothing else, by the index of the file. Method: one
// ticker every 10 ms in blocks of a few; all pairs of some bounds.
TEST(ReplayOptions, bounds_in_time_are_exact) {
  const TempFolder folder;
  {
    CaptureWriterConfig config = config_for(folder);
    config.block_bytes = 500;
    Recording recording(config);
    for (int i = 0; i < 100; ++i) recording.put(i * 10, ticker("KRW-BTC", i + 1));
  }
  const Told all = told_by(folder.captures());
  ASSERT_EQ(all.lines.size(), 100U);
  for (const std::int64_t from : {0, 1, 10, 255, 990, 991}) {
    for (const std::int64_t to : {5, 10, 500, 1'000}) {
      if (to <= from) continue;
      const Told part = told_by(folder.captures(), {.from_unix_ns = kUnixNs + from * kMs,
                                                    .to_unix_ns = kUnixNs + to * kMs});
      Lines expected;
      for (int i = 0; i < 100; ++i) {
        if (i * 10 >= from && i * 10 < to)
          expected.push_back(all.lines[static_cast<std::size_t>(i)]);
      }
      EXPECT_EQ(part.lines, expected) << from << " to " << to;
    }
  }
}

// Goal: only the wanted markets and streams come, and the rest is counted. Method: two markets, two
// streams.
TEST(ReplayOptions, codes_and_kinds_are_filters) {
  const TempFolder folder;
  {
    Recording recording(config_for(folder));
    for (int i = 0; i < 10; ++i) {
      recording.put(4 * i, ticker("KRW-BTC", i + 1));
      recording.put(4 * i + 1, ticker("KRW-ETH", i + 1));
      recording.put(4 * i + 2, trade("KRW-BTC", i + 1));
      recording.put(4 * i + 3, trade("KRW-ETH", i + 1));
    }
  }
  FeedMetrics metrics;
  const Witness some =
      replay(folder.captures(), {.codes = {"KRW-ETH"}, .kinds = {EventKind::trade}}, {}, &metrics);
  EXPECT_EQ(some.hash.event_count(), 10U);
  EXPECT_EQ(metrics.replay.frames_passed, 30U);
  EXPECT_EQ(metrics.total().received, 10U);
  EXPECT_EQ(metrics.total().delivered, 10U);
  EXPECT_EQ(replay(folder.captures(), {.codes = {"KRW-ETH"}}).hash.event_count(), 20U);
  EXPECT_EQ(replay(folder.captures(), {.kinds = {EventKind::ticker}}).hash.event_count(), 20U);
  EXPECT_GT(metrics.replay.bytes_total, 0U);
  EXPECT_EQ(metrics.replay.bytes_read, metrics.replay.bytes_total);
}

// Goal: a paced replay takes the recorded time, divided by its speed, and gives the same events
// with the same times. Method: 600 ms of a recording, at 1 and at 3, with and without threads.
TEST(ReplayOptions, a_paced_replay_keeps_the_recorded_time) {
  const TempFolder folder;
  {
    Recording recording(config_for(folder));
    for (int i = 0; i <= 60; ++i) recording.put(i * 10, ticker("KRW-BTC", i + 1));
  }
  const Told fast = told_by(folder.captures());
  for (const double speed : {1.0, 3.0}) {
    const auto start = std::chrono::steady_clock::now();
    const Told paced = told_by(folder.captures(), {.speed = speed});
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_GE(took, std::chrono::duration<double>(0.6 / speed) - 1ms);
    EXPECT_EQ(paced.lines, fast.lines);
    EXPECT_EQ(paced.times, fast.times);

    Told threaded;
    auto feed = Feed::replay(folder.captures(), {.speed = speed});
    ASSERT_TRUE(feed.ok());
    const auto start_threads = std::chrono::steady_clock::now();
    ASSERT_TRUE(feed->start(threaded).ok());
    ASSERT_TRUE(eventually([&] { return feed->finished(); }));
    EXPECT_GE(std::chrono::steady_clock::now() - start_threads,
              std::chrono::duration<double>(0.6 / speed) - 1ms);
    ASSERT_TRUE(feed->stop().ok());
    EXPECT_EQ(threaded.times, fast.times);
  }
}

// Goal: stop() does not wait for a frame that is due in an hour. Method: stop while it waits.
TEST(ReplayOptions, stop_does_not_wait_for_the_next_frame) {
  const TempFolder folder;
  {
    Recording recording(config_for(folder));
    recording.put(0, ticker("KRW-BTC", 1));
    recording.put(3'600'000, ticker("KRW-BTC", 2));
  }
  auto feed = Feed::replay(folder.captures(), {.speed = 1});
  ASSERT_TRUE(feed.ok());
  ASSERT_TRUE(feed->start().ok());
  ASSERT_TRUE(eventually([&] { return feed->metrics().frames == 1; }));
  std::this_thread::sleep_for(20ms);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(feed->stop().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_FALSE(feed->finished());
}

// Goal: the files of one recording are one source, in whatever order they are named. Method: a
// recording in many files against the same in one.
TEST(ReplayOptions, rotated_files_are_one_recording) {
  const TempFolder whole;
  const TempFolder parts;
  for (const TempFolder* folder : {&whole, &parts}) {
    CaptureWriterConfig config = config_for(*folder);
    config.block_bytes = 400;
    if (folder == &parts) config.rotate_bytes = 1'500;
    Recording recording(config);
    for (int i = 0; i < 60; ++i) {
      recording.put(i, ticker("KRW-BTC", i + 1), static_cast<std::uint32_t>(i % 2));
    }
  }
  std::vector<std::string> paths = parts.captures();
  ASSERT_GT(paths.size(), 4U);
  const Told expected = told_by(whole.captures());
  ASSERT_EQ(expected.lines.size(), 60U);
  EXPECT_EQ(told_by(paths).lines, expected.lines);
  std::reverse(paths.begin(), paths.end());
  EXPECT_EQ(told_by(paths).lines, expected.lines);
  std::swap(paths[0], paths[2]);
  EXPECT_EQ(replay(paths).hash.hex(), replay(whole.captures()).hash.hex());
}

// Goal: recordings of two machines are merged by their wall times and kept apart by their
// connections, and equal times come in the order of the files. Method: two recordings whose steady
// clocks have nothing to do with each other, and a text file.
TEST(ReplayOptions, captures_are_merged_by_time) {
  const TempFolder folder;
  {
    Recording a(config_for(folder, "a"));
    Recording b(config_for(folder, "b"), 77 * kMonoNs);
    for (const int ms : {0, 20, 40}) a.put(ms, ticker("KRW-BTC", ms + 1), 1);
    for (const int ms : {10, 20, 50}) b.put(ms, ticker("KRW-ETH", ms + 1));
  }
  const std::string text = folder.path() + "/c.txt";
  std::ofstream(text) << "1790134742.030: b'" << ticker("KRW-XRP", 1) << "'\n";
  std::vector<std::string> paths = folder.captures();
  paths.push_back(text);
  EXPECT_EQ(told_by(paths).lines,
            (Lines{"ticker KRW-BTC 0 c1", "ticker KRW-ETH 10 c32", "ticker KRW-BTC 20 c1",
                   "ticker KRW-ETH 20 c32", "ticker KRW-XRP 30 c64", "ticker KRW-BTC 40 c1",
                   "ticker KRW-ETH 50 c32"}));
}

// Goal: a strategy's clock is that of the recording, and stands still between events. Method: now()
// in every callback, and after the end.
TEST(ReplayOptions, now_is_the_recorded_time) {
  const TempFolder folder;
  {
    Recording recording(config_for(folder));
    for (int i = 0; i < 50; ++i) recording.put(i * 7, ticker("KRW-BTC", i + 1));
  }
  auto feed = Feed::replay(folder.captures());
  ASSERT_TRUE(feed.ok());
  EXPECT_EQ(feed->now().ns, 0);
  Client client = feed->client("test");
  int events = 0;
  ASSERT_TRUE(client
                  .subscribe_ticker("KRW-BTC",
                                    [&](const TickerEvent& event) {
                                      EXPECT_EQ(feed->now(), event.received_mono);
                                      EXPECT_EQ(feed->now_unix_ns(), kUnixNs + events * 7 * kMs);
                                      EXPECT_EQ(event.kernel_time.unix_ns, feed->now_unix_ns() - 1);
                                      ++events;
                                    })
                  .ok());
  while (!feed->finished()) {
    feed->step_io();
    feed->poll();
  }
  EXPECT_EQ(events, 50);
  EXPECT_EQ(feed->now_unix_ns(), kUnixNs + 49 * 7 * kMs);
}

// Goal: what is missing in a capture is told where it is missing, and no book is believed before
// its next frame. Method: a loss of the recorder, then a damaged block, each between two books.
TEST(ReplayOptions, what_is_missing_is_told_and_books_are_stale) {
  const TempFolder folder;
  {
    CaptureWriterConfig config = config_for(folder);
    config.block_bytes = 1;  // a block each
    Recording recording(config);
    recording.put(0, book("KRW-BTC", 100));
    recording.lose(5);
    recording.put(10, ticker("KRW-ETH", 1));
    recording.put(20, book("KRW-BTC", 101));
    recording.put(30, ticker("KRW-ETH", 2));
    recording.put(40, ticker("KRW-ETH", 3));
    recording.put(50, book("KRW-BTC", 102));
  }
  const std::string path = folder.captures().at(0);
  {
    // The ticker at 30.
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    file.clear();
    file.seekp(static_cast<std::streamoff>(bytes.find("\"trade_price\":2,")) + 14);
    file.put('7');
  }
  auto feed = Feed::replay(folder.captures());
  ASSERT_TRUE(feed.ok());
  Client client = feed->client("test");
  const auto shared = client.share_book("KRW-BTC");
  ASSERT_TRUE(shared.ok());
  Lines told;
  Client other = feed->client("events");
  ASSERT_TRUE(other
                  .subscribe_ticker("KRW-ETH",
                                    [&](const TickerEvent& event) {
                                      const auto now = shared.value()->read();
                                      told.push_back("ticker " + event.trade_price.to_string() +
                                                     " " + std::string(to_string(now->state())));
                                    })
                  .ok());
  ASSERT_TRUE(other
                  .on_loss([&](const LossEvent& event) {
                    told.push_back("loss " + std::to_string(event.dropped));
                    EXPECT_GE(feed->now_unix_ns(), kUnixNs);
                  })
                  .ok());
  ASSERT_TRUE(other
                  .on_status([&](const StatusEvent& event) {
                    told.push_back(std::string(to_string(event.cause)));
                  })
                  .ok());
  ASSERT_TRUE(other
                  .subscribe_orderbook("KRW-BTC",
                                       [&](const OrderbookEvent&, const Book& now) {
                                         told.push_back("book " +
                                                        std::string(to_string(now.state())));
                                       })
                  .ok());
  while (!feed->finished()) {
    feed->step_io();
    feed->poll();
  }
  EXPECT_EQ(told, (Lines{"book live", "recording", "loss 5", "ticker 1 stale", "book live",
                         "bad_frames", "loss 1", "ticker 3 stale", "book live", "end_of_capture"}));
  EXPECT_EQ(feed->metrics().replay.records_missing, 6U);
}

// Goal: a strategy's start is the same in a replay, without an exchange: market lists, pins, keys.
// Method: all it may ask for live, on a feed whose host does not exist.
TEST(ReplayOptions, what_a_strategy_asks_for_needs_no_exchange) {
  const TempFolder folder;
  { Recording(config_for(folder)).put(0, ticker("KRW-BTC", 1)); }
  FeedConfig config;
  config.endpoint.host = "nowhere.invalid";
  auto feed = Feed::replay(folder.captures(), {}, config);
  ASSERT_TRUE(feed.ok()) << feed.error().message;
  EXPECT_TRUE(feed->load_markets(std::chrono::milliseconds(1)).ok());
  Client client = feed->client("strategy");
  int events = 0;
  const auto pinned =
      client.subscribe_ticker("KRW-BTC", [&](const TickerEvent&) { ++events; }, {.connection = 3});
  ASSERT_TRUE(pinned.ok()) << pinned.error().message;
  EXPECT_TRUE(client.subscribe_my_order([](const MyOrderEvent&) {}).ok());
  EXPECT_FALSE(feed->reshard({.connections = 1}).ok());
  feed->audit();
  while (!feed->finished()) {
    feed->step_io();
    feed->poll();
  }
  EXPECT_EQ(events, 1);
  EXPECT_TRUE(feed->plan().empty());
}

// Goal: what cannot be is refused by name. Method: each bad option, and captures without times.
TEST(ReplayOptions, what_cannot_be_is_refused_by_name) {
  const TempFolder folder;
  { Recording(config_for(folder)).put(0, ticker("KRW-BTC", 1)); }
  const std::vector<std::string> paths = folder.captures();
  const std::string json = folder.path() + "/plain.jsonl";
  std::ofstream(json) << ticker("KRW-BTC", 1) << "\n";
  const auto message = [](const auto& result) {
    EXPECT_FALSE(result.ok());
    return result.ok() ? std::string() : result.error().message;
  };
  const auto says = [&](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  says(message(Feed::replay(paths, {.speed = -1})), "speed is -1");
  says(message(Feed::replay(paths, {.from_unix_ns = 9, .to_unix_ns = 9})), "to_unix_ns 9");
  says(message(Feed::replay(paths, {.codes = {"btc"}})), "codes has \"btc\"");
  says(message(Feed::replay(paths, {.kinds = {EventKind::status}})), "kinds has \"status\"");
  says(message(Feed::replay(std::vector<std::string>{})), "capture_paths is empty");
  std::filesystem::copy(json, json + "2");
  says(message(Feed::replay({json, json + "2"}, {})), "says no times");
  std::filesystem::create_symlink(paths[0], json + "3");
  says(message(Feed::replay({paths[0], json + "3"}, {})), "is named twice, first as");
  says(message(Feed::replay(std::vector<std::string>{json}, {.speed = 1})), "says no times");
  says(message(Feed::replay({paths[0], json + "x"}, {})), "plain.jsonlx");
  FeedConfig config;
  config.record.directory = folder.path();
  says(message(Feed::replay(paths, {}, config)), "a replay is not recorded");
}

}  // namespace
