#include "feed_core.hpp"

#include <chrono>
#include <exception>
#include <system_error>

namespace upfeed::detail {

namespace {

// How long stop() waits for a dispatcher that does not empty the ring.
constexpr std::int64_t kDrainNs = 500'000'000;

struct NoHandler {};

/// Empty when the pin succeeded.
std::string pin_problem(const char* thread, int cpu, int failed_errno) {
  if (failed_errno == 0) return {};
  return std::string("cannot pin the ") + thread + " thread to core " + std::to_string(cpu) + ": " +
         std::generic_category().message(failed_errno) + "; use -1 or a core of this machine";
}

}  // namespace

FeedCore::FeedCore(const FeedConfig& config, std::unique_ptr<CaptureReader> capture)
    : config_(config),
      markets_(config.market_capacity),
      ring_(config.ring_bytes, kEventBytesMax),
      outlet_(ring_, counters_, config.pending_markets_max),
      intake_(markets_, capture != nullptr ? UnknownMarkets::intern : UnknownMarkets::refuse,
              config.message_bytes_max, outlet_, counters_),
      dispatcher_(markets_, {&ring_}) {
  if (capture != nullptr) {
    io_ = std::make_unique<ReplayIo>(std::move(*capture), intake_, outlet_);
  } else {
    io_ = std::make_unique<LiveIo>(config_, intake_, outlet_, counters_, mailbox_);
  }
}

FeedCore::~FeedCore() = default;

// --- the two halves
// -------------------------------------------------------------------------------

std::size_t FeedCore::step_io() {
  const std::size_t work = io_->step();
  const std::uint64_t published = outlet_.published();
  if (published != published_seen_) {
    published_seen_ = published;
    counters_.ring_bytes_high.raise_to(ring_.used_bytes());
    dispatcher_parker_.wake();
  }
  return work;
}

void FeedCore::begin_poll() noexcept {
  if (dispatcher_.begin_poll(mailbox_)) io_parker_.wake();
}

void FeedCore::submit(Change change) {
  dispatcher_.submit(std::move(change));
  dispatcher_parker_.wake();
}

// --- threads
// --------------------------------------------------------------------------------------

void FeedCore::run_io() {
  const int failed = set_up_thread("upfeed-io", config_.io_cpu);
  io_ready_.store(failed, std::memory_order_release);
  io_ready_.notify_all();
  if (failed != 0) return;
  try {
    produce();
  } catch (const std::exception& error) {
    // Out of memory, or the user's log hook threw: the feed ends loudly rather than the process.
    report_failure(error.what());
  }
  io_->finish();
  const MonoTime give_up = mono_now() + kDrainNs;
  do {
    outlet_.flush();
    dispatcher_parker_.wake();
    if (outlet_.pending()) std::this_thread::sleep_for(std::chrono::microseconds(200));
  } while (outlet_.pending() && mono_now() < give_up);
  outlet_.abandon();
}

void FeedCore::produce() {
  while (!stop_io_.load(std::memory_order_acquire)) {
    if (step_io() != 0 || config_.io_wait == WaitPolicy::spin) continue;
    if (config_.io_wait == WaitPolicy::yield) {
      std::this_thread::yield();
    } else {
      io_->wait(io_parker_, stop_io_);
    }
  }
}

void FeedCore::report_failure(std::string_view reason) noexcept {
  StatusEvent event;
  event.size_bytes = sizeof event;
  event.epoch = io_->epoch();
  event.received_mono = mono_now();
  event.previous_state = SessionState::live;
  event.state = SessionState::failed;
  event.cause = StatusCause::io_error;
  event.text.assign(reason.substr(0, event.text.capacity()));
  outlet_.status(event);
}

void FeedCore::run_dispatcher() {
  const int failed = set_up_thread("upfeed-disp", config_.dispatcher_cpu);
  dispatcher_ready_.store(failed, std::memory_order_release);
  dispatcher_ready_.notify_all();
  if (failed != 0) return;
  for (;;) {
    // Asked before the poll: what was published before the stop is dispatched still.
    const bool last = stop_dispatcher_.load(std::memory_order_acquire);
    if (poll_(*this, handler_, Feed::kPollLimit) != 0) continue;
    if (last) return;
    if (config_.dispatcher_wait == WaitPolicy::spin) continue;
    if (config_.dispatcher_wait == WaitPolicy::yield) {
      std::this_thread::yield();
      continue;
    }
    dispatcher_parker_.prepare();
    if (dispatcher_.has_work() || stop_dispatcher_.load(std::memory_order_acquire)) {
      dispatcher_parker_.cancel();
    } else {
      dispatcher_parker_.wait(-1, 0, -1);
    }
  }
}

Status FeedCore::start(PollFunction poll, void* handler) {
  const std::lock_guard lock(control_mutex_);
  if (stopped()) return Error{Errc::stopped, "start: this feed has been stopped; make a new one"};
  if (running()) return Error{Errc::already_running, "start: the feed is running already"};
  poll_ = poll;
  handler_ = handler;
  io_ready_.store(kNotReady);
  dispatcher_ready_.store(kNotReady);
  running_.store(true, std::memory_order_release);
  std::string problem;
  try {
    dispatcher_thread_ = std::thread([this] { run_dispatcher(); });
    dispatcher_ready_.wait(kNotReady);
    problem = pin_problem("dispatcher", config_.dispatcher_cpu, dispatcher_ready_.load());
    if (problem.empty()) {
      io_thread_ = std::thread([this] { run_io(); });
      io_ready_.wait(kNotReady);
      problem = pin_problem("I/O", config_.io_cpu, io_ready_.load());
    }
  } catch (const std::system_error& error) {
    problem = std::string("cannot start a thread: ") + error.what();
  }
  if (problem.empty()) return Done{};
  join();
  stop_io_.store(false);
  stop_dispatcher_.store(false);
  return Error{Errc::system, "start: " + problem};
}

void FeedCore::join() {
  stop_io_.store(true, std::memory_order_release);
  io_parker_.wake();
  if (io_thread_.joinable()) io_thread_.join();
  stop_dispatcher_.store(true, std::memory_order_release);
  dispatcher_parker_.wake();
  if (dispatcher_thread_.joinable()) dispatcher_thread_.join();
  running_.store(false, std::memory_order_release);
}

Status FeedCore::stop() {
  if (dispatcher_.on_this_thread()) {
    return Error{Errc::called_from_callback,
                 "stop: called from a callback, which it would have to wait for; call it from "
                 "another thread"};
  }
  const std::lock_guard lock(control_mutex_);
  if (stopped_.exchange(true, std::memory_order_acq_rel)) return Done{};
  if (!running()) {
    io_->finish();
    drain();
  } else {
    join();
  }
  dispatcher_.disconnect_books();
  return Done{};
}

void FeedCore::drain() {
  NoHandler none;
  std::size_t moved = 0;
  do {
    moved = outlet_.flush();
    moved += poll_with(*this, none, Feed::kPollLimit);
  } while (moved != 0);
}

// --- metrics
// --------------------------------------------------------------------------------------

FeedMetrics FeedCore::metrics() const {
  FeedMetrics metrics;
  const DispatchCounters& dispatched = dispatcher_.counters();
  for (std::size_t i = 0; i < kCountedStreams; ++i) {
    StreamCounts& counts = i < kStreamCount ? metrics.streams[i] : metrics.unknown;
    // Ends before beginnings: a frame on its way between two reads shows as queued, never as less
    // than nothing.
    if (i < kStreamCount) counts.delivered = dispatched.delivered[i].get();
    counts.conflated = counters_.streams[i].conflated.get();
    counts.dropped = counters_.streams[i].dropped.get();
    counts.refused = counters_.streams[i].refused.get();
    counts.received = counters_.streams[i].received.get();
    const std::uint64_t done =
        counts.delivered + counts.conflated + counts.dropped + counts.refused;
    counts.queued = counts.received > done ? counts.received - done : 0;
  }
  for (std::size_t i = 0; i < kDecodeErrcCount; ++i) {
    metrics.refused_by_cause[i] = counters_.refused_by_cause[i].get();
  }
  metrics.frames = counters_.frames.get();
  metrics.bytes = counters_.bytes.get();
  metrics.receive_calls = counters_.receive_calls.get();
  metrics.requests_sent = counters_.requests_sent.get();
  metrics.dials = counters_.dials.get();
  metrics.reconnects = counters_.reconnects.get();
  metrics.callback_errors = dispatched.callback_errors.get();
  metrics.book_faults = dispatched.book_faults.get();
  metrics.ring_bytes_high = counters_.ring_bytes_high.get();
  metrics.state = io_->state();
  metrics.epoch = io_->epoch();
  return metrics;
}

}  // namespace upfeed::detail
