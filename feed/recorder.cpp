#include "recorder.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#include "capture/status_record.hpp"
#include "capture/upcap_writer.hpp"
#include "clock.hpp"
#include "parker.hpp"

namespace upfeed::detail {

namespace {

using capture::CaptureNow;
using capture::CaptureWriter;
using capture::CaptureWriterState;

// At a gigabit of payload the default ring lasts for a quarter of a second.
constexpr auto kLookEvery = std::chrono::milliseconds(5);
// Between two looks at the clock while there is always more to write.
constexpr std::size_t kRecordsPerRound = 4096;
// Losses go on and on; people are told of them once a second.
constexpr std::int64_t kNewsEveryNs = 1'000'000'000;
constexpr std::uint8_t kOpcodeText = 1;

std::size_t largest_record(std::size_t ring_bytes) {
  constexpr std::size_t kRingOverhead = 72;  // see SpscRing
  return std::min(ring_bytes - kRingOverhead, sizeof(RecordTap::Header) + capture::kRecordBytesMax);
}

capture::CaptureWriterConfig writer_config(const FeedConfig& config) {
  const RecordConfig& record = config.record;
  capture::CaptureWriterConfig writer;
  writer.folder = record.directory;
  writer.name = record.name;
  writer.endpoint = "wss://" + config.endpoint.host + ":" + std::to_string(config.endpoint.port) +
                    config.endpoint.path;
  writer.flush_interval_ns = std::chrono::nanoseconds(record.flush_interval).count();
  writer.rotate_bytes = record.rotate_bytes;
  writer.rotate_interval_ns = std::chrono::nanoseconds(record.rotate_after).count();
  writer.compress = record.compress;
  writer.sync = static_cast<capture::CaptureSync>(record.sync);
  return writer;
}
static_assert(static_cast<int>(capture::CaptureSync::never) == static_cast<int>(RecordSync::never));
static_assert(static_cast<int>(capture::CaptureSync::on_close) ==
              static_cast<int>(RecordSync::on_close));
static_assert(static_cast<int>(capture::CaptureSync::on_block) ==
              static_cast<int>(RecordSync::on_block));

/// No signal handler of the program runs here. SIGXFSZ blocked: a write beyond RLIMIT_FSIZE is an
/// error then, and not the end of the process.
void block_signals() noexcept {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

// Of a core that a spinning thread wants, too, a quarter is left.
constexpr int kBackgroundNice = 5;

/// Never wakes up in place of a thread that receives, and gives way to one; the ring has the time.
void run_in_background() noexcept {
  const sched_param none{};
  // Where it is not allowed, the thread is one like the others.
  static_cast<void>(::sched_setscheduler(0, SCHED_BATCH, &none));
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, kBackgroundNice));
}

}  // namespace

// --- the I/O thread's end
// ---------------------------------------------------------------------------------------

RecordTap::RecordTap(std::size_t ring_bytes) : ring_(ring_bytes, largest_record(ring_bytes)) {}

void RecordTap::put(Header& header, std::span<const char> payload) noexcept {
  const std::size_t size = sizeof header + payload.size();
  std::byte* const room = size <= ring_.max_record_bytes() ? ring_.try_claim(size) : nullptr;
  if (room == nullptr) {
    if (loss_.lost_records == 0) loss_.lost_since_mono_ns = header.mono_ns;
    ++loss_.lost_records;
    loss_.lost_bytes += payload.size();
    loss_.mono_ns = header.mono_ns;
    totals_.lost_records.add();
    totals_.lost_bytes.add(payload.size());
    return;
  }
  header.lost_records = loss_.lost_records;
  header.lost_bytes = loss_.lost_bytes;
  header.lost_since_mono_ns = loss_.lost_since_mono_ns;
  loss_ = {};
  std::memcpy(room, &header, sizeof header);
  if (!payload.empty()) std::memcpy(room + sizeof header, payload.data(), payload.size());
  ring_.publish(size);
  totals_.records.add();
  totals_.bytes.add(payload.size());
}

