#include "io_side.hpp"

#include <algorithm>
#include <utility>

namespace upfeed::detail {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// Nobody wakes the thread when the ring gets room or a dial ends; both are looked for this often.
constexpr std::int64_t kPollPendingNs = kMillisecond;
// A sleeping thread looks up this often, so that one that hangs can be told from it.
constexpr std::int64_t kHeartbeatNs = 1'000 * kMillisecond;

int timeout_ms(std::int64_t wait_ns) {
  constexpr std::int64_t kLongest = 60'000 * kMillisecond;
  // Rounded up: waking before the deadline would spin until it is reached.
  return static_cast<int>((std::clamp<std::int64_t>(wait_ns, 0, kLongest) + kMillisecond - 1) /
                          kMillisecond);
}

}  // namespace

LiveIo::LiveIo(const FeedConfig& config, std::vector<ConnectionPlace> places, DialBudget& budget,
               Intake& intake, Outlet& outlet)
    : outlet_(outlet), shared_{config, budget, connector_, intake, outlet, next_dial_} {
  for (const ConnectionPlace& place : places) slots_.push_back({place, nullptr});
}

std::size_t LiveIo::take_wanted(Slot& slot) {
  if (slot.at.mailbox->empty()) return 0;
  auto set = slot.at.mailbox->take();
  if (set == nullptr) return 0;
  if (slot.connection == nullptr) {
    if (set->empty()) return 0;
    slot.connection = std::make_unique<Connection>(slot.at.place, shared_);
  }
  slot.connection->want(std::move(*set));
  return 1;
}

std::size_t LiveIo::step() {
  if (finished_) return 0;
  std::size_t work = 0;
  for (Slot& slot : slots_) work += take_wanted(slot);
  while (auto result = connector_.poll_dial()) {
    for (Slot& slot : slots_) {
      if (slot.connection != nullptr && slot.connection->on_dialled(*result)) break;
    }
    ++work;
  }
  // Each connection's step is bounded; who comes first changes, so that none is always last.
  first_ = first_ + 1 >= slots_.size() ? 0 : first_ + 1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[(first_ + i) % slots_.size()];
    if (slot.connection != nullptr) work += slot.connection->step();
  }
  if (outlet_.pending()) work += outlet_.flush();
  return work;
}

bool LiveIo::has_input() const noexcept {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return !slot.at.mailbox->empty() ||
           (slot.connection != nullptr && slot.connection->has_buffered());
  });
}

void LiveIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  parker.prepare();
  if (stop.load(std::memory_order_acquire) || has_input()) {
    parker.cancel();
    return;
  }
  const MonoTime now = mono_now();
  std::int64_t wait_ns = kHeartbeatNs;
  parker.watch_none();
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr) continue;
    const Connection& connection = *slot.connection;
    wait_ns = std::min(wait_ns, connection.deadline() - now);
    if (connection.dialling()) wait_ns = std::min(wait_ns, kPollPendingNs);
    parker.watch(connection.fd(), connection.wants_write());
  }
  if (outlet_.pending()) wait_ns = std::min(wait_ns, kPollPendingNs);
  parker.wait(timeout_ms(wait_ns));
}

void LiveIo::finish() {
  if (finished_) return;
  finished_ = true;
  for (Slot& slot : slots_) {
    if (slot.connection != nullptr) slot.connection->stop();
  }
  connector_.stop();
}

std::vector<Connection::Place> LiveIo::places() const {
  std::vector<Connection::Place> places;
  for (const Slot& slot : slots_) places.push_back(slot.at.place);
  return places;
}

ReplayIo::ReplayIo(CaptureReader reader, Intake& intake, Outlet& outlet,
                   ConnectionCounters& counters)
    : reader_(std::move(reader)), intake_(intake), outlet_(outlet), counters_(counters) {
  counters_.state.store(SessionState::live, std::memory_order_relaxed);
  counters_.epoch.set(1);
}

std::size_t ReplayIo::step() {
  std::size_t frames = 0;
  while (frames < kFramesPerStep && !ended_) {
    // Lossless: what does not fit is not read.
    if (!outlet_.has_room()) break;
    CapturedFrame frame;
    const CaptureStep step = reader_.next(frame);
    if (step == CaptureStep::end) {
      notice(SessionState::stopped, StatusCause::end_of_capture, "end of capture");
      ended_ = true;
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
      counters_.frames.add();
      counters_.bytes.add(frame.payload.size());
      static_cast<void>(intake_.accept(frame.payload, meta, [](const EventHeader&) noexcept {}));
    }
    ++frames;
  }
  return frames;
}

void ReplayIo::notice(SessionState state, StatusCause cause, std::string_view text) {
  counters_.state.store(state, std::memory_order_relaxed);
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
  if (std::exchange(ended_, true)) return;
  notice(SessionState::stopped, StatusCause::requested, "stopped before the end of the capture");
}

void ReplayIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  // The ring was full or the file is read: the dispatcher is the one with work to do.
  parker.prepare();
  if (stop.load(std::memory_order_acquire)) {
    parker.cancel();
    return;
  }
  parker.watch_none();
  parker.wait(ended_ ? timeout_ms(kHeartbeatNs) : 1);
}

}  // namespace upfeed::detail
