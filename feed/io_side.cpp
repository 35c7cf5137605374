#include "io_side.hpp"

#include <algorithm>
#include <utility>

#include "session/status_text.hpp"

namespace upfeed::detail {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// Nobody wakes the thread when the ring gets room or a dial ends; both are looked for this often.
constexpr std::int64_t kPollPendingNs = kMillisecond;
// How long a younger connection has carried everything before the older one is closed.
constexpr std::int64_t kOverlapNs = 1'000 * kMillisecond;
// A sleeping thread looks up this often, so that one that hangs can be told from it.
constexpr std::int64_t kHeartbeatNs = 1'000 * kMillisecond;

int timeout_ms(std::int64_t wait_ns) {
  constexpr std::int64_t kLongest = 60'000 * kMillisecond;
  // Rounded up: waking before the deadline would spin until it is reached.
  return static_cast<int>((std::clamp<std::int64_t>(wait_ns, 0, kLongest) + kMillisecond - 1) /
                          kMillisecond);
}

}  // namespace

LiveIo::LiveIo(const FeedConfig& config, const std::vector<ConnectionPlace>& places,
               DialBudget& budget, Intake& intake, Outlet& outlet, RecordTap* tap,
               const Recorder* recorder)
    : outlet_(outlet),
      shared_{config, budget, connector_, intake, outlet, tap, next_dial_},
      recorder_(recorder) {
  for (const ConnectionPlace& place : places) slots_.push_back({.at = place});
}

std::size_t LiveIo::take_wanted(Slot& slot) {
  if (slot.at.mailbox->empty()) return 0;
  auto set = slot.at.mailbox->take();
  if (set == nullptr) return 0;
  if (slot.connection == nullptr) {
    if (set->empty()) return 0;
    slot.connection = std::make_unique<Connection>(slot.at.place, shared_);
  }
  slot.wanted = *set;
  if (slot.younger != nullptr) slot.younger->want(*set);
  slot.connection->want(std::move(*set));
  return 1;
}

std::size_t LiveIo::step() {
  if (finished_) return 0;
  std::size_t work = 0;
  for (Slot& slot : slots_) work += take_wanted(slot);
  while (auto result = connector_.poll_dial()) {
    bool taken = false;
    for (Slot& slot : slots_) {
      for_each_connection(slot, [&](Connection& connection) {
        if (!taken) taken = connection.on_dialled(*result);
      });
    }
    ++work;
  }
  // Each connection's step is bounded; who comes first changes, so that none is always last.
  first_ = first_ + 1 >= slots_.size() ? 0 : first_ + 1;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    work += step_slot(slots_[(first_ + i) % slots_.size()]);
  }
  if (outlet_.pending()) work += outlet_.flush();
  if (recorder_ != nullptr && recorder_->news_count() != news_told_) tell_news();
  return work;
}

void LiveIo::tell_news() {
  news_told_ = recorder_->news_count();
  const Slot& slot = slots_.front();
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.connection = slot.at.place.number;
  event.epoch = slot.connection != nullptr ? slot.connection->session().epoch() : 0;
  event.received_mono = mono_now();
  event.state =
      slot.connection != nullptr ? slot.connection->session().state() : SessionState::idle;
  event.previous_state = event.state;
  event.cause = StatusCause::recording;
  event.text.assign(status_line(recorder_->news()));
  outlet_.status(event);
}

std::size_t LiveIo::step_slot(Slot& slot) {
  if (slot.connection == nullptr) return 0;
  std::size_t work = slot.connection->step();
  if (shared_.config.renew_after.count() == 0 || slot.at.place.kind != ConnectionKind::market) {
    return work;
  }
  const MonoTime now = session_now();
  if (slot.younger != nullptr) {
    work += slot.younger->step();
    step_renewal(slot, now);
  } else if (wants_renewal(slot, now)) {
    begin_renewal(slot);
    ++work;
  }
  return work;
}

// --- planned renewals
// --------------------------------------------------------------------------------------------
//
//   older    live ............................ closed
//   younger        dial, ask, first frames, 1 s |-- takes over

bool LiveIo::wants_renewal(const Slot& slot, MonoTime now) const noexcept {
  const MonoTime since = slot.connection->live_since();
  return slot.connection->session().fully_subscribed() && since <= now &&
         now - since >= std::chrono::nanoseconds(shared_.config.renew_after).count();
}

void LiveIo::begin_renewal(Slot& slot) {
  const std::uint32_t epoch = slot.connection->session().epoch();
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.connection = slot.at.place.number;
  event.epoch = epoch;
  event.received_mono = mono_now();
  event.previous_state = SessionState::live;
  event.state = SessionState::live;
  event.cause = StatusCause::renewed;
  event.text.assign("a younger connection is being made");
  outlet_.status(event);
  slot.younger = std::make_unique<Connection>(slot.at.place, shared_, epoch + 1, true);
  slot.younger_ready = MonoTime{};
  slot.younger->want(slot.wanted);
}

void LiveIo::step_renewal(Slot& slot, MonoTime now) {
  const bool older_lives = slot.connection->session().state() == SessionState::live;
  if (!slot.younger->session().fully_subscribed()) {
    slot.younger_ready = MonoTime{};
  } else if (slot.younger_ready.ns == 0) {
    slot.younger_ready = now;
  }
  const bool ready = slot.younger_ready.ns != 0 && now - slot.younger_ready >= kOverlapNs;
  // Should the older one end by itself, the younger one is the fastest way back.
  if (!ready && older_lives) return;
  slot.connection->retire();
  slot.connection = std::move(slot.younger);
  slot.connection->takes_over();
}

bool LiveIo::has_input() const noexcept {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
    bool found = !slot.at.mailbox->empty();
    for_each_connection(slot, [&](const Connection& each) { found |= each.has_work(); });
    return found;
  });
}

void LiveIo::wait(Parker& parker, const std::atomic<bool>& stop) {
  parker.prepare();
  if (stop.load(std::memory_order_acquire) || has_input()) {
    parker.cancel();
    return;
  }
  const MonoTime now = session_now();
  std::int64_t wait_ns = kHeartbeatNs;
  parker.watch_none();
  for (const Slot& slot : slots_) {
    for_each_connection(slot, [&](Connection& connection) {
      connection.count();
      wait_ns = std::min(wait_ns, connection.deadline() - now);
      if (connection.dialling()) wait_ns = std::min(wait_ns, kPollPendingNs);
      parker.watch(connection.fd(), connection.wants_write());
    });
    if (slot.younger_ready.ns != 0) wait_ns = std::min(wait_ns, kOverlapNs / 10);
  }
  if (outlet_.pending()) wait_ns = std::min(wait_ns, kPollPendingNs);
  parker.wait(timeout_ms(wait_ns));
}

void LiveIo::finish() {
  if (finished_) return;
  finished_ = true;
  for (Slot& slot : slots_) {
    for_each_connection(slot, [](Connection& connection) { connection.stop(); });
  }
  connector_.stop();
}

std::vector<Connection::Place> LiveIo::places() const {
  std::vector<Connection::Place> places;
  for (const Slot& slot : slots_) places.push_back(slot.at.place);
  return places;
}

}  // namespace upfeed::detail
