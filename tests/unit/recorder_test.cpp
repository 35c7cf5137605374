// The recorder by itself: what is put into its taps, on its way to files that are fast, slow, full
// or hanging.

#include "recorder.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#ifdef UPFEED_ALLOC_GUARD
#include "alloc_guard.hpp"
#endif
#include "capture/upcap_writer.hpp"
#include "clock.hpp"
#include "record_harness.hpp"
#include "upfeed/capture.hpp"

namespace upfeed::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLongNs = 20'000'000'000;
constexpr std::uint8_t kText = 1;

FeedConfig config_for(const TempFolder& folder) {
  FeedConfig config;
  config.record.directory = folder.path();
  config.record.flush_interval = 10ms;
  return config;
}

std::unique_ptr<Recorder> open(const FeedConfig& config, std::size_t taps = 1,
                               const capture::CaptureCalls* calls = nullptr) {
  auto recorder = Recorder::open(config, taps, calls);
  EXPECT_TRUE(recorder.ok()) << (recorder.ok() ? "" : recorder.error().message);
  return recorder.ok() ? std::move(*recorder) : nullptr;
}

void put(RecordTap& tap, const std::string& payload, MonoTime when, std::uint32_t connection = 0) {
  FrameMeta meta;
  meta.connection = connection;
  meta.epoch = 3;
  meta.received_mono = when;
  meta.kernel_time = KernelTime{when.ns + 7};
  meta.flags = kKernelTimeShared;
  tap.frame(kText, payload, meta);
}

struct Kept {
  CapturedFrame record;
  std::string payload;
};

std::vector<Kept> read(const std::vector<std::string>& paths) {
  std::vector<Kept> kept;
  for (const std::string& path : paths) {
    auto reader = CaptureReader::open(path, {.all_records = true});
    EXPECT_TRUE(reader.ok());
    CapturedFrame record;
    CaptureStep step = CaptureStep::end;
    while ((step = reader->next(record)) != CaptureStep::end) {
      EXPECT_EQ(step, CaptureStep::frame);
      kept.push_back({record, {record.payload.data(), record.payload.size()}});
    }
    EXPECT_TRUE(reader->remarks().closed) << path;
  }
  return kept;
}

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Goal: records of two I/O threads come back whole, in the order of their times. Method: put into
// two taps in turns, with every field set, then a request and a status.
TEST(Recorder, what_is_put_comes_back_by_time_with_every_field) {
  const TempFolder folder;
  const auto recorder = open(config_for(folder), 2);
  const MonoTime start = mono_now();
  for (int i = 0; i < 200; ++i) {
    put(recorder->tap(static_cast<std::size_t>(i % 2)), "frame " + std::to_string(i), start + i,
        static_cast<std::uint32_t>(i % 2));
  }
  recorder->tap(0).request(std::string_view("[{\"ticket\":\"t\"}]"), 0, 3, start + 200);
  StatusEvent status;
  status.connection = 1;
  status.epoch = 4;
  status.received_mono = start + 201;
  status.previous_state = SessionState::live;
  status.state = SessionState::backing_off;
  status.cause = StatusCause::http;
  status.server_error = ServerErrorKind::no_codes;
  status.http_status = 503;
  status.system_errno = 104;
  status.retry_in_ms = 250;
  status.lost_kind = EventKind::candle;
  status.candle_unit = CandleUnit::m15;
  status.code = *MarketCode::parse("KRW-BTC");
  status.level = *Decimal::parse("0.00000001");
  status.silent_ns = 47'000'000'001;
  status.text.assign("a text\twith a tab");
  recorder->tap(1).status(status);
  const std::int64_t wall = wall_now_ns();
  recorder->finish();
  ASSERT_TRUE(recorder->wait(kLongNs).ok());

  const std::vector<Kept> kept = read(folder.captures());
  ASSERT_EQ(kept.size(), 202U);
  for (int i = 0; i < 200; ++i) {
    const CapturedFrame& record = kept[static_cast<std::size_t>(i)].record;
    EXPECT_EQ(kept[static_cast<std::size_t>(i)].payload, "frame " + std::to_string(i));
    EXPECT_EQ(record.type, CapturedType::frame);
    EXPECT_EQ(record.received_mono_ns, start.ns + i);
    EXPECT_EQ(record.kernel_unix_ns, start.ns + i + 7);
    EXPECT_TRUE(record.kernel_time_shared);
    EXPECT_LT(std::abs(record.received_unix_ns - wall), kLongNs);
    EXPECT_EQ(record.connection, static_cast<std::uint32_t>(i % 2));
    EXPECT_EQ(record.epoch, 3U);
    EXPECT_EQ(record.opcode, kText);
  }
  EXPECT_EQ(kept[200].record.type, CapturedType::request);
  EXPECT_EQ(kept[200].payload, "[{\"ticket\":\"t\"}]");
  CapturedFrame record = kept[201].record;
  record.payload = kept[201].payload;
  const auto told = captured_status(record);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->connection, 1U);
  EXPECT_EQ(told->epoch, 4U);
  EXPECT_EQ(told->previous_state, SessionState::live);
  EXPECT_EQ(told->state, SessionState::backing_off);
  EXPECT_EQ(told->cause, StatusCause::http);
  EXPECT_EQ(told->server_error, ServerErrorKind::no_codes);
  EXPECT_EQ(told->http_status, 503);
  EXPECT_EQ(told->system_errno, 104);
  EXPECT_EQ(told->retry_in_ms, 250);
  EXPECT_EQ(told->lost_kind, EventKind::candle);
  EXPECT_EQ(told->candle_unit, CandleUnit::m15);
  EXPECT_EQ(told->code.view(), "KRW-BTC");
  EXPECT_EQ(told->level.to_string(), "0.00000001");
  EXPECT_EQ(told->silent_ns, 47'000'000'001);
  EXPECT_EQ(told->text.view(), "a text\twith a tab");
}