void RecordTap::frame(std::uint8_t opcode, std::span<const char> payload,
                      const FrameMeta& meta) noexcept {
  Header header;
  header.mono_ns = meta.received_mono.ns;
  header.kernel_unix_ns = meta.kernel_time.unix_ns;
  header.connection = meta.connection;
  header.epoch = meta.epoch;
  header.opcode = opcode;
  header.flags = (meta.flags & kKernelTimeShared) != 0 ? capture::kRecordFlagKernelShared : 0;
  const std::uint64_t before = totals_.records.get();
  put(header, payload);
  totals_.frames.add(totals_.records.get() - before);
}

void RecordTap::request(std::span<const char> text, std::uint32_t connection, std::uint32_t epoch,
                        MonoTime now) noexcept {
  Header header;
  header.mono_ns = now.ns;
  header.connection = connection;
  header.epoch = epoch;
  header.type = capture::RecordType::sent_request;
  header.direction = capture::RecordDirection::sent;
  header.opcode = kOpcodeText;
  put(header, text);
}

void RecordTap::status(const StatusEvent& event) noexcept {
  Header header;
  header.mono_ns = event.received_mono.ns;
  header.connection = event.connection;
  header.epoch = event.epoch;
  header.type = capture::RecordType::status;
  header.direction = capture::RecordDirection::none;
  capture::StatusText text;
  put(header, capture::put_status(event, text));
}

// --- the recorder's thread
// --------------------------------------------------------------------------------------

struct Recorder::State {
  State(const FeedConfig& config, std::size_t tap_count) : ring_bytes(config.record.ring_bytes) {
    for (std::size_t i = 0; i < tap_count; ++i) {
      taps.push_back(std::make_unique<RecordTap>(ring_bytes));
    }
  }

  void run();
  void give_up(std::string_view why) noexcept;
  std::size_t drain();
  void append(std::span<const std::byte> record);
  void add_loss(const RecordTap::Header& header);
  [[nodiscard]] RecordTap* earliest() noexcept;
  void close();
  void publish();
  void tell(std::string_view what, std::int64_t now_ns);

  const std::size_t ring_bytes;
  std::vector<std::unique_ptr<RecordTap>> taps;
  std::optional<CaptureWriter> writer;
  std::int64_t unix_less_mono_ns = 0;  // as of this round
  std::uint64_t lost_in_taps = 0;      // of the writer's losses, those that the taps counted first
  std::uint64_t lost_bytes_in_taps = 0;
  std::uint64_t ring_bytes_high = 0;
  std::uint64_t lost_told = 0;
  std::uint64_t lost_by_writer_told = 0;
  std::int64_t told_at_ns = 0;

  std::atomic<std::uint64_t> news_count{0};
  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  bool finishing = false;
  bool ended = false;
  std::string problem;      // of the end
  RecorderMetrics metrics;  // without what the taps count
  std::string news;
};

void Recorder::State::run() {
  static_cast<void>(set_up_thread("upfeed-rec", -1));
  block_signals();
  run_in_background();
  for (;;) {
    bool last = false;
    {
      const std::lock_guard lock(mutex);
      // Asked before the round: what was put before is in it, or in one that follows at once.
      last = finishing;
    }
    const std::size_t count = drain();
    const MonoTime now = mono_now();
    writer->step({.mono_ns = now.ns, .unix_ns = now.ns + unix_less_mono_ns});
    publish();
    if (count == kRecordsPerRound) continue;
    if (last) break;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kLookEvery, [this] { return finishing; });
  }
  close();
}

/// No memory, or the like: the recording is over, and the feed goes on. The taps count from here
/// on.
void Recorder::State::give_up(std::string_view why) noexcept {
  try {
    const std::string text = "the recording has ended: " + std::string(why);
    tell(text, mono_now().ns);
    const std::lock_guard lock(mutex);
    metrics.state = RecorderState::failing;
    metrics.error = text;
    problem = text;
  } catch (...) {
    // Not even that: who waits for the end has to be told all the same.
  }
  const std::lock_guard lock(mutex);
  ended = true;
  changed.notify_all();
}

