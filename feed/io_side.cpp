#include "io_side.hpp"

#include <algorithm>

namespace upfeed::detail {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// Nobody wakes the thread when the ring gets room or a dial ends; both are looked for this often.
constexpr std::int64_t kPollPendingNs = kMillisecond;

int timeout_ms(std::int64_t wait_ns) {
  constexpr std::int64_t kLongest = 60'000 * kMillisecond;
  // Rounded up: waking before the deadline would spin until it is reached.
  return static_cast<int>((std::clamp<std::int64_t>(wait_ns, 0, kLongest) + kMillisecond - 1) /
                          kMillisecond);
}

}  // namespace

LiveIo::LiveIo(const FeedConfig& config, Intake& intake, Outlet& outlet, IntakeCounters& counters,
               WantedMailbox& mailbox)
    : outlet_(outlet),
      mailbox_(mailbox),
      budget_({.per_second = config.dials_per_second, .per_minute = config.dials_per_minute}),
      connection_(0, config, budget_, connector_, intake, outlet, counters) {}

std::size_t LiveIo::step() {
  if (finished_) return 0;
  std::size_t work = 0;
  if (!mailbox_.empty()) {
    if (auto set = mailbox_.take()) {
      connection_.want(std::move(*set));
      ++work;
    }
  }
  while (auto result = connector_.poll_dial()) {
    connection_.on_dialled(std::move(*result));
    ++work;
  }
  work += connection_.step();
  if (outlet_.pending()) work += outlet_.flush();
  state_.store(connection_.session().state(), std::memory_order_relaxed);
  epoch_.store(connection_.session().epoch(), std::memory_order_relaxed);
  return work;
}

void LiveIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  parker.prepare();
  if (stop.load(std::memory_order_acquire) || !mailbox_.empty() || connection_.has_buffered()) {
    parker.cancel();
    return;
  }
  std::int64_t wait_ns = connection_.deadline() - mono_now();
  if (outlet_.pending() || connection_.dialling()) wait_ns = std::min(wait_ns, kPollPendingNs);
  const int events = connection_.wants_write() ? POLLIN | POLLOUT : POLLIN;
  parker.wait(connection_.fd(), static_cast<short>(events), timeout_ms(wait_ns));
}

void LiveIo::finish() {
  if (finished_) return;
  finished_ = true;
  connection_.stop();
  connector_.stop();
  state_.store(SessionState::stopped, std::memory_order_relaxed);
}

std::size_t ReplayIo::step() {
  std::size_t frames = 0;
  while (frames < kFramesPerStep && !ended_.load(std::memory_order_relaxed)) {
    // Lossless: what does not fit is not read.
    if (!outlet_.has_room()) break;
    CapturedFrame frame;
    const CaptureStep step = reader_.next(frame);
    if (step == CaptureStep::end) {
      notice(SessionState::stopped, StatusCause::end_of_capture, "end of capture");
      ended_.store(true, std::memory_order_relaxed);
    } else if (step == CaptureStep::bad_line) {
      const CaptureBadLine& bad = reader_.bad_line();
      notice(SessionState::live, StatusCause::bad_frames,
             "line " + std::to_string(bad.line) + ": " + std::string(bad.reason));
    } else {
      FrameMeta meta;
      meta.epoch = 1;
      meta.frame_sequence = ++frame_sequence_;
      meta.received_mono = mono_now();
      meta.kernel_time = KernelTime{frame.received_unix_ns};
      static_cast<void>(intake_.accept(frame.payload, meta, [](const EventHeader&) noexcept {}));
    }
    ++frames;
  }
  return frames;
}

void ReplayIo::notice(SessionState state, StatusCause cause, std::string_view text) {
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.epoch = 1;
  event.received_mono = mono_now();
  event.previous_state = SessionState::live;
  event.state = state;
  event.cause = cause;
  event.text.assign(text.substr(0, event.text.capacity()));
  outlet_.status(event);
}

void ReplayIo::finish() {
  if (ended_.exchange(true, std::memory_order_relaxed)) return;
  notice(SessionState::stopped, StatusCause::requested, "stopped before the end of the capture");
}

void ReplayIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  // The ring was full or the file is read: the dispatcher is the one with work to do.
  parker.prepare();
  if (stop.load(std::memory_order_acquire)) {
    parker.cancel();
    return;
  }
  parker.wait(-1, 0, ended_.load(std::memory_order_relaxed) ? -1 : 1);
}

}  // namespace upfeed::detail