struct Sum {
  std::uint64_t frames = 0;
  std::uint64_t lost = 0;  ///< as the file notes it
};

/// Every frame must be the number behind the last one, or as many further as a loss record says.
Sum sum_of(const TempFolder& folder) {
  Sum sum;
  for (Kept& kept : read(folder.captures())) {
    kept.record.payload = kept.payload;
    if (const auto loss = captured_loss(kept.record)) {
      sum.lost += loss->records;
      continue;
    }
    EXPECT_EQ(std::strtoull(kept.payload.c_str(), nullptr, 10), sum.frames + sum.lost);
    ++sum.frames;
  }
  return sum;
}

// Goal: what finds no room in the ring is lost alone, counted, and stands in the file at its place.
// Method: 5,000 numbered frames at once into the smallest ring; every frame of the file is the next
// number, or the one behind as many as the loss record before it says.
TEST(Recorder, a_full_ring_loses_counts_and_says_where) {
  const TempFolder folder;
  FeedConfig config = config_for(folder);
  config.record.ring_bytes = 64U << 10U;
  const auto recorder = open(config);
  constexpr std::uint64_t kFrames = 5'000;
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    std::string payload = std::to_string(i);
    payload.resize(1'000, ' ');
    put(recorder->tap(0), payload, mono_now());
  }
  put(recorder->tap(0), std::string(70'000, 'x'), mono_now());  // longer than the ring
  recorder->finish();
  ASSERT_TRUE(recorder->wait(kLongNs).ok());
  const RecorderMetrics metrics = recorder->metrics();
  EXPECT_EQ(metrics.frames + metrics.records_lost, kFrames + 1);
  EXPECT_GT(metrics.records_lost, 100U);
  EXPECT_EQ(metrics.bytes_lost, (metrics.records_lost - 1) * 1'000 + 70'000);
  EXPECT_EQ(metrics.state, RecorderState::closed);
  EXPECT_NE(recorder->news().find("lost"), std::string::npos) << recorder->news();

  const Sum sum = sum_of(folder);
  EXPECT_EQ(sum.lost, metrics.records_lost);
  EXPECT_EQ(sum.frames, metrics.frames);
}

// A disk of the test's own.
std::atomic<bool> disk_is_full{false};
std::atomic<bool> disk_hangs{false};
std::atomic<bool> memory_is_short{false};

ssize_t test_write(int fd, const void* data, std::size_t size, off_t offset) {
  while (disk_hangs.load()) std::this_thread::sleep_for(1ms);
  if (memory_is_short.load()) throw std::bad_alloc();
  if (disk_is_full.load()) {
    errno = ENOSPC;
    return -1;
  }
  return capture::kSystemCaptureCalls.write_at(fd, data, size, offset);
}

capture::CaptureCalls test_calls() {
  capture::CaptureCalls calls = capture::kSystemCaptureCalls;
  calls.write_at = &test_write;
  return calls;
}

// Goal: a disk that fills up is told, costs frames only while it is full, and the file is whole and
// says what is missing. Method: frames before, during and after want of room.
TEST(Recorder, a_full_disk_is_told_and_recording_goes_on_when_there_is_room) {
  const TempFolder folder;
  const capture::CaptureCalls calls = test_calls();
  const auto recorder = open(config_for(folder), 1, &calls);
  RecordTap& tap = recorder->tap(0);
  std::uint64_t put_count = 0;
  const auto put_some = [&] {
    for (int i = 0; i < 200; ++i) put(tap, std::to_string(put_count++), mono_now());
  };
  put_some();
  ASSERT_TRUE(eventually([&] { return recorder->metrics().bytes_out > 500; }));
  EXPECT_EQ(recorder->metrics().state, RecorderState::recording);
  disk_is_full = true;
  put_some();
  ASSERT_TRUE(eventually([&] { return recorder->metrics().state == RecorderState::disk_full; }));
  EXPECT_NE(recorder->metrics().error.find("No space left on device"), std::string::npos);
  ASSERT_TRUE(eventually([&] { return recorder->news_count() == 1; }));
  EXPECT_NE(recorder->news().find("No space left on device"), std::string::npos);
  // More than a block holds, so that some must be lost.
  for (int i = 0; i < 100; ++i) {
    put(tap, std::to_string(put_count++) + std::string(10'000, ' '), mono_now());
    std::this_thread::sleep_for(100us);
  }
  ASSERT_TRUE(eventually([&] { return recorder->metrics().records_lost > 0; }));
  disk_is_full = false;
  ASSERT_TRUE(eventually([&] { return recorder->metrics().state == RecorderState::recording; }));
  put_some();
  recorder->finish();
  ASSERT_TRUE(recorder->wait(kLongNs).ok());

  const RecorderMetrics metrics = recorder->metrics();
  const Sum sum = sum_of(folder);
  EXPECT_EQ(sum.frames + sum.lost, put_count);
  EXPECT_EQ(sum.lost, metrics.records_lost);
  EXPECT_GT(metrics.failures, 0U);
}

// Goal: a recorder that finds no memory ends alone: the process lives, is told, what comes is
// counted as lost, and the file ends with a whole block. Method: a write that throws.
TEST(Recorder, want_of_memory_ends_the_recording_alone) {
  const TempFolder folder;
  const capture::CaptureCalls calls = test_calls();
  FeedConfig config = config_for(folder);
  config.record.ring_bytes = 64U << 10U;
  const auto recorder = open(config, 1, &calls);
  RecordTap& tap = recorder->tap(0);
  for (int i = 0; i < 100; ++i) put(tap, std::to_string(i), mono_now());
  ASSERT_TRUE(eventually([&] { return recorder->metrics().bytes_out > 500; }));
  memory_is_short = true;
  put(tap, "100", mono_now());
  ASSERT_TRUE(eventually([&] { return recorder->metrics().state == RecorderState::failing; }));
  EXPECT_NE(recorder->metrics().error.find("has ended"), std::string::npos);
  EXPECT_NE(recorder->news().find("has ended"), std::string::npos);
  for (int i = 0; i < 1'000; ++i) put(tap, std::string(1'000, 'x'), mono_now());
  EXPECT_GT(recorder->metrics().records_lost, 900U);
  recorder->finish();
  EXPECT_FALSE(recorder->wait(kLongNs).ok());
  memory_is_short = false;
  auto reader = CaptureReader::open(folder.captures().at(0));
  ASSERT_TRUE(reader.ok());
  CapturedFrame frame;
  int frames = 0;
  CaptureStep step = CaptureStep::end;
  while ((step = reader->next(frame)) == CaptureStep::frame) ++frames;
  EXPECT_EQ(step, CaptureStep::end) << reader->bad_line().reason;
  EXPECT_EQ(frames, 100);
}

// Goal: the end of a feed does not wait for a disk that hangs, and says so. Method: block the
// write, finish; the thread ends by itself once the disk does.
TEST(Recorder, a_hanging_disk_does_not_hold_up_the_end) {
  const TempFolder folder;
  const capture::CaptureCalls calls = test_calls();
  auto recorder = open(config_for(folder), 1, &calls);
  disk_hangs = true;
  put(recorder->tap(0), "{}", mono_now());
  recorder->finish();
  const auto start = std::chrono::steady_clock::now();
  const Status ended = recorder->wait(50'000'000);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  ASSERT_FALSE(ended.ok());
  EXPECT_NE(ended.error().message.find("still being written"), std::string::npos);
  recorder.reset();
  disk_hangs = false;
  EXPECT_TRUE(eventually([&] {
    const auto paths = folder.captures();
    auto reader = CaptureReader::open(paths.at(0));
    CapturedFrame frame;
    return reader.ok() && reader->next(frame) == CaptureStep::frame &&
           reader->next(frame) == CaptureStep::end && reader->remarks().closed;
  }));
}

// Goal: two recorders never write one recording, and a folder that is not there is named. Method:
// open twice; open nowhere.
TEST(Recorder, a_second_writer_and_a_missing_folder_are_refused) {
  const TempFolder folder;
  FeedConfig config = config_for(folder);
  const auto first = open(config);
  const auto second = Recorder::open(config, 1);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another recording writes \"upfeed\""), std::string::npos)
      << second.error().message;
  config.record.name = "other";
  EXPECT_TRUE(Recorder::open(config, 1).ok());
  config.record.directory = folder.path() + "/nowhere";
  const auto nowhere = Recorder::open(config, 1);
  ASSERT_FALSE(nowhere.ok());
  EXPECT_NE(nowhere.error().message.find(config.record.directory), std::string::npos)
      << nowhere.error().message;
}

/// A process with a limit on the size of its files records more than that; ends with 0 when that
/// was told as an error.
[[noreturn]] void record_beyond_the_limit(const FeedConfig& config) {
  const auto recorder = open(config);
  // Only now: the memory of a ring counts as a file, too.
  const rlimit limit{.rlim_cur = 4'096, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  for (int i = 0; i < 100; ++i) put(recorder->tap(0), std::string(1'000, 'x'), mono_now());
  const bool told =
      eventually([&] { return recorder->metrics().error.find("too large") != std::string::npos; });
  ::_exit(told ? 0 : 1);
}