RecordTap* Recorder::State::earliest() noexcept {
  RecordTap* found = nullptr;
  std::int64_t found_ns = 0;
  for (const auto& tap : taps) {
    const std::span<const std::byte> record = tap->peek();
    if (record.empty()) continue;
    std::int64_t mono_ns = 0;
    std::memcpy(&mono_ns, record.data(), sizeof mono_ns);
    if (found != nullptr && found_ns <= mono_ns) continue;
    found = tap.get();
    found_ns = mono_ns;
  }
  return found;
}

std::size_t Recorder::State::drain() {
  // Wall times are made here, from the steady ones: no second clock on the I/O threads, and within
  // a round none that jumps.
  unix_less_mono_ns = wall_now_ns() - mono_now().ns;
  std::uint64_t used = 0;
  for (const auto& tap : taps) used = std::max<std::uint64_t>(used, tap->ring().used_bytes());
  ring_bytes_high = std::max(ring_bytes_high, used);
  // Packing is most of the work, and a large file is better than a hole in it.
  writer->hurry(used > ring_bytes / 2);
  std::size_t count = 0;
  for (; count < kRecordsPerRound; ++count) {
    RecordTap* const tap = earliest();
    if (tap == nullptr) break;
    append(tap->peek());
    tap->release();
  }
  return count;
}

void Recorder::State::append(std::span<const std::byte> record) {
  static_assert(offsetof(RecordTap::Header, mono_ns) == 0, "earliest() reads it there");
  RecordTap::Header header;
  std::memcpy(&header, record.data(), sizeof header);
  add_loss(header);
  const std::span<const std::byte> payload = record.subspan(sizeof header);
  writer->append({.type = header.type,
                  .direction = header.direction,
                  .opcode = header.opcode,
                  .flags = header.flags,
                  .connection = header.connection,
                  .epoch = header.epoch,
                  .mono_ns = header.mono_ns,
                  .unix_ns = header.mono_ns + unix_less_mono_ns,
                  .kernel_unix_ns = header.kernel_unix_ns,
                  .payload = {reinterpret_cast<const char*>(payload.data()), payload.size()}});
}

void Recorder::State::add_loss(const RecordTap::Header& header) {
  if (header.lost_records == 0) return;
  lost_in_taps += header.lost_records;
  lost_bytes_in_taps += header.lost_bytes;
  writer->add_loss({.records = header.lost_records,
                    .payload_bytes = header.lost_bytes,
                    .first_unix_ns = header.lost_since_mono_ns + unix_less_mono_ns,
                    .last_unix_ns = header.mono_ns + unix_less_mono_ns});
}

void Recorder::State::close() {
  for (const auto& tap : taps) add_loss(tap->unsaid_loss());
  const MonoTime now = mono_now();
  const Status closed = writer->close({.mono_ns = now.ns, .unix_ns = now.ns + unix_less_mono_ns});
  publish();
  const std::lock_guard lock(mutex);
  if (!closed) problem = closed.error().message;
  ended = true;
  changed.notify_all();
}

void Recorder::State::publish() {
  RecorderMetrics next;
  const capture::CaptureWriterStats& stats = writer->stats();
  switch (writer->state()) {
    case CaptureWriterState::recording:
      next.state = RecorderState::recording;
      break;
    case CaptureWriterState::failing:
      next.state = writer->out_of_room() ? RecorderState::disk_full : RecorderState::failing;
      break;
    case CaptureWriterState::closed:
      next.state = RecorderState::closed;
      break;
  }
  next.bytes_out = stats.bytes;
  next.records_lost = stats.records_lost - lost_in_taps;
  next.bytes_lost = stats.bytes_lost - lost_bytes_in_taps;
  next.files = stats.files;
  next.failures = stats.failures;
  next.ring_bytes = ring_bytes;
  next.ring_bytes_high = ring_bytes_high;
  next.path = writer->path();
  next.error = writer->error();
  std::uint64_t lost = next.records_lost;
  for (const auto& tap : taps) lost += tap->totals().lost_records.get();
  const bool changes = [&] {
    const std::lock_guard lock(mutex);
    return std::exchange(metrics, next).state != next.state;
  }();
  const std::int64_t now_ns = mono_now().ns;
  const bool failing =
      next.state == RecorderState::disk_full || next.state == RecorderState::failing;
  const bool by_writer = failing || next.records_lost != lost_by_writer_told;
  if (changes && failing) {
    tell("recording fails and is tried again: " + next.error, now_ns);
  } else if (changes && next.state == RecorderState::recording && told_at_ns != 0) {
    tell("recording goes on, " + std::to_string(lost) + " records lost", now_ns);
    lost_told = lost;
    lost_by_writer_told = next.records_lost;
  } else if (lost != lost_told && now_ns - told_at_ns >= kNewsEveryNs) {
    tell("the recording has lost " + std::to_string(lost - lost_told) + " records, " +
             (by_writer ? next.error : "the disk is too slow for record.ring_bytes"),
         now_ns);
    lost_told = lost;
    lost_by_writer_told = next.records_lost;
  }
}

