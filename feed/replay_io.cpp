#include "replay_io.hpp"

#include <algorithm>
#include <utility>

#include "clock.hpp"
#include "session/status_text.hpp"

namespace upfeed::detail {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kHeartbeatNs = 1'000 * kMillisecond;
constexpr std::uint8_t kFirstControlOpcode = 8;  // RFC 6455, 5.2

}  // namespace

ReplayIo::ReplayIo(capture::MergedCapture capture, const ReplayOptions& options, Intake& intake,
                   Outlet& outlet, std::vector<ConnectionCounters>& connections,
                   ReplayCounters& counters)
    : capture_(std::move(capture)),
      options_(options),
      intake_(intake),
      outlet_(outlet),
      connections_(connections),
      counters_(counters),
      sources_(capture_.connection_count()) {
  for (const std::string& code : options.codes) codes_.push_back(*MarketCode::parse(code));
  std::sort(codes_.begin(), codes_.end());
  for (const EventKind kind : options.kinds) kinds_ |= 1U << static_cast<unsigned>(kind);
  counters_.bytes_total.set(capture_.bytes_total());
}

std::size_t ReplayIo::step() {
  std::size_t records = 0;
  while (records < kRecordsPerStep && !ended_) {
    // Lossless: what does not fit is not read.
    if (!outlet_.has_room() || !fetch()) break;
    hand_on();
    fetched_ = false;
    ++records;
  }
  counters_.bytes_read.set(capture_.bytes_read());
  return records;
}

bool ReplayIo::fetch() {
  if (!fetched_) {
    step_ = capture_.next(record_, time_ns_);
    fetched_ = true;
    if (step_ == CaptureStep::frame && begun_ns_ == 0) {
      begun_ns_ = mono_now().ns;
      first_time_ns_ = time_ns_;
    }
  }
  return wait_ns() <= 0;
}

/// Until the time of the record that was fetched comes.
std::int64_t ReplayIo::wait_ns() const noexcept {
  if (options_.speed == ReplayOptions::kFast || step_ != CaptureStep::frame) return 0;
  constexpr double kFarNs = 1e18;  // 30 years; more would not fit
  const double after =
      std::clamp(static_cast<double>(time_ns_ - first_time_ns_) / options_.speed, -kFarNs, kFarNs);
  return begun_ns_ + static_cast<std::int64_t>(after) - mono_now().ns;
}

void ReplayIo::hand_on() {
  if (step_ == CaptureStep::passed) return;
  if (step_ == CaptureStep::end) return end(StatusCause::end_of_capture, "end of capture");
  if (step_ == CaptureStep::bad_line) return note_damage();
  counters_.position_unix_ns.set(record_.received_unix_ns);
  switch (record_.type) {
    case CapturedType::frame:
      if (record_.opcode < kFirstControlOpcode) hand_on_frame();
      break;
    case CapturedType::status:
      hand_on_status();
      break;
    case CapturedType::loss:
      hand_on_loss();
      break;
    case CapturedType::request:
    case CapturedType::unknown:
      break;
  }
}

void ReplayIo::hand_on_frame() {
  const bool upcap = record_.received_mono_ns != 0;
  FrameMeta meta;
  meta.connection = record_.connection;
  meta.epoch = upcap ? std::max(record_.epoch, 1U) : 1;
  Source& source = sources_[record_.connection];
  ConnectionCounters& connection = connections_[record_.connection];
  if (source.epoch == 0 || !upcap) source.state = SessionState::live;
  source.epoch = std::max(source.epoch, meta.epoch);
  connection.state.store(source.state, std::memory_order_relaxed);
  connection.epoch.set(source.epoch);
  meta.frame_sequence = ++source.frames;
  meta.received_mono = time_ns_ != 0 ? MonoTime{time_ns_} : mono_now();
  meta.kernel_time = KernelTime{upcap ? record_.kernel_unix_ns : record_.received_unix_ns};
  meta.flags = record_.kernel_time_shared ? std::uint16_t{kKernelTimeShared} : std::uint16_t{0};
  connection.frames.add();
  connection.bytes.add(record_.payload.size());
  static_cast<void>(
      intake_.accept(record_.payload, meta,
                     [this](const EventHeader& event) noexcept { return is_wanted(event); }));
}