// Goal: a limit on the size of files is an error like a full disk, not the end of the process.
// Method: a process with such a limit.
TEST(RecorderDeathTest, a_file_size_limit_does_not_end_the_process) {
  const TempFolder folder;
  FeedConfig config = config_for(folder);
  config.record.compress = false;
  EXPECT_EXIT(record_beyond_the_limit(config), testing::ExitedWithCode(0), "");
}

#ifdef UPFEED_ALLOC_GUARD
// Goal: an I/O thread takes nothing from the heap to record, also when the ring is full. Method:
// 100,000 frames through the smallest ring on a watched thread.
TEST(Recorder, a_tap_takes_nothing_from_the_heap) {
  const TempFolder folder;
  FeedConfig config = config_for(folder);
  config.record.ring_bytes = 64U << 10U;
  const auto recorder = open(config);
  const std::string payload(700, 'x');
  StatusEvent status;
  alloc_guard::Counts heap;
  std::thread([&] {
    ::pthread_setname_np(::pthread_self(), "tapping");
    alloc_guard::watch_threads_named({"tapping"});
    alloc_guard::reset();
    for (int i = 0; i < 100'000; ++i) {
      put(recorder->tap(0), payload, MonoTime{i + 1});
      recorder->tap(0).status(status);
    }
    heap = alloc_guard::counts();
    alloc_guard::watch_threads_named({});
  }).join();
  EXPECT_EQ(heap.ours, 0U) << alloc_guard::report();
  EXPECT_EQ(heap.other, 0U) << alloc_guard::report();
}
#endif

}  // namespace
}  // namespace upfeed::detail