void Recorder::State::tell(std::string_view what, std::int64_t now_ns) {
  told_at_ns = now_ns;
  const std::lock_guard lock(mutex);
  news = what;
  news_count.fetch_add(1, std::memory_order_relaxed);
}

// --- what the feed calls
// ----------------------------------------------------------------------------------------

Recorder::Recorder(std::shared_ptr<State> state) : state_(std::move(state)) {}

Recorder::~Recorder() {
  constexpr std::int64_t kLimitNs = 300'000'000;
  if (!thread_.joinable()) return;
  finish();
  static_cast<void>(wait(kLimitNs));
}

Result<std::unique_ptr<Recorder>> Recorder::open(const FeedConfig& config, std::size_t taps,
                                                 const capture::CaptureCalls* calls) {
  const CaptureNow now{.mono_ns = mono_now().ns, .unix_ns = wall_now_ns()};
  capture::CaptureWriterConfig to_writer = writer_config(config);
  if (calls != nullptr) to_writer.calls = *calls;
  auto writer = CaptureWriter::open(std::move(to_writer), now);
  if (!writer) return Error{writer.error().code, "record: " + writer.error().message};
  try {
    auto state = std::make_shared<State>(config, taps);
    state->writer.emplace(std::move(*writer));
    state->publish();
    auto recorder = std::unique_ptr<Recorder>(new Recorder(state));
    recorder->thread_ = std::thread([state] {
      try {
        state->run();
      } catch (const std::exception& error) {
        state->give_up(error.what());
      }
    });
    return recorder;
  } catch (const std::exception& error) {
    return Error{Errc::system, std::string("record: cannot start: ") + error.what()};
  }
}

RecordTap& Recorder::tap(std::size_t index) noexcept {
  return *state_->taps[index];
}

void Recorder::finish() noexcept {
  {
    const std::lock_guard lock(state_->mutex);
    state_->finishing = true;
  }
  state_->changed.notify_all();
}

Status Recorder::wait(std::int64_t limit_ns) {
  if (std::exchange(waited_, true)) return Done{};
  std::unique_lock lock(state_->mutex);
  const bool ended = state_->changed.wait_for(lock, std::chrono::nanoseconds(limit_ns),
                                              [this] { return state_->ended; });
  if (!ended) {
    thread_.detach();
    return Error{Errc::system, "the recording is still being written to \"" + state_->metrics.path +
                                   "\"; the disk is slow"};
  }
  lock.unlock();
  thread_.join();
  if (!state_->problem.empty()) return Error{Errc::system, state_->problem};
  return Done{};
}

RecorderMetrics Recorder::metrics() const {
  RecorderMetrics metrics;
  {
    const std::lock_guard lock(state_->mutex);
    metrics = state_->metrics;
  }
  for (const auto& tap : state_->taps) {
    metrics.frames += tap->totals().frames.get();
    metrics.records += tap->totals().records.get();
    metrics.bytes_in += tap->totals().bytes.get();
    metrics.records_lost += tap->totals().lost_records.get();
    metrics.bytes_lost += tap->totals().lost_bytes.get();
  }
  return metrics;
}

std::uint64_t Recorder::news_count() const noexcept {
  return state_->news_count.load(std::memory_order_relaxed);
}

std::string Recorder::news() const {
  const std::lock_guard lock(state_->mutex);
  return state_->news;
}

}  // namespace upfeed::detail
