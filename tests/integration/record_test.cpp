// A feed that records while it runs, and its captures lived again: the strategies are the same.

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "live_harness.hpp"
#include "record_harness.hpp"
#include "upfeed/capture.hpp"

namespace {

using namespace upfeed;
using namespace std::chrono_literals;

/// A busy test machine is no slow reader.
sim::SimConfig market(double frames_per_second) {
  sim::SimConfig config = LiveHarness::small(frames_per_second);
  config.queue_limit_bytes = 512U << 20U;
  return config;
}

/// What a strategy sees, as text: every event with its book, every state, gap and loss, and the
/// time by its feed's clock since the first of them.
class Diary {
 public:
  Diary(Feed& feed, const std::vector<std::string>& codes)
      : feed_(feed), client_(feed.client("diary")) {
    const auto write = [this](const auto& event) { add(event, ""); };
    EXPECT_TRUE(client_.subscribe_ticker(codes, write).ok());
    EXPECT_TRUE(client_.subscribe_trade(codes, write).ok());
    EXPECT_TRUE(client_.subscribe_candle(CandleUnit::s1, codes, write).ok());
    EXPECT_TRUE(client_
                    .subscribe_orderbook(codes,
                                         [this](const OrderbookEvent& event, const Book& book) {
                                           add(event, to_string(book.state()));
                                         })
                    .ok());
    EXPECT_TRUE(client_.on_gap([this](const GapEvent& e) { add(e, to_string(e.gap_kind)); }).ok());
    EXPECT_TRUE(client_
                    .on_status([this](const StatusEvent& e) {
                      if (e.cause == StatusCause::end_of_capture) return;
                      // Of the moment, and not of an event: its time is its own.
                      add(e, to_string(e.state), to_string(e.cause), e.text.view());
                    })
                    .ok());
  }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] const EventHash& hash() const { return hash_; }

 private:
  template <class Event, class... Words>
  void add(const Event& event, const Words&... words) {
    if (first_.ns == 0) first_ = event.received_mono;
    std::string line = std::string(to_string(event.kind)) + " " + std::string(event.code.view()) +
                       " c" + std::to_string(event.connection) + " e" +
                       std::to_string(event.epoch) + " +" +
                       std::to_string(event.received_mono - first_);
    ((line += " " + std::string(words)), ...);
    if constexpr (!std::is_same_v<Event, StatusEvent> && !std::is_same_v<Event, GapEvent>) {
      hash_.add(event);
      line += " #" + hash_.hex();
    }
    lines_.push_back(std::move(line));
  }

  Feed& feed_;
  Client client_;
  MonoTime first_;
  std::vector<std::string> lines_;
  EventHash hash_;
};

std::vector<std::string> lived_again(const std::vector<std::string>& captures,
                                     const std::vector<std::string>& codes) {
  auto feed = Feed::replay(captures);
  EXPECT_TRUE(feed.ok()) << (feed.ok() ? "" : feed.error().message);
  if (!feed.ok()) return {};
  Diary diary(*feed, codes);
  EXPECT_TRUE(feed->start().ok());
  EXPECT_TRUE(eventually([&] { return feed->finished(); }));
  EXPECT_TRUE(feed->stop().ok());
  return diary.lines();
}

void expect_same(const std::vector<std::string>& live, const std::vector<std::string>& replayed) {
  EXPECT_EQ(live.size(), replayed.size());
  const auto [a, b] = std::mismatch(live.begin(), live.end(), replayed.begin(), replayed.end());
  if (a != live.end() || b != replayed.end()) {
    ADD_FAILURE() << "line " << a - live.begin() << ": live \"" << (a != live.end() ? *a : "")
                  << "\", replayed \"" << (b != replayed.end() ? *b : "") << "\"";
  }
}