bool ReplayIo::is_wanted(const EventHeader& event) const noexcept {
  const bool wanted = (kinds_ == 0 || (kinds_ >> static_cast<unsigned>(event.kind) & 1U) != 0) &&
                      (codes_.empty() || event.code.empty() ||
                       std::binary_search(codes_.begin(), codes_.end(), event.code));
  if (!wanted) counters_.frames_passed.add();
  return wanted;
}

void ReplayIo::hand_on_status() {
  auto event = captured_status(record_);
  if (!event) return;
  event->received_mono = MonoTime{time_ns_};
  if (!event->code.empty()) event->market = intake_.market_of(event->code);
  Source& source = sources_[event->connection];
  source.epoch = std::max(source.epoch, event->epoch);
  source.state = event->state;
  connections_[event->connection].state.store(event->state, std::memory_order_relaxed);
  connections_[event->connection].epoch.set(source.epoch);
  outlet_.status(*event);
}

void ReplayIo::hand_on_loss() {
  const auto loss = captured_loss(record_);
  if (!loss) return;
  notice(record_.connection, sources_[record_.connection].state, StatusCause::recording,
         std::to_string(loss->records) + " records are missing here: the recorder lost them");
  missing(loss->records);
}

/// What is not there may be of any stream, so no book is believed before its next frame.
void ReplayIo::missing(std::uint64_t count) {
  counters_.records_missing.add(count);
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].epoch != 0) outlet_.charge_missing(count, i, sources_[i].epoch);
  }
}

void ReplayIo::note_damage() {
  const CaptureBadLine& bad = capture_.bad_line();
  const bool upcap = capture_.kind() == CaptureKind::upcap;
  const std::uint32_t connection = capture_.first_connection();
  const SessionState state = upcap ? sources_[connection].state : SessionState::live;
  const std::string at = upcap ? std::string() : "line " + std::to_string(bad.line) + ": ";
  notice(connection, state, StatusCause::bad_frames, status_line(at + std::string(bad.reason)));
  if (!upcap) return;
  // Where no number is known, only the end of a recorder that was killed may have cost nothing.
  const std::uint64_t lost = bad.lost_records.value_or(bad.torn ? 0 : 1);
  if (lost > 0) missing(lost);
}

void ReplayIo::notice(std::uint32_t connection, SessionState state, StatusCause cause,
                      std::string_view text) {
  Source& source = sources_[connection];
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.connection = connection;
  event.epoch = std::max(source.epoch, 1U);
  event.received_mono = time_ns_ != 0 ? MonoTime{time_ns_} : mono_now();
  event.previous_state = source.epoch == 0 ? SessionState::live : source.state;
  event.state = state;
  event.cause = cause;
  event.text.assign(text.substr(0, event.text.capacity()));
  source.state = state;
  connections_[connection].state.store(state, std::memory_order_relaxed);
  outlet_.status(event);
}

/// Connection 0 comes last: its end is that of the replay.
void ReplayIo::end(StatusCause cause, std::string_view text) {
  ended_ = true;
  for (std::uint32_t i = static_cast<std::uint32_t>(sources_.size()) - 1; i > 0; --i) {
    if (sources_[i].epoch == 0 || sources_[i].state == SessionState::stopped) continue;
    notice(i, SessionState::stopped, cause, text);
  }
  notice(0, SessionState::stopped, cause, text);
}

void ReplayIo::finish() {
  if (ended_) return;
  end(StatusCause::requested, "stopped before the end of the capture");
}

void ReplayIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  parker.prepare();
  if (stop.load(std::memory_order_acquire)) {
    parker.cancel();
    return;
  }
  parker.watch_none();
  if (ended_) return parker.wait(static_cast<int>(kHeartbeatNs / kMillisecond));
  const std::int64_t until_due = fetched_ ? wait_ns() : 0;
  if (until_due >= kMillisecond) {
    // Rounded down: the rest is slept in smaller pieces.
    parker.wait(static_cast<int>(std::min(until_due, kHeartbeatNs) / kMillisecond));
    return;
  }
  if (until_due > 0) {
    parker.cancel();
    std::this_thread::sleep_for(std::chrono::nanoseconds(until_due));
    return;
  }
  // The ring was full: the dispatcher is the one with work to do.
  parker.wait(1);
}

}  // namespace upfeed::detail