// Goal: a strategy sees in a replay what it saw live, in the same order, at the same times of its
// clock, through outages of all kinds. Method: record while the exchange resets, closes, drops and
// cuts the connection within a frame; compare all that was told, line by line.
TEST(Record, a_strategy_sees_what_it_saw_live) {
  const TempFolder folder;
  LiveHarness live(market(4'000));
  FeedConfig config = live.config();
  config.record.directory = folder.path();
  config.stable_period = 0ms;
  config.dials_per_second = 1'000;
  Feed feed = LiveHarness::feed(config);
  Diary diary(feed, small_codes());
  ASSERT_TRUE(feed.start().ok());
  std::uint32_t epoch = 1;
  for (const sim::Fault& fault : {sim::faults::reset(), sim::faults::close(1001),
                                  sim::faults::fin_mid_frame(), sim::faults::drop()}) {
    const std::uint64_t seen = feed.metrics().total().delivered;
    ASSERT_TRUE(eventually([&] { return feed.metrics().total().delivered > seen + 200; }));
    live.server->fault(fault);
    ++epoch;
    ASSERT_TRUE(eventually([&] {
      return feed.metrics().epoch == epoch && feed.metrics().state == SessionState::live;
    }));
  }
  ASSERT_TRUE(eventually([&] { return feed.metrics().gaps > 20; }));
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(feed.metrics().total().dropped + feed.metrics().total().conflated, 0U);
  EXPECT_EQ(feed.metrics().recorder.records_lost, 0U);
  EXPECT_EQ(feed.metrics().recorder.state, RecorderState::closed);
  EXPECT_EQ(feed.metrics().recorder.frames, feed.metrics().frames);
  ASSERT_EQ(folder.captures().size(), 1U);
  expect_same(diary.lines(), lived_again(folder.captures(), small_codes()));
}

// Goal: however many connections and I/O threads received it, a replay has the events of each
// connection as they were. Method: three connections on two threads with private and info streams
// beside them; hash per connection, combined in order.
TEST(Record, several_threads_are_one_recording) {
  const TempFolder folder;
  LiveHarness live(market(3'000));
  FeedConfig config = live.config();
  config.record.directory = folder.path();
  config.sharding = {.connections = 3};
  config.io_threads = 2;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("live");
  subscribe_all(client, live.server->codes());
  Witness was;
  ASSERT_TRUE(feed.start(was).ok());
  ASSERT_TRUE(eventually([&] { return feed.metrics().total().delivered >= 4'000; }));
  ASSERT_TRUE(feed.stop().ok());
  ASSERT_EQ(feed.metrics().total().dropped + feed.metrics().total().conflated, 0U);
  EXPECT_EQ(feed.metrics().recorder.records_lost, 0U);
  const Witness again = replay(folder.captures());
  EXPECT_EQ(again.hash.hex(), was.hash.hex());
  EXPECT_EQ(again.hash.event_count(), was.hash.event_count());
}

/// Ids of all trades of each code, in the order told.
struct TradeLog {
  std::map<std::string, std::vector<std::uint64_t>> ids;
  TradeCallback callback() {
    return TradeCallback([this](const TradeEvent& event) {
      ids[std::string(event.code.view())].push_back(event.sequential_id);
    });
  }
};

// Goal: a stream that moved between connections, and a connection that was renewed, are told once
// and whole in a replay, though nobody told it the plan. Method: reshard and renew while recording;
// the trades of each code against those that were live.
TEST(Record, moves_and_renewals_lose_and_repeat_nothing_in_a_replay) {
  const TempFolder folder;
  LiveHarness live(market(2'000));
  FeedConfig config = live.config();
  config.record.directory = folder.path();
  config.shards_max = 3;
  config.io_threads = 2;
  config.renew_after = 1s;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("live");
  const auto codes = live.server->codes();
  TradeLog was;
  ASSERT_TRUE(client.subscribe_trade(codes, was.callback()).ok());
  ASSERT_TRUE(feed.start().ok());
  const auto wait_for_more = [&] {
    const std::uint64_t before = feed.metrics().total().delivered;
    return eventually([&] { return feed.metrics().total().delivered > before + 300; });
  };
  ASSERT_TRUE(wait_for_more());
  for (const std::uint32_t connections : {3U, 1U}) {
    ASSERT_TRUE(feed.reshard({.connections = connections}).ok());
    std::this_thread::sleep_for(1500ms);
    ASSERT_TRUE(wait_for_more());
  }
  live.server->set_paused(true);
  std::this_thread::sleep_for(300ms);
  ASSERT_TRUE(feed.stop().ok());
  ASSERT_EQ(feed.metrics().total().dropped, 0U);

  TradeLog again;
  auto replayed = Feed::replay(folder.captures());
  ASSERT_TRUE(replayed.ok());
  Client other = replayed->client("replay");
  ASSERT_TRUE(other.subscribe_trade(codes, again.callback()).ok());
  while (!replayed->finished()) {
    replayed->step_io();
    replayed->poll();
  }
  ASSERT_EQ(again.ids.size(), was.ids.size());
  for (auto& [code, ids] : was.ids) {
    std::vector<std::uint64_t>& lived = again.ids[code];
    EXPECT_EQ(std::set<std::uint64_t>(lived.begin(), lived.end()).size(), lived.size()) << code;
    EXPECT_EQ(std::set<std::uint64_t>(ids.begin(), ids.end()).size(), ids.size()) << code;
    std::sort(ids.begin(), ids.end());
    std::sort(lived.begin(), lived.end());
    EXPECT_EQ(lived, ids) << code;
  }
}

// Goal: no key, token or header of a login is ever in a recording, and nobody else may read it.
// Method: a session with own orders and balances; every byte of the files, packed and unpacked.
TEST(Record, a_private_session_has_no_secret_and_is_for_the_owner_alone) {
  const std::string access = "canary-access-key-0123456789";
  const std::string secret = "canary-secret-key-9876543210";
  const TempFolder folder;
  sim::SimConfig sim = market(200);
  sim.keys = {{access, secret}};
  sim.scenario = {.is_on = true, .order_interval = 20ms};
  LiveHarness live(sim);
  FeedConfig config = live.config();
  auto keys = std::make_shared<ApiKeys>();
  keys->access_key = Secret(access);
  keys->secret_key = Secret(secret);
  config.keys = keys;
  config.keys_host = "localhost";
  config.record.directory = folder.path();
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("account");
  std::atomic<int> orders = 0;
  ASSERT_TRUE(client.subscribe_my_order([&](const MyOrderEvent&) { ++orders; }).ok());
  ASSERT_TRUE(client.subscribe_ticker("KRW-BTC").ok());
  ASSERT_TRUE(feed.start().ok());
  ASSERT_TRUE(eventually([&] { return orders >= 10; }));
  feed.audit();
  live.server->drop_all();
  ASSERT_TRUE(eventually([&] { return orders >= 20; }));
  ASSERT_TRUE(feed.stop().ok());
  ASSERT_EQ(live.server->stats().gate.nonce_reuses, 0U);

  int requests = 0;
  std::string all;
  for (const std::string& path : folder.captures()) {
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    std::ifstream in(path, std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
    auto reader = CaptureReader::open(path, {.all_records = true});
    ASSERT_TRUE(reader.ok());
    CapturedFrame record;
    while (reader->next(record) == CaptureStep::frame) {
      all.append(record.payload.begin(), record.payload.end()).append("\n");
      requests += record.type == CapturedType::request ? 1 : 0;
    }
    all += reader->remarks().endpoint;
  }
  EXPECT_GE(requests, 4);
  EXPECT_NE(all.find("myOrder"), std::string::npos);
  for (const std::string& word : {access, secret, std::string("Bearer"),
                                  std::string("uthorization"), std::string("eyJhbGci")}) {
    EXPECT_EQ(all.find(word), std::string::npos) << word;
  }
}

// Goal: a second feed does not record to the same name, and says so before it starts. Method:
// create two; and one that names no folder.
TEST(Record, a_name_that_is_taken_and_a_missing_folder_are_refused) {
  const TempFolder folder;
  FeedConfig config;
  config.record.directory = folder.path();
  const auto first = Feed::create(config);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().metrics().recorder.state, RecorderState::recording);
  const auto second = Feed::create(config);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Errc::bad_config);
  EXPECT_NE(second.error().message.find("another recording"), std::string::npos);
  config.record.directory += "/nowhere";
  const auto nowhere = Feed::create(config);
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code, Errc::bad_config);
  EXPECT_NE(nowhere.error().message.find(config.record.directory), std::string::npos);
}

// Goal: a full disk costs the recording alone: the feed goes on, is told, and what was written is
// whole. Method: record to a disk of 2 MB, many times as much.
TEST(Record, a_full_disk_leaves_the_feed_alone) {
  const TempFolder folder;
  LiveHarness live(market(2'000));
  bool possible = true;
  std::thread([&] {
    // The disk belongs to the threads that are started from here, the recorder's among them.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      possible = false;
      return;
    }
    ASSERT_EQ(::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=2m"), 0);
    FeedConfig config = live.config();
    config.record.directory = folder.path();
    config.record.compress = false;
    config.record.flush_interval = 20ms;
    Feed feed = LiveHarness::feed(config);
    Client client = feed.client("live");
    subscribe_all(client, live.server->codes());
    std::atomic<int> told = 0;
    ASSERT_TRUE(client
                    .on_status([&](const StatusEvent& event) {
                      if (event.cause != StatusCause::recording) return;
                      EXPECT_EQ(event.state, event.previous_state);
                      EXPECT_NE(event.text.view().find("No space left"), std::string_view::npos)
                          << event.text.view();
                      ++told;
                    })
                    .ok());
    std::atomic<std::uint64_t> events = 0;
    auto count = [&](const auto&) { ++events; };
    ASSERT_TRUE(feed.start(count).ok());
    ASSERT_TRUE(eventually([&] { return told > 0; }, 60s));
    const FeedMetrics metrics = feed.metrics();
    EXPECT_EQ(metrics.recorder.state, RecorderState::disk_full);
    const std::uint64_t before = events;
    ASSERT_TRUE(eventually([&] { return events > before + 1'000; }, 60s));
    ASSERT_TRUE(eventually([&] { return feed.metrics().recorder.records_lost > 0; }));
    EXPECT_EQ(feed.metrics().reconnects, 0U);
    EXPECT_EQ(feed.metrics().total().dropped, 0U);
    const Health health = feed.health();
    EXPECT_EQ(health.state, HealthState::degraded);
    ASSERT_FALSE(health.reasons.empty());
    EXPECT_NE(health.reasons[0].find("recording fails"), std::string::npos);
    const Status stopped = feed.stop();
    ASSERT_FALSE(stopped.ok());
    EXPECT_NE(stopped.error().message.find("No space left"), std::string::npos);
    EXPECT_FALSE(feed.running());

    auto reader = CaptureReader::open(folder.captures().at(0));
    ASSERT_TRUE(reader.ok());
    CapturedFrame frame;
    std::uint64_t frames = 0;
    CaptureStep step = CaptureStep::end;
    while ((step = reader->next(frame)) == CaptureStep::frame) ++frames;
    EXPECT_EQ(step, CaptureStep::end) << reader->bad_line().reason;
    EXPECT_GT(frames, 500U);
  }).join();
  if (!possible) GTEST_SKIP() << "no file systems of its own (root is needed)";
}

// Goal: who drives a feed from a loop of his own records as well. Method: step_io() and poll().
TEST(Record, a_feed_driven_by_hand_records_too) {
  const TempFolder folder;
  LiveHarness live(market(3'000));
  FeedConfig config = live.config();
  config.record.directory = folder.path();
  config.record.rotate_bytes = 1U << 20U;
  config.record.compress = false;
  Feed feed = LiveHarness::feed(config);
  Client client = feed.client("live");
  subscribe_all(client, live.server->codes());
  Witness was;
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (feed.metrics().total().delivered < 3'000 && std::chrono::steady_clock::now() < end) {
    feed.step_io();
    feed.poll(was);
  }
  // What stop() dispatches still goes to nobody, so nothing may be left.
  live.server->set_paused(true);
  const auto quiet = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < quiet) {
    feed.step_io();
    feed.poll(was);
  }
  ASSERT_TRUE(feed.stop().ok());
  EXPECT_GE(folder.captures().size(), 2U);
  EXPECT_EQ(replay(folder.captures()).hash.hex(), was.hash.hex());
}

}  // namespace
